"""Where a ramp was when a threshold ended it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from perfcli.measurement.parts import break_of
from perfcli.measurement.samples import PhaseTimes
from perfcli.plan import ExecutionPlan

S = 1_000_000_000
RATE = {"executor": "ramping-arrival-rate", "stages": [{"target": "1000/s", "duration": "10s"}]}
VUS = {"executor": "ramping-vus", "start_vus": 0, "stages": [{"target": 10, "duration": "10s"}]}
STEADY = {"executor": "constant-arrival-rate", "rate": "5/s", "duration": "10s"}


@pytest.mark.parametrize(
    ("load", "broken_off", "told"),
    [
        (RATE, ("", 5 * S), "400/s"),
        (RATE, ("load", 99 * S), "1,000/s"),
        (VUS, ("", 5 * S), "4 vus"),
        (VUS, ("", 2 * S), "1 vu"),
        (RATE, None, None),
        (RATE, ("another", 5 * S), None),
        (RATE, ("", S // 2), None),
        (STEADY, ("", 5 * S), None),
    ],
)
def test_a_ramp_says_where_it_broke(
    load: dict[str, Any], broken_off: tuple[str, int] | None, told: str | None, make_plan: Callable[..., ExecutionPlan]
) -> None:
    plan = make_plan(["status"], setup={"pets": 2}, load=load)
    measurement: Any = SimpleNamespace(phases={0: PhaseTimes(began_ns=S)}, broken_off=broken_off)
    broke = break_of(measurement, plan.phases[0])
    assert (broke and str(broke)) == told


def test_a_ramp_that_was_over_by_then_did_not_break(make_plan: Callable[..., ExecutionPlan]) -> None:
    plan = make_plan(["status"], setup={"pets": 2}, load=RATE)
    measurement: Any = SimpleNamespace(phases={0: PhaseTimes(began_ns=S, ended_ns=3 * S)}, broken_off=("", 4 * S))
    assert break_of(measurement, plan.phases[0]) is None
