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
    """A plan: `flow` and any other keys of a scenario; without `load` or `phases`, 20 iterations of one vu."""

    def make(flow: list[Any], *, seed: int = 1, load: dict[str, Any] | None = None, **keys: Any) -> ExecutionPlan:
        load = {"executor": "shared-iterations", "iterations": 20, **(load or {})}
        if load["executor"] not in ("shared-iterations", "per-vu-iterations"):
            del load["iterations"]
        timing = {} if "phases" in keys else {"load": load}
        return plan_run(Scenario.model_validate({"name": "test", **timing, "flow": flow, **keys}), seed)

    return make


@pytest.fixture(autouse=True)
def _nothing_starves_runs_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests run beside, and what a run measures must not depend on them."""
    monkeypatch.setattr("perfcli.measurement.measured.starvation", lambda before, after: "")
