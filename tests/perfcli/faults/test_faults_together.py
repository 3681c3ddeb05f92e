"""Faults and kills in one run: each reaches processes that are alive, and ends with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perfcli.plan import ExecutionPlan
from perfcli.results import FaultResult, RunResult
from perfcli.testing import Behaviour, SimulatedTime, simulate

pytestmark = pytest.mark.slow

MS = 1_000_000
START_NS = 1_000_000_000
LOOK_MS = 10
LOAD = {"executor": "constant-arrival-rate", "rate": "50/s", "vus": 8, "duration": "4s"}

Make = Callable[..., ExecutionPlan]


def suffered(make_plan: Make, *faults: dict[str, Any], stands_still_at_ms: list[int]) -> RunResult:
    # the tool looks at the time as long as there is a fault to come
    last = {"reader": {"at": "3900ms", "for": "10ms", "name": "last"}}
    plan = make_plan(["status"], setup={"pets": 1}, load=LOAD, faults=[*faults, last])
    time = SimulatedTime(START_NS, stands_still_at=[START_NS + ms * MS for ms in stands_still_at_ms])
    return simulate(plan, lambda label, call: Behaviour(takes_ns=5 * MS), time=time)


def ms(fault: FaultResult) -> tuple[float, float]:
    """When it began and when it was over."""
    assert fault.lasted_ns is not None
    return fault.at_ns / MS, (fault.at_ns + fault.lasted_ns) / MS


def test_a_pause_ends_with_the_last_process_that_stands_still(make_plan: Make) -> None:
    pause, kill = {"pause": {"at": "2s", "for": "1s"}}, {"kill": {"at": "2500ms"}}
    result = suffered(make_plan, pause, kill, stands_still_at_ms=[2_000])
    paused, killed, _ = result.faults
    assert ms(paused) == pytest.approx((2_000, 2_500), abs=5 * LOOK_MS)
    assert ms(killed)[0] == pytest.approx(2_500, abs=LOOK_MS)
    assert (paused.problem, killed.problem) == ("", "")
    assert (result.iterations, result.dropped_iterations) == (4 * 50 - result.interrupted_iterations, 0)
    # what was due or in flight at the kill has stood still since the pause began
    assert paused.outage_ns == killed.outage_ns
    assert killed.outage_ns is not None
    assert killed.outage_ns >= 500 * MS


def test_a_pause_that_is_over_leaves_the_next_process_alone(make_plan: Make) -> None:
    pauses = [{"pause": {"at": "2s", "for": "800ms"}}, {"pause": {"at": "3s", "for": "500ms", "name": "later"}}]
    result = suffered(make_plan, *pauses, {"kill": {"at": "2100ms"}}, stands_still_at_ms=[2_000, 3_000])
    first, _, later, _ = result.faults
    assert ms(first)[1] == pytest.approx(2_100, abs=5 * LOOK_MS)
    assert ms(later) == pytest.approx((3_000, 3_500), abs=5 * LOOK_MS)


def test_two_pauses_at_once_end_with_the_longer_one(make_plan: Make) -> None:
    pauses = [
        {"pause": {"at": "2s", "for": "800ms", "name": "long"}},
        {"pause": {"at": "2200ms", "for": "300ms", "name": "short"}},
    ]
    result = suffered(make_plan, *pauses, stands_still_at_ms=[2_000])
    long, short, _ = result.faults
    assert ms(long) == pytest.approx((2_000, 2_800), abs=5 * LOOK_MS)
    assert ms(short) == pytest.approx((2_200, 2_500), abs=5 * LOOK_MS)
    assert short.outage_ns is not None
    assert short.outage_ns >= 790 * MS


def test_nobody_is_paused_who_is_not_there(make_plan: Make) -> None:
    kill = {"kill": {"at": "2s", "restart_after": "900ms"}}
    result = suffered(make_plan, kill, {"pause": {"at": "2300ms", "for": "200ms"}}, stands_still_at_ms=[2_000])
    killed, paused, _ = result.faults
    assert (killed.problem, killed.operations > 40) == ("", True)
    assert paused.problem == "not inflicted: an engine process was down all the time"


def test_a_transaction_outlives_the_engine_process(make_plan: Make) -> None:
    reader, kill = {"reader": {"at": "2s", "for": "1s"}}, {"kill": {"at": "2200ms", "restart_after": "200ms"}}
    result = suffered(make_plan, reader, kill, stands_still_at_ms=[2_000, 2_200, 3_000])
    read, killed, _ = result.faults
    assert ms(read) == pytest.approx((2_000, 3_000), abs=5 * LOOK_MS)
    assert ms(killed)[1] < ms(read)[1]
    assert (read.problem, killed.problem) == ("", "")


def test_a_kill_that_is_due_while_its_process_is_replaced_waits(make_plan: Make) -> None:
    kills = {"kill": {"at": "2s", "every": "600ms", "times": 2, "restart_after": "500ms"}}
    early = {"kill": {"at": "2100ms", "name": "early"}}
    result = suffered(make_plan, kills, early, stands_still_at_ms=[2_000, 2_550, 2_700])
    first, second, third, _ = result.faults
    assert (first.problem, second.problem, third.problem) == ("", "", "")
    assert len(result.restarts) == 3
    assert ms(first)[1] <= ms(second)[0]
    assert ms(second)[1] <= ms(third)[0]
