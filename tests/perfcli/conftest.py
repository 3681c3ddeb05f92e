"""What the tests of the tool share: scenarios made in a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perfcli.plan import ExecutionPlan, plan_run
from perfcli.scenario.models import Scenario

MakePlan = Callable[..., ExecutionPlan]


@pytest.fixture
def make_plan() -> MakePlan:
    """A plan: `flow` and any other key of a scenario; the load is 20 iterations of one vu unless given."""

    def make(flow: list[Any], *, seed: int = 1, load: dict[str, Any] | None = None, **keys: Any) -> ExecutionPlan:
        load = {"executor": "shared-iterations", "iterations": 20, **(load or {})}
        if load["executor"] == "constant-vus":
            del load["iterations"]
        return plan_run(Scenario.model_validate({"name": "test", "load": load, "flow": flow, **keys}), seed)

    return make
