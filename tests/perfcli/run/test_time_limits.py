"""When a run reports a hang: never for what the scenario itself asks for."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.plan import ExecutionPlan, longest_call_ns
from perfcli.run.time_limits import GRACE_S, STOP_GRACE_S, TimeLimits
from perfcli.targets.mcp_http import http_client

SLOW_RATE = {"executor": "constant-arrival-rate", "rate": "1/m", "duration": "10m"}
SLOW_RAMP = {
    "executor": "ramping-vus",
    "start_vus": 0,
    "stages": [{"target": 1, "duration": "31s"}, {"target": 1, "duration": "1s"}],
}


def most_silence_s(plan: ExecutionPlan, stage: str = "measuring", process: int = 0, wave: int = 0) -> float:
    """Beyond the grace: what the plan itself explains."""
    silence_s = TimeLimits(plan).silence_s(stage, process, wave)
    assert silence_s is not None
    return silence_s - GRACE_S


def is_hang(plan: ExecutionPlan, stage: str, *, lasted_s: float = 0, silent_s: float = 0, wave: int = 0) -> bool:
    return TimeLimits(plan).is_over(stage, 0, wave, lasted_s=lasted_s, silent_s=silent_s)


def test_the_scenarios_own_pauses_are_no_hang(make_plan: Any) -> None:
    plan = make_plan(
        ["interact", {"sleep": "40s"}],
        setup={"pets": 1},
        engine={"ai": {"latency": "8s", "jitter": "1s"}},
        load={"executor": "constant-vus", "duration": "1s", "think_time": "20s"},
    )
    own_s = 8 + 10 + 40 + 20
    assert most_silence_s(plan) == own_s
    assert not is_hang(plan, "measuring", lasted_s=own_s, silent_s=own_s)
    assert is_hang(plan, "measuring", silent_s=own_s + GRACE_S + 1)
    graceful_stop_s = 30
    assert not is_hang(plan, "measuring", lasted_s=1 + graceful_stop_s + own_s)
    assert is_hang(plan, "measuring", lasted_s=1 + graceful_stop_s + own_s + GRACE_S + 1)


@pytest.mark.parametrize(
    ("flow", "silence_s"),
    [
        ([{"status": {"timeout": "60s"}}], 60),
        ([{"status": {"timeout": "60s"}}, {"load_pet": {"timeout": "90s"}}], 90),
        ([{"interact": {"timeout": "60s"}}], 60),
        (["status", {"sleep": "20s"}, {"sleep": "30s"}, {"status": {"timeout": "10s", "name": "again"}}], 60),
        ([{"sleep": "15s"}, "status", {"sleep": "20s"}], 35),
        ([{"sleep": {"duration": "100s", "weight": 1}}, {"status": {"timeout": "10s", "weight": 1}}], 110),
    ],
)
def test_a_step_has_the_time_it_was_given(flow: list[Any], silence_s: float, make_plan: Any) -> None:
    assert most_silence_s(make_plan(flow, setup={"pets": 1})) == silence_s


@pytest.mark.parametrize(
    ("load", "processes", "silence_s"),
    [
        (SLOW_RAMP, 1, 31),
        (SLOW_RATE, 1, 60),
        (SLOW_RATE, 4, 240),
        ({**SLOW_RATE, "vus": 1}, 2, 600),  # the second process has no vu, so no arrival
        ({"executor": "constant-vus", "vus": 1, "duration": "5m"}, 2, 300),
        ({"executor": "constant-vus", "vus": 2, "duration": "5m"}, 2, 0),
        ({"executor": "constant-vus", "vus": 1, "duration": "5m", "start_after": "50s"}, 1, 50),
    ],
)
def test_a_planned_silence_is_no_hang(load: Any, processes: int, silence_s: float, make_plan: Any) -> None:
    plan = make_plan(["status"], setup={"pets": 1}, load=load, pool={"processes": processes})
    assert most_silence_s(plan, process=processes - 1) == silence_s


def test_phases_beside_one_another_break_their_silence(make_plan: Any) -> None:
    busy = {"executor": "constant-vus", "duration": "20m"}
    soon_done = {"executor": "shared-iterations", "iterations": 1}
    later = {**SLOW_RATE, "start_after": "90s"}

    def plan(*loads: Any) -> ExecutionPlan:
        phases = [{"name": f"p{number}", "load": load} for number, load in enumerate(loads)]
        made: ExecutionPlan = make_plan(["status"], setup={"pets": 1}, phases=phases)
        return made

    assert most_silence_s(plan(busy, later)) == 0
    assert most_silence_s(plan(soon_done, later)) == 90 + 60
    assert most_silence_s(plan(soon_done, {**soon_done, "start_after": "2m"})) == 120
    # each wave for itself: a quiet one does not blind the watch over the others
    two_waves = plan(busy, SLOW_RATE)
    assert (most_silence_s(two_waves, wave=0), most_silence_s(two_waves, wave=1)) == (0, 60)


def test_a_warm_up_has_silences_of_its_own(make_plan: Any) -> None:
    plan = make_plan(
        ["status"],
        setup={"pets": 1},
        pool={"processes": 2},
        load={"executor": "constant-vus", "duration": "1s", "warmup": "90s"},
    )
    assert most_silence_s(plan, "warm-up", process=1) == 90  # it has no vu, and waits for the other
    assert not is_hang(plan, "warm-up", lasted_s=90 + 30)
    assert is_hang(plan, "warm-up", lasted_s=90 + 30 + GRACE_S + 1)


def test_silence_is_a_hang_long_before_the_load_is_due(make_plan: Any) -> None:
    plan = make_plan(["status"], setup={"pets": 1})
    assert is_hang(plan, "measuring", lasted_s=31, silent_s=31)
    assert not is_hang(plan, "measuring", lasted_s=500, silent_s=1)


@pytest.mark.parametrize("stage", ["set-up", "clean-up", "close", "asking for answers"])
def test_many_pets_have_their_time(stage: str, make_plan: Any) -> None:
    assert is_hang(make_plan(["status"], setup={"pets": 1}), stage, lasted_s=61, silent_s=61)
    assert not is_hang(make_plan(["status"], setup={"pets": 20_000}), stage, lasted_s=1000, silent_s=1000)


def test_counting_costs_has_its_time_in_every_phase(make_plan: Any) -> None:
    phases = [{"name": f"p{n}", "load": {"executor": "shared-iterations", "iterations": 1}} for n in range(20)]
    plan = make_plan(["status"], setup={"pets": 1}, phases=phases)
    assert not is_hang(plan, "counting", lasted_s=20 * 2 * 5, silent_s=20 * 2 * 5)


def test_a_person_waits_less_than_a_threshold(make_plan: Any) -> None:
    limits = TimeLimits(make_plan(["interact"], setup={"pets": 1}, engine={"ai": {"latency": "8s"}}))
    assert limits.is_over_after_stop(STOP_GRACE_S + 0.1, interrupted=True)
    assert not limits.is_over_after_stop(8 + GRACE_S, interrupted=False)


def test_a_threshold_that_stops_the_load_waits_for_a_step_with_a_timeout(make_plan: Any) -> None:
    limits = TimeLimits(make_plan([{"status": {"timeout": "60s"}}], setup={"pets": 1}))
    assert not limits.is_over_after_stop(60 + GRACE_S, interrupted=False)


@pytest.mark.parametrize(
    ("flow", "ai", "read_s"),
    [
        (["status"], "8m", 300),
        ([{"status": {"timeout": "10m"}}], "8m", 630),
        (["interact"], "8m", 510),
    ],
)
def test_an_answer_over_http_has_the_time_of_its_step(flow: list[Any], ai: str, read_s: float, make_plan: Any) -> None:
    plan = make_plan(flow, setup={"pets": 1}, engine={"ai": {"latency": ai}})
    client = http_client("http://127.0.0.1:1/mcp", longest_call_ns(plan) / 1e9)
    assert (client.open_read_s, client.timeout.read) == (read_s, read_s)
