"""A result to tell of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult
from perfcli.testing import simulate


@pytest.fixture
def simulated(make_plan: Callable[..., ExecutionPlan]) -> RunResult:
    """Of a simulated run in two phases."""
    load = {"executor": "shared-iterations", "iterations": 50}
    phases = [{"name": name, "load": load, "flow": ["load_pet", "save_pet"]} for name in ("calm", "rush")]
    return simulate(make_plan([], phases=phases, setup={"pets": 2}, thresholds=["success_rate == 100%"]))
