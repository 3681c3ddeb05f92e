"""How long the tool waits for messages before it looks after its faults."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from perfcli.measurement.measurement import Measurement
from perfcli.plan import ExecutionPlan
from perfcli.run.fault_control import FaultControl

MS = 1_000_000
BEGAN_NS = 5_000 * MS
LOCK = {"lock": {"at": "2s", "for": "500ms"}}
Make = Callable[..., ExecutionPlan]


def wait_s(plan: ExecutionPlan, now_ms: int, *, began_ns: int | None = BEGAN_NS) -> float:
    """How long nothing is due, at most 100 ms, at this time in ms since the load began."""
    measurement = Measurement(plan)
    measurement.phases[0].began_ns = began_ns
    client: Any = SimpleNamespace(engine=SimpleNamespace(clock=SimpleNamespace(now_ns=lambda: BEGAN_NS + now_ms * MS)))
    kills: Any = None
    return FaultControl([client], kills, measurement).next_in_s(0.1)


@pytest.mark.parametrize(("now_ms", "expected_s"), [(0, 0.1), (1_900, 0.1), (1_960, 0.04), (1_999, 0.001)])
def test_it_waits_until_the_next_fault_is_due(now_ms: int, expected_s: float, make_plan: Make) -> None:
    assert wait_s(make_plan(["create_pet"], faults=[LOCK]), now_ms) == pytest.approx(expected_s)


def test_a_fault_that_is_not_possible_yet_is_tried_again_soon(make_plan: Make) -> None:
    assert wait_s(make_plan(["create_pet"], faults=[LOCK]), 2_100) == pytest.approx(0.001)


def test_nothing_is_due_before_the_load_begins(make_plan: Make) -> None:
    assert wait_s(make_plan(["create_pet"], faults=[LOCK]), 1_960, began_ns=None) == 0.1


def test_nothing_is_due_without_faults(make_plan: Make) -> None:
    assert wait_s(make_plan(["create_pet"]), 1_960) == 0.1
