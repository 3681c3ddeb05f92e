"""One of two engines that are compared: what each of its operations adds to its database."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from perfcli.ab.side import Side
from perfcli.plan import ExecutionPlan

Make = Callable[..., ExecutionPlan]


@pytest.mark.parametrize(("operations", "expected"), [(100, 6.0), (1, 600.0), (0, 600.0)])
def test_growth_is_what_was_added_for_each_operation(operations: int, expected: float, make_plan: Make) -> None:
    handle: Any = SimpleNamespace(incarnation=0, database=SimpleNamespace(used_bytes=lambda: 10_600))
    side = Side(handle, make_plan(["create_pet"]), lambda: False, is_base=True)
    side.outcome.operations = operations
    assert side.growth_since(10_000) == expected
