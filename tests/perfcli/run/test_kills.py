"""Engine processes that are killed as planned: what is done again, what is unknown, and what ends the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perfcli.errors import Verdict
from perfcli.faults.signals import Kill
from perfcli.judgement import Ending, judge, rules_of
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult, UnjudgedRun
from perfcli.testing import Behaviour, SimulatedTime, simulate

pytestmark = pytest.mark.slow

MS = 1_000_000
START_NS = 1_000_000_000
PETS = {"setup": {"pets": 4}}
TWO_VUS = {"executor": "constant-vus", "vus": 2, "duration": "4s"}
FIFTY_A_SECOND = {"executor": "constant-arrival-rate", "rate": "50/s", "vus": 2, "duration": "4s"}

Make = Callable[..., ExecutionPlan]


def ten_ms(label: str, call: int) -> Behaviour:
    return Behaviour(takes_ns=10 * MS)


def killed(
    plan: ExecutionPlan, *at_ms: int, restart_after_ms: int = 0, phase: str = "", began_ms: int = 0
) -> RunResult:
    """The result of a run whose engine process is killed at these times, by faults of a phase that began then."""
    faults = [
        Kill(
            fault="kill",
            name=f"at-{ms}",
            at=f"{ms - began_ms}ms",
            restart_after=f"{restart_after_ms}ms",
            phase=phase,
        )
        for ms in at_ms
    ]
    scenario = plan.scenario.model_copy(update={"faults": faults})
    time = SimulatedTime(START_NS, stands_still_at=[START_NS + ms * MS for ms in at_ms])
    return simulate(plan.model_copy(update={"scenario": scenario}), ten_ms, time=time)


def iterations_in(result: RunResult, incarnation: int) -> int:
    return sum(work.iterations for work in result.vus if work.incarnation == incarnation)


def test_a_closed_load_goes_on_for_the_time_that_is_left(make_plan: Make) -> None:
    result = killed(make_plan(["status"], **PETS, load=TWO_VUS), 2505, restart_after_ms=200)
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    (restart,) = result.restarts
    assert restart.at_ns == 2505 * MS
    assert restart.down_ns is not None
    assert restart.down_ns >= 200 * MS
    # of each vu the one in flight, and what is younger than 20 ms
    assert 2 <= restart.unknown <= 6
    before, after = iterations_in(result, 0), iterations_in(result, 1)
    assert before == 2 * 251 - restart.unknown
    assert after == 2 * -(-(1495 * MS - restart.down_ns) // (10 * MS))
    assert (result.iterations, result.interrupted_iterations, result.dropped_iterations) == (before + after, 2, 0)
    assert result.duration_ns == pytest.approx(4_000 * MS, abs=10 * MS)


def test_arrivals_due_while_it_is_down_begin_late(make_plan: Make) -> None:
    result = killed(make_plan(["status"], **PETS, load=FIFTY_A_SECOND), 2505, restart_after_ms=200)
    (restart,) = result.restarts
    assert (result.iterations, result.interrupted_iterations, result.dropped_iterations) == (199, 1, 0)
    assert restart.unknown == 1
    assert restart.down_ns is not None
    assert result.schedule_lag is not None
    # the first of them was due at 2520 ms
    assert result.schedule_lag.max_ns == restart.at_ns + restart.down_ns - 2520 * MS
    assert result.achieved_per_s == pytest.approx(50)


@pytest.mark.parametrize("executor", ["shared-iterations", "per-vu-iterations"])
def test_a_number_of_iterations_is_done_whole(executor: str, make_plan: Make) -> None:
    planned = 60 if executor == "shared-iterations" else 20
    phases = [
        {"name": "timed", "load": {"executor": "constant-vus", "duration": "1s"}},
        {"name": "counted", "load": {"executor": executor, "iterations": planned, "vus": 3, "start_after": "0s"}},
    ]
    result = killed(make_plan(["create_pet", "interact"], **PETS, phases=phases), 100, 200)
    assert (result.phases[1].iterations, result.dropped_iterations) == (60, 0)
    assert {work.incarnation for work in result.vus} == {0, 1, 2}
    assert result.performed_as_planned


def test_what_is_unknown_is_neither_lost_nor_stored_twice(make_plan: Make) -> None:
    load = {"executor": "per-vu-iterations", "iterations": 20, "vus": 3}
    result = killed(make_plan(["interact", "save_pet", "load_pet"], **PETS, load=load), 105, 305)
    assert sum(restart.unknown for restart in result.restarts) > 0
    assert result.integrity is not None
    assert (result.integrity.lost, result.integrity.duplicates, result.integrity.examples) == (0, 0, [])


def test_phases_that_were_over_stay_over(make_plan: Make) -> None:
    phases = [
        {"name": "first", "load": {"executor": "per-vu-iterations", "iterations": 5}},
        {"name": "second", "load": {"executor": "per-vu-iterations", "iterations": 30}},
        {"name": "beside", "load": {"executor": "per-vu-iterations", "iterations": 5, "start_after": "0s"}},
        {"name": "timed", "load": {"executor": "constant-vus", "duration": "400ms", "start_after": "0s"}},
        {"name": "last", "load": {"executor": "per-vu-iterations", "iterations": 5}},
    ]
    result = killed(make_plan(["status"], **PETS, phases=phases), 205, phase="timed", began_ms=50)
    assert [phase.iterations for phase in result.phases if phase.name != "timed"] == [5, 30, 5, 5]
    worked = {(work.vu, work.incarnation) for work in result.vus if work.operations}
    assert worked == {(0, 0), (1, 0), (1, 1), (2, 0), (3, 0), (3, 1), (4, 1)}
    short = [phase.duration_ns for phase in result.phases if phase.name in ("first", "beside", "last")]
    assert short == [50 * MS] * 3


def test_a_load_that_was_over_before_the_kill_is_invalid(make_plan: Make) -> None:
    result = killed(make_plan(["status"], **PETS, load=TWO_VUS), 10_000)
    assert result.verdict is Verdict.INVALID
    assert result.reasons == ["at-10000 at 10.0 s: not inflicted: the load ended before it was due"]


@pytest.mark.parametrize("starved", ["", "others had the CPU"])
def test_no_engine_fails_for_what_a_fault_that_was_not_inflicted_would_show(starved: str, make_plan: Make) -> None:
    plan = make_plan(["status"], **PETS, load=TWO_VUS, thresholds=["db_errors > 0"])
    run = UnjudgedRun.model_validate(killed(plan, 10_000).model_dump(include=set(UnjudgedRun.model_fields)))
    result = judge(run.model_copy(update={"starved": starved}), rules_of(plan.scenario), Ending())
    assert result.verdict is Verdict.INVALID
    why_not, *others = result.reasons
    assert why_not == "at-10000 at 10.0 s: not inflicted: the load ended before it was due"
    assert others == ["db_errors > 0: 0", *filter(None, [starved])]


def test_outage_and_recovery_count_from_the_kill(make_plan: Make) -> None:
    limits = ["success_rate == 100% during at-1505"]
    plan = make_plan(["status"], **PETS, load=FIFTY_A_SECOND, thresholds=limits)
    result = killed(plan, 1505, restart_after_ms=300)
    (fault,), (restart,) = result.faults, result.restarts
    assert restart.down_ns is not None
    assert (fault.at_ns, fault.lasted_ns, fault.recovery_ns) == (1505 * MS, restart.down_ns, restart.down_ns)
    # the operation in flight began at 1.5 s; the first that was due after it is answered 10 ms after the restart
    assert fault.outage_ns == pytest.approx(5 * MS + restart.down_ns + 10 * MS, abs=MS)
    assert (fault.in_flight, restart.unknown, fault.failed) == (1, 1, 0)
    assert fault.operations == pytest.approx(restart.down_ns / (20 * MS), abs=1)
    assert (fault.problem, result.windows) == ("", {limits[0]: 1.0})


def test_a_backlog_delays_the_recovery_from_a_kill(make_plan: Make) -> None:
    limits = {"steady_state": ["latency.max < 100ms"]}
    result = killed(make_plan(["status"], **PETS, load=FIFTY_A_SECOND, **limits), 1505, restart_after_ms=600)
    (fault,) = result.faults
    assert fault.recovery_ns is not None
    assert fault.lasted_ns is not None
    assert fault.recovery_ns > fault.lasted_ns + 100 * MS
