"""Load models on a simulated clock: what was due, late, dropped or cut off; phases; windows; verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.errors import Verdict
from perfcli.results import RunResult
from perfcli.testing import Behaviour, SimulatedTime, simulate

pytestmark = pytest.mark.slow

MS = 1_000_000
S = 1_000 * MS
PETS = {"setup": {"pets": 4}}
ARRIVALS = {"executor": "constant-arrival-rate", "rate": "100/s", "duration": "10s", "vus": 1}


def arrivals(make_plan: Any, flow: list[Any] | None = None, thresholds: Any = (), **load: Any) -> Any:
    return make_plan(flow or ["status"], **PETS, load={**ARRIVALS, **load}, thresholds=list(thresholds))


def stalls_once(label: str, call: int) -> Behaviour:
    """For one second, in the middle; else it takes no time."""
    return Behaviour(takes_ns=S if call == 500 else 0)


@pytest.mark.slow
def test_a_stall_counts_for_all_that_had_to_wait(make_plan: Any) -> None:
    result = simulate(arrivals(make_plan), stalls_once)
    latency, service_time = result.total.latency, result.total.service_time
    assert latency is not None
    assert service_time is not None
    assert (result.total.ok, result.dropped_iterations) == (1_000, 0)
    assert latency.p95_ns == pytest.approx(500 * MS, rel=0.01)
    assert latency.p99_ns == pytest.approx(900 * MS, rel=0.01)
    assert (latency.max_ns, service_time.p99_ns, service_time.max_ns) == (S, 0, S)
    lag = result.phases[0].schedule_lag
    assert lag is not None
    assert lag.max_ns == 990 * MS
    assert result.verdict is Verdict.PASS


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "iterations"), [("250/s", 2_500), ("7/s", 70), ("90/m", 15)])
def test_what_is_due_is_delivered(make_plan: Any, rate: str, iterations: int) -> None:
    result = simulate(arrivals(make_plan, rate=rate, vus=5))
    assert (result.iterations, result.dropped_iterations) == (iterations, 0)
    assert result.phases[0].offered_per_s == pytest.approx(iterations / 10)
    assert result.phases[0].achieved_per_s == pytest.approx(iterations / 10)


def too_slow(label: str, call: int) -> Behaviour:
    return Behaviour(takes_ns=20 * MS)


def test_load_that_was_not_delivered_is_never_a_pass(make_plan: Any) -> None:
    result = simulate(arrivals(make_plan), too_slow)
    # the last one begins 100 ms after the end at the latest
    assert (result.iterations, result.dropped_iterations) == (506, 494)
    assert result.verdict is Verdict.INVALID
    assert "of 100.0 iterations/s, dropped 494" in result.reasons[0]


@pytest.mark.slow
def test_drops_that_a_threshold_allows_are_no_doubt(make_plan: Any) -> None:
    assert simulate(arrivals(make_plan, thresholds=["dropped_iterations < 500"]), too_slow).verdict is Verdict.PASS
    assert simulate(arrivals(make_plan, thresholds=["dropped_iterations == 0"]), too_slow).verdict is Verdict.FAIL
    assert simulate(arrivals(make_plan, thresholds=["delivery >= 98%"]), too_slow).verdict is Verdict.FAIL


@pytest.mark.slow
def test_more_vus_deliver_what_one_cannot(make_plan: Any) -> None:
    result = simulate(arrivals(make_plan, vus=3), too_slow)
    assert (result.iterations, result.verdict) == (1_000, Verdict.PASS)


@pytest.mark.slow
def test_only_the_first_step_of_an_iteration_was_due(make_plan: Any) -> None:
    result = simulate(arrivals(make_plan, flow=["status", "load_pet"]), lambda *_: Behaviour(takes_ns=8 * MS))
    status, load_pet = result.operations
    assert status.latency is not None
    assert load_pet.latency is not None
    assert status.latency.max_ns > S
    assert load_pet.latency.max_ns == 8 * MS


def test_ramping_vus_come_and_go(make_plan: Any) -> None:
    stages = [{"target": 4, "duration": "4s"}, {"target": 4, "duration": "2s"}, {"target": 0, "duration": "4s"}]
    load = {"executor": "ramping-vus", "start_vus": 0, "stages": stages}
    plan = make_plan(["status"], **PETS, load={**load, "iterations": None})
    result = simulate(plan, lambda *_: Behaviour(takes_ns=100 * MS))
    assert [vu.vu for vu in result.vus] == [0, 1, 2, 3]
    by_vu = [vu.iterations for vu in result.vus]
    assert by_vu == sorted(by_vu, reverse=True)
    assert result.iterations == pytest.approx(10 * (8 + 8 + 8), rel=0.2)


def test_an_iteration_that_does_not_end_is_cut_off(make_plan: Any) -> None:
    load = {"executor": "constant-vus", "duration": "1s", "graceful_stop": "500ms"}
    plan = make_plan(["status", {"sleep": "800ms"}, "load_pet"], **PETS, load=load)
    result = simulate(plan, lambda *_: Behaviour(takes_ns=0))
    assert (result.iterations, result.interrupted_iterations) == (1, 1)
    assert result.duration_ns == 1_500 * MS
    assert [operation.ok for operation in result.operations] == [2, 1]


def phased(make_plan: Any, phases: list[dict[str, Any]], **keys: Any) -> Any:
    return make_plan(keys.pop("flow", ["status"]), **PETS, **keys, load=None, phases=phases)


def counted(name: str, iterations: int, **keys: Any) -> dict[str, Any]:
    load = {"executor": "per-vu-iterations", "iterations": iterations, **keys.pop("load", {})}
    return {"name": name, "load": load, **keys}


def test_phases_run_one_after_another_each_with_its_own_figures(make_plan: Any) -> None:
    slow_loads = lambda label, call: Behaviour(takes_ns=(3 if label == "load_pet" else 1) * MS)  # noqa: E731
    phases = [
        counted("first", 100, thresholds=["latency.max < 2ms"]),
        counted("second", 50, flow=["load_pet"], thresholds=["load_pet.latency.max < 2ms"], load={"vus": 2}),
    ]
    result = simulate(phased(make_plan, phases, thresholds=["iterations == 200"]), slow_loads)
    first, second = result.phases
    assert (first.name, first.began_ns, first.duration_ns, first.iterations) == ("first", 0, 100 * MS, 100)
    assert (second.name, second.began_ns, second.duration_ns, second.iterations) == ("second", 100 * MS, 150 * MS, 100)
    assert [(operation.name, operation.ok) for operation in result.operations] == [("status", 100), ("load_pet", 100)]
    assert [(t.phase, t.expr, t.passed) for t in result.thresholds] == [
        ("", "iterations == 200", True),
        ("first", "latency.max < 2ms", True),
        ("second", "load_pet.latency.max < 2ms", False),
    ]
    assert result.reasons == ["second: load_pet.latency.max < 2ms: 3.00 ms"]


def test_a_phase_may_begin_beside_others(make_plan: Any) -> None:
    phases = [counted("a", 100), counted("b", 10, load={"start_after": "20ms"}), counted("c", 5)]
    result = simulate(phased(make_plan, phases), lambda *_: Behaviour(takes_ns=MS))
    assert [(phase.began_ns, phase.duration_ns) for phase in result.phases] == [
        (0, 100 * MS),
        (20 * MS, 10 * MS),
        (100 * MS, 5 * MS),
    ]


def test_each_phase_has_its_own_warm_up(make_plan: Any) -> None:
    phases = [counted("a", 10, load={"warmup": "50ms"}), counted("b", 10, load={"warmup": "20ms"})]
    result = simulate(phased(make_plan, phases), lambda *_: Behaviour(takes_ns=MS))
    assert [(phase.warmup_iterations, phase.iterations) for phase in result.phases] == [(50, 10), (20, 10)]
    assert result.warmup_iterations == 70


def test_numbers_of_vus_are_phases_of_their_own(make_plan: Any) -> None:
    plan = phased(make_plan, [counted("scale", 10, load={"vus": [1, 2, 4]})])
    result = simulate(plan, lambda *_: Behaviour(takes_ns=MS))
    assert [(phase.name, phase.vus, phase.iterations) for phase in result.phases] == [
        ("scale-1", 1, 10),
        ("scale-2", 2, 20),
        ("scale-4", 4, 40),
    ]


def test_a_call_that_takes_too_long_is_a_timeout_and_the_vu_goes_on(make_plan: Any) -> None:
    plan = make_plan([{"status": {"timeout": "50ms"}}], **PETS, thresholds=["timeouts == 0"])
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=(60 if call == 3 else 1) * MS))
    assert (result.total.ok, result.total.failed, result.iterations) == (19, 1, 20)
    assert result.total.errors == {"timeout: no answer within 50.0 ms": 1}
    assert [t.observed for t in result.thresholds] == [1]


def test_a_step_may_depend_on_another(make_plan: Any) -> None:
    def every_second_fails(label: str, call: int) -> Behaviour:
        return Behaviour(raises=ValueError() if label == "status" and call % 2 else None)

    plan = make_plan(["status", {"load_pet": {"only_if": "status"}}, "statistics"], **PETS)
    result = simulate(plan, every_second_fails)
    by_name = {operation.name: operation for operation in result.operations}
    assert [(by_name[name].ok, by_name[name].failed, by_name[name].skipped) for name in by_name] == [
        (10, 10, 0),
        (10, 0, 10),
        (20, 0, 0),
    ]
    assert result.performed_as_planned


def slower_by_half(label: str, call: int) -> Behaviour:
    return Behaviour(takes_ns=(2 if call >= 500 else 1) * MS)


def test_an_engine_that_slows_down_is_not_the_machine(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"iterations": 1_000}, thresholds=["degradation < 50%"])
    steady = simulate(plan, slower_by_half, time=SimulatedTime(reference_ns=lambda now_ns: 20_000))
    assert (steady.verdict, steady.total.degradation) == (Verdict.FAIL, 1.0)
    # the same figures, but the reference kernel takes twice as long too
    busy = simulate(
        plan, slower_by_half, time=SimulatedTime(reference_ns=lambda now_ns: 40_000 if now_ns > 1.5 * S else 20_000)
    )
    assert (busy.total.raw_degradation, busy.total.degradation) == (1.0, pytest.approx(0.0))
    assert busy.verdict is Verdict.PASS


@pytest.mark.slow
def test_cost_that_grows_with_what_is_stored_is_seen(make_plan: Any) -> None:
    def growing(label: str, call: int) -> Behaviour:
        return Behaviour(takes_ns=(call + 1) * 10_000)

    keys = {"growth": {"over": "pets"}, "thresholds": ["create_pet.growth.exponent < 0.5"]}
    plan = make_plan(["create_pet"], load={"iterations": 1_000}, **keys)
    result = simulate(plan, growing)
    assert result.verdict is Verdict.FAIL
    assert result.thresholds[0].observed == pytest.approx(1.0, abs=0.1)
    assert simulate(plan).verdict is Verdict.PASS


def fails_in_the_middle(label: str, call: int) -> Behaviour:
    """Of 10 s at 100/s, all calls of the seconds 4 and 5."""
    return Behaviour(takes_ns=MS, raises=ValueError() if 400 <= call < 600 else None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("threshold", "verdict"),
    [
        ("error_rate < 25%", Verdict.PASS),
        ("error_rate < 25% within 4s", Verdict.FAIL),
        ("error_rate < 25% for 2s", Verdict.FAIL),
        ("error_rate < 25% for 4s", Verdict.PASS),
    ],
)
def test_windows_see_what_the_whole_hides(make_plan: Any, threshold: str, verdict: Verdict) -> None:
    assert simulate(arrivals(make_plan, thresholds=[threshold]), fails_in_the_middle).verdict is verdict


def thin(result: RunResult) -> str:
    return result.thresholds[0].reason


def test_a_percentile_of_too_few_samples_is_not_supported(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"iterations": 50}, thresholds=["latency.p99 < 1s"])
    assert (simulate(plan).verdict, thin(simulate(plan))) == (
        Verdict.FAIL,
        "0 of 50 samples lie beyond p99, 10 needed: measure 1,000, or set allow_thin: true",
    )
    allowed = [{"expr": "latency.p99 < 1s", "allow_thin": True}]
    assert simulate(make_plan(["status"], **PETS, load={"iterations": 50}, thresholds=allowed)).verdict is Verdict.PASS
    enough = make_plan(["status"], **PETS, load={"iterations": 1_000}, thresholds=["latency.p99 < 1s"])
    assert simulate(enough).verdict is Verdict.PASS


def test_a_soft_threshold_is_shown_and_not_counted(make_plan: Any) -> None:
    soft = [{"expr": "latency.max < 1us", "strict": False}]
    result = simulate(make_plan(["status"], **PETS, thresholds=soft))
    assert (result.verdict, result.exit_code, result.thresholds[0].passed) == (Verdict.PASS, 0, False)


def test_a_threshold_may_have_an_exit_code_of_its_own(make_plan: Any) -> None:
    own = ["success_rate == 100%", {"expr": "latency.max < 1us", "exit_code": 42}]
    result = simulate(make_plan(["status"], **PETS, thresholds=own))
    assert (result.verdict, result.exit_code) == (Verdict.FAIL, 42)
