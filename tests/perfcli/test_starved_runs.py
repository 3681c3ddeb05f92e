"""A run that other processes starved: times are not judged, everything else is."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from perfcli.errors import Verdict
from perfcli.figures import METRICS, Metric
from perfcli.figures.engine import COUNTERS
from perfcli.history.compare import compare
from perfcli.history.kept_runs import comparable
from perfcli.measurement.measurement import Measurement
from perfcli.results import RunResult, as_result
from perfcli.testing import Behaviour, simulate
from perfcli.units import Unit

pytestmark = pytest.mark.slow

MS = 1_000_000
PETS = {"setup": {"pets": 4}}
ZERO = {
    Unit.DURATION: "0ns",
    Unit.SIZE: "0B",
    Unit.SIZE_PER_OPERATION: "0B/op",
    Unit.RATE: "0/s",
    Unit.PERCENTAGE: "0%",
}
STARVED = "other processes used 85% of the CPU"
LONG = {"executor": "constant-vus", "duration": "9h"}
ON_TIME = {
    *("latency", "service_time", "schedule_lag", "duration", "throughput", "timeouts", "busy_errors"),
    *("iterations", "dropped_iterations", "interrupted_iterations", "offered_rate", "achieved_rate", "delivery"),
    *("degradation", "growth.ratio", "growth.exponent", "cpu.mean", "cpu.max", "engine.shutdown_time"),
    *("raw_degradation", "warmup_iterations", "ok", "writes.acknowledged"),
    *("saves.acknowledged", "saves.checked", "saves.superseded"),
}
NEVER_ON_TIME = (
    "memory.",
    "lost_",
    "duplicate_",
    "torn_",
    "db_",
    "stale_",
    "fidelity.",
    "log.",
    "statements",
    "engine.t",
)


@pytest.fixture(autouse=True)
def starved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Measurement, "starved", STARVED)


def outcomes(result: RunResult) -> dict[str, str]:
    return {threshold.expr: threshold.outcome for threshold in result.thresholds}


def test_entries_say_what_depends_on_time() -> None:
    dependent = {name for name, metric in METRICS.items() if metric.depends_on_time == "yes"}
    assert dependent >= ON_TIME
    assert not any(name.startswith(NEVER_ON_TIME) for name in dependent)
    assert [name for name, metric in METRICS.items() if metric.depends_on_time == "partly"] == [
        "success_rate",
        "error_rate",
        "failed",
        "skipped",
    ]


def impossible(metric: Metric) -> str:
    """A threshold on this metric that nothing can keep."""
    statistic = ".p50" if metric.needs_statistic else ""
    return f"{metric.name}{statistic} < {ZERO.get(metric.unit, '0')}"


# the scripted engine stores no pets whose sums could be looked at, and nothing of it can be counted
@pytest.mark.slow
@pytest.mark.parametrize("metric", [METRICS[name] for name in METRICS if name not in ("lost_updates", *COUNTERS)])
def test_only_times_are_not_judged(metric: Metric, make_plan: Any) -> None:
    expr = impossible(metric)
    result = simulate(make_plan(["status"], **PETS, thresholds=[expr]))
    judged = metric.depends_on_time != "yes"
    assert outcomes(result) == {expr: "fail" if judged else "not judged"}
    assert (result.verdict, result.exit_code) == ((Verdict.FAIL, 3) if judged else (Verdict.INVALID, 4))
    assert STARVED in result.reasons


@pytest.mark.parametrize("expr", ["latency.max < 1s", "latency.max < 1ns"])
def test_a_starved_run_is_invalid_whether_it_keeps_its_limits_or_not(expr: str, make_plan: Any) -> None:
    result = simulate(make_plan(["status"], **PETS, thresholds=[expr, "success_rate == 100%"]))
    assert (result.verdict, result.reasons, result.starved) == (Verdict.INVALID, [STARVED], STARVED)
    assert outcomes(result) == {expr: "not judged", "success_rate == 100%": "pass"}
    assert result.thresholds[0].observed == MS
    assert result.failed_thresholds == []


def test_a_starved_load_that_wrote_less_has_not_failed(make_plan: Any) -> None:
    asked = [f"{name} >= 1000" for name in ("writes.acknowledged", "saves.acknowledged", "saves.checked", "ok")]
    result = simulate(make_plan(["save_pet"], **PETS, load={"iterations": 5}, thresholds=asked))
    assert (result.verdict, result.reasons) == (Verdict.INVALID, [STARVED])
    assert outcomes(result) == dict.fromkeys(asked, "not judged")


@pytest.mark.parametrize("thresholds", [[], ["success_rate == 100%"]])
def test_so_is_one_of_which_no_time_was_asked(thresholds: list[str], make_plan: Any) -> None:
    result = simulate(make_plan(["status"], **PETS, thresholds=thresholds))
    assert (result.verdict, result.reasons) == (Verdict.INVALID, [STARVED])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "outcome"),
    [(TimeoutError(), "not judged"), (ValueError(), "fail"), (sqlite3.OperationalError("malformed"), "fail")],
)
@pytest.mark.parametrize("expr", ["success_rate >= 99%", "error_rate < 1%", "status.error_rate == 0%"])
def test_of_errors_only_timeouts_are_forgiven(expr: str, error: Exception, outcome: str, make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, thresholds=[expr])
    result = simulate(plan, lambda label, call: Behaviour(raises=error if call == 3 else None))
    assert outcomes(result) == {expr: outcome}
    assert result.verdict is (Verdict.FAIL if outcome == "fail" else Verdict.INVALID)


def test_busy_errors_are_forgiven_too(make_plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from perfcli.targets.protocol import Failure

    monkeypatch.setattr("perfcli.testing.ScriptedTarget.classify", lambda self, error: Failure("locked", "busy"))
    plan = make_plan(["status"], **PETS, thresholds=["success_rate == 100%", "busy_errors == 0", "db_errors == 0"])
    result = simulate(plan, lambda label, call: Behaviour(raises=OSError() if call == 3 else None))
    assert list(outcomes(result).values()) == ["not judged", "not judged", "pass"]


def test_what_fails_without_the_timeouts_too_fails(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, thresholds=["success_rate == 100%"])
    problems = {3: TimeoutError(), 4: ValueError()}
    result = simulate(plan, lambda label, call: Behaviour(raises=problems.get(call)))
    assert outcomes(result) == {"success_rate == 100%": "fail"}


def test_a_rate_in_windows_is_not_judged_once_there_are_timeouts(make_plan: Any) -> None:
    expr = "error_rate < 1% within 1s"
    plan = make_plan(["status"], **PETS, load={"iterations": 3_000}, thresholds=[expr])
    assert outcomes(simulate(plan)) == {expr: "pass"}
    timed_out = simulate(plan, lambda label, call: Behaviour(raises=TimeoutError() if call < 30 else None))
    assert outcomes(timed_out) == {expr: "not judged"}


def test_a_phase_and_a_soft_threshold_are_not_judged_either(make_plan: Any) -> None:
    phases = [{"name": "a", "load": {"executor": "shared-iterations", "iterations": 20}}]
    phases[0]["thresholds"] = [{"expr": "latency.max < 1ns", "strict": False}]
    result = simulate(make_plan(["status"], **PETS, phases=phases))
    assert [(t.phase, t.outcome) for t in result.thresholds] == [("a", "not judged")]


def test_a_time_does_not_end_the_load_early(make_plan: Any) -> None:
    load = {"executor": "constant-vus", "duration": "3s"}
    rule = {"expr": "latency.max < 1ns", "abort_on_fail": True}
    result = simulate(make_plan(["status"], **PETS, load=load, thresholds=[rule]))
    assert (result.verdict, result.iterations) == (Verdict.INVALID, 3_000)


@pytest.mark.slow
def test_an_error_does(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load=LONG, thresholds=[{"expr": "error_rate < 1%", "abort_on_fail": True}])
    result = simulate(plan, lambda label, call: Behaviour(problem="no"))
    assert result.verdict is Verdict.FAIL
    assert result.reasons[0] == "the load was stopped early by error_rate < 1%: 100%"


@pytest.mark.slow
def test_a_load_that_was_stopped_before_others_were_seen_is_invalid(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_end = property(lambda measured: STARVED if "end" in measured.marks else "")
    monkeypatch.setattr(Measurement, "starved", at_the_end)
    plan = make_plan(["status"], **PETS, load=LONG, thresholds=[{"expr": "latency.max < 1ns", "abort_on_fail": True}])
    result = simulate(plan)
    assert result.verdict is Verdict.INVALID
    assert result.reasons == [STARVED, "the load was stopped early by latency.max < 1ns: 1.00 ms"]


def test_load_that_others_kept_from_being_delivered_gets_no_other_advice(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"iterations": 1000, "max_duration": "100ms"})
    assert simulate(plan).reasons == [STARVED]


def test_its_times_are_not_compared(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, thresholds=["success_rate == 0%"])
    starved = simulate(plan)
    fine = starved.model_copy(update={"starved": "", "verdict": Verdict.PASS})
    assert starved.verdict is Verdict.FAIL
    assert compare(fine, starved).reasons == ["other processes starved this run"]
    assert f"other processes starved the baseline's run: {STARVED}" in compare(starved, fine).reasons
    assert comparable([fine, starved]).left_out == {"starved": 1}


def test_results_of_before_are_still_read(make_plan: Any) -> None:
    document = simulate(make_plan(["status"], **PETS, thresholds=["latency.max < 1ns"])).model_dump(mode="json")
    del document["starved"]
    for threshold in document["thresholds"]:
        del threshold["judged"]
    old = as_result(document, Path("old.json"))
    assert (old.starved, outcomes(old)) == ("", {"latency.max < 1ns": "fail"})
