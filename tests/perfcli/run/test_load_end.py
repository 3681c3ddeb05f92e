"""Loads with a fixed number of iterations, in a phase with faults: when they end."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any

import pytest

from perfcli.executors.base import Tickets
from perfcli.executors.repeated import EndableSchedule
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult
from perfcli.run import load_end
from perfcli.testing import Behaviour, SimulatedTime, simulate

MS = 1_000_000
SECOND = 1_000_000_000
START_NS = SECOND
READER = {"reader": {"at": "2s", "for": "500ms"}}
COUNTED = {"executor": "per-vu-iterations", "vus": 2, "iterations": 10}
LATER_S = range(6, 32)
"""For a tool that is slower than the simulated load, and has not read at 5.5 s what happened until then."""
Make = Callable[..., ExecutionPlan]


@pytest.fixture(autouse=True)
def _at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_end, "_INTERVAL_S", 0)
    monkeypatch.setattr(load_end, "_REST", 0)


def run(plan: ExecutionPlan, *, fails_after: int = 10**9, looks_at_s: list[float]) -> RunResult:
    """The tool looks at the beginning and the end of the fault, and at these times."""
    time = SimulatedTime(START_NS, stands_still_at=[START_NS + int(at_s * SECOND) for at_s in (2, 2.5, *looks_at_s)])
    fine, failing = Behaviour(takes_ns=20 * MS), Behaviour(takes_ns=20 * MS, problem="wrong")
    return simulate(plan, lambda label, call: fine if call < fails_after else failing, time=time)


@pytest.mark.slow
def test_they_end_when_the_load_was_well_for_two_seconds(make_plan: Make) -> None:
    plan = make_plan(["status"], setup={"pets": 1}, load=COUNTED, faults=[READER], thresholds=["recovery < 1s"])
    result = run(plan, looks_at_s=[4.5, 5.5, *LATER_S])
    assert result.duration_ns is not None
    # 2 s after the fault's end, and samples may be 500 ms on their way
    assert 5 * SECOND <= result.duration_ns < 32 * SECOND
    assert result.faults[0].recovery_ns == 0
    assert (result.dropped_iterations, result.reasons) == (0, [])
    assert result.total.ok > 20, "more than it was asked for"
    assert result.performed_as_planned


@pytest.mark.slow
def test_they_do_what_they_were_asked_for(make_plan: Make) -> None:
    load = {**COUNTED, "iterations": 400}
    plan = make_plan(["status"], setup={"pets": 1}, load=load, faults=[READER])
    result = run(plan, looks_at_s=[5.5, 7, 8.5, *LATER_S[3:]])
    assert result.total.ok >= 800
    assert result.duration_ns is not None
    assert 8 * SECOND <= result.duration_ns < 32 * SECOND


@pytest.mark.slow
def test_they_end_in_half_a_minute_if_it_never_recovers(make_plan: Make) -> None:
    plan = make_plan(["status"], setup={"pets": 1}, load=COUNTED, faults=[READER], thresholds=["recovery < 1s"])
    result = run(plan, fails_after=205, looks_at_s=[5.5, 32, 33])
    assert result.duration_ns is not None
    assert 32.5 * SECOND < result.duration_ns < 60 * SECOND
    told = "; ".join(result.reasons)
    assert "load: iterations were repeated for 3" in told
    assert " s after the last fault, and it never recovered" in told
    assert result.faults[0].recovery_ns is None


@pytest.mark.slow
def test_only_the_phase_of_the_fault_is_repeated(make_plan: Make) -> None:
    phases: list[dict[str, Any]] = [
        {"name": "first", "load": COUNTED},
        {"name": "then", "load": {**COUNTED, "iterations": 3}},
    ]
    plan = make_plan(["status"], setup={"pets": 1}, phases=phases, faults=[READER])
    first, then = run(plan, looks_at_s=[5.5, *LATER_S]).phases
    assert first.iterations > 20
    assert then.iterations == 6


def test_a_schedule_ends_on_order() -> None:
    is_over = False
    schedule = EndableSchedule(Tickets(lambda vu: repeat(None), 10 * SECOND), lambda: is_over)
    whole = schedule.back_to_back(0)
    assert whole is not None
    tickets, deadline_ns = whole
    assert deadline_ns == 10 * SECOND
    next(tickets)
    assert schedule.next_start_ns(0, 5) == 5
    is_over = True
    assert list(tickets) == []
    assert schedule.next_start_ns(0, 5) is None
