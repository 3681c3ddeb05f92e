"""A phase lasts as long as its plan says, rests at its end included; rates count that time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from perfcli.errors import Verdict
from perfcli.observer import Progress
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult
from perfcli.run import StopRequest, run_scenario
from perfcli.testing import Behaviour, simulate

pytestmark = pytest.mark.slow

MS = 10**6
S = 1000 * MS
PETS = {"setup": {"pets": 4}}

RAMP = [{"target": 1, "duration": "1s"}, {"target": 0, "duration": "0s"}, {"target": 0, "duration": "5s"}]
RATES = [{"target": "20/s", "duration": "1s"}, {"target": "0/s", "duration": "0s"}, {"target": "0/s", "duration": "5s"}]
RESTING = {
    "ramping-vus": {"executor": "ramping-vus", "stages": RAMP},
    "ramping-arrival-rate": {"executor": "ramping-arrival-rate", "stages": RATES},
    "constant-arrival-rate": {"executor": "constant-arrival-rate", "rate": "10/m", "duration": "6s"},
    "constant-vus": {"executor": "constant-vus", "duration": "6s", "think_time": "1m"},
}


def took(label: str, call: int) -> Behaviour:
    return Behaviour(takes_ns=MS)


@pytest.mark.slow
@pytest.mark.parametrize("load", RESTING.values(), ids=RESTING)
def test_a_rest_at_the_end_is_part_of_the_phase(load: dict[str, Any], make_plan: Any) -> None:
    result = simulate(make_plan(["status"], **PETS, load=load), took)
    assert result.duration_ns == result.phases[0].duration_ns == 6 * S
    assert result.total.throughput_per_s == pytest.approx(result.total.ok / 6)


@pytest.mark.slow
@pytest.mark.parametrize("load", RESTING.values(), ids=RESTING)
@pytest.mark.parametrize("warmup", ["0s", "2s"])
def test_the_next_phase_waits_for_the_rest(load: dict[str, Any], warmup: str, make_plan: Any) -> None:
    rush = {"executor": "constant-arrival-rate", "rate": "10/s", "duration": "1s", "warmup": warmup}
    phases = [{"name": "calm", "load": load}, {"name": "rush", "load": rush}]
    calm, then = simulate(make_plan(["status"], **PETS, phases=phases), took).phases
    assert calm.duration_ns == 6 * S
    assert then.began_ns == pytest.approx((6 if warmup == "0s" else 8) * S, abs=2 * MS)
    assert then.duration_ns == S


def test_phases_beside_one_another_end_each_in_its_own_time(make_plan: Any) -> None:
    calm = {"executor": "constant-arrival-rate", "rate": "10/m", "duration": "6s"}
    later = {"executor": "constant-vus", "duration": "2s", "think_time": "500ms", "start_after": "1s"}
    counted = {"executor": "shared-iterations", "iterations": 5, "start_after": "0s"}
    phases = [{"name": name, "load": load} for name, load in {"calm": calm, "later": later, "counted": counted}.items()]
    result = simulate(make_plan(["status"], **PETS, phases=phases), took)
    assert [phase.duration_ns for phase in result.phases] == [6 * S, 2 * S, 5 * MS]
    assert result.duration_ns == 6 * S


def test_warm_up_lasts_as_long_as_it_says(make_plan: Any) -> None:
    load = {"iterations": 1, "warmup": "10s", "think_time": "8s"}
    result = simulate(make_plan(["status"], **PETS, load=load), took)
    assert result.warmup_iterations == 2  # at 0 s and 8 s; the next would begin at 16 s


def test_what_goes_on_longer_than_planned_counts_as_long_as_it_takes(make_plan: Any) -> None:
    load = {"executor": "constant-arrival-rate", "rate": "1/s", "duration": "2s"}
    result = simulate(make_plan(["status"], **PETS, load=load), lambda label, call: Behaviour(takes_ns=3 * S))
    assert result.duration_ns == 4 * S
    assert result.total.throughput_per_s == 0.5


def test_a_load_without_a_planned_time_has_no_rest(make_plan: Any) -> None:
    result = simulate(make_plan(["status"], **PETS, load={"iterations": 3}), took)
    assert result.duration_ns == 3 * MS
    assert result.total.throughput_per_s == pytest.approx(1_000)


def test_a_lone_arrival_is_not_hundreds_a_second(make_plan: Any) -> None:
    load = {"executor": "constant-arrival-rate", "rate": "1/m", "duration": "10s"}
    rules = ["throughput <= 0.1/s", "throughput <= 1/s within 1s", "throughput <= 1/s for 1s", "delivery == 100%"]
    result = simulate(make_plan(["status"], **PETS, load=load, thresholds=rules), took)
    assert result.verdict is Verdict.PASS
    assert result.total.throughput_per_s == result.phases[0].achieved_per_s == 0.1
    assert result.operations[0].throughput_per_s == 0.1


@pytest.mark.slow
@pytest.mark.parametrize("duration", ["3.5s", "3050ms", "2999ms", "1001ms", "700ms", "3s"])
@pytest.mark.parametrize("rule", ["<= 11/s within 1s", ">= 9/s within 1s", "<= 11/s within 2s", ">= 9/s for 1s"])
def test_a_steady_rate_keeps_its_limit_to_the_end(duration: str, rule: str, make_plan: Any) -> None:
    load = {"executor": "constant-arrival-rate", "rate": "10/s", "duration": duration}
    result = simulate(make_plan(["status"], **PETS, load=load, thresholds=[f"throughput {rule}"]), took)
    assert result.verdict is Verdict.PASS, result.reasons


def test_a_burst_in_the_last_part_of_a_second_is_seen(make_plan: Any) -> None:
    rates = [
        {"target": "10/s", "duration": "3s"},
        {"target": "100/s", "duration": "0s"},
        {"target": "100/s", "duration": "450ms"},
    ]
    load = {"executor": "ramping-arrival-rate", "start_rate": "10/s", "stages": rates}
    result = simulate(make_plan(["status"], **PETS, load=load, thresholds=["throughput <= 20/s within 1s"]), took)
    assert result.verdict is Verdict.FAIL


def test_windows_see_the_rest(make_plan: Any) -> None:
    load = RESTING["ramping-arrival-rate"]
    result = simulate(make_plan(["status"], **PETS, load=load, thresholds=["throughput >= 1/s within 2s"]), took)
    assert (result.thresholds[0].observed, result.verdict) == (0, Verdict.FAIL)


class Stopping:
    """Asks the run to stop some time after the load has done what it does before its rest."""

    wants_snapshots = False

    def __init__(self, reason: str) -> None:
        self.stop = StopRequest()
        self.asked_s = 0.0
        self._reason = reason

    def update(self, progress: Progress) -> None:
        if progress.ok >= 1 and progress.elapsed_ns > 400 * MS and not self.asked_s:
            self.asked_s = time.monotonic()
            self.stop.reason = self._reason


@pytest.mark.end_to_end
def test_ctrl_c_ends_a_rest_at_once(make_plan: Any) -> None:
    load = {"executor": "constant-arrival-rate", "rate": "1/m", "duration": "10m"}
    stopping = Stopping("stopped by SIGINT")
    result = run_scenario(make_plan(["status"], **PETS, load=load), observer=stopping, stop=stopping.stop)
    assert result.verdict is Verdict.INTERRUPTED
    assert result.duration_ns is not None
    # not the planned time: the run was cut short
    assert result.total.throughput_per_s == pytest.approx(result.total.ok / (result.duration_ns / S))
    assert 0.4 * S < result.duration_ns < 60 * S


@pytest.mark.end_to_end
def test_several_processes_rest_together(make_plan: Any) -> None:
    calm = {"executor": "constant-arrival-rate", "rate": "2/s", "duration": "1s", "vus": 1}
    rush = {"executor": "shared-iterations", "iterations": 4, "vus": 4}
    phases = [{"name": "calm", "load": calm}, {"name": "rush", "load": rush}]
    plan: ExecutionPlan = make_plan(["status"], **PETS, pool={"processes": 2}, phases=phases)
    result: RunResult = run_scenario(plan)
    first, second = result.phases
    assert (first.iterations, second.iterations) == (2, 4)
    assert first.duration_ns is not None
    assert S <= first.duration_ns < 60 * S
    assert second.began_ns is not None
    assert second.began_ns >= first.duration_ns
