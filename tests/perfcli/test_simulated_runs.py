"""Whole runs on a simulated clock and a scripted engine: exact figures, every verdict."""

from __future__ import annotations

import errno
import re
import sqlite3
from typing import Any

import pytest

from perfcli.errors import Verdict
from perfcli.measurement.measurement import Measurement
from perfcli.observer import Progress
from perfcli.operations.call import Call
from perfcli.report.junit import cases_of
from perfcli.report.openmetrics import render_openmetrics
from perfcli.results import RunResult
from perfcli.run import StopRequest
from perfcli.testing import Behaviour, SimulatedPool, simulate

pytestmark = pytest.mark.slow

MS = 1_000_000
PETS = {"setup": {"pets": 4}}


class Impatient:
    """Asks a run to stop as soon as it is seen to do something."""

    def __init__(self, reason: str) -> None:
        self.stop = StopRequest()
        self._reason = reason

    wants_snapshots = False

    def update(self, progress: Progress) -> None:
        if progress.ok > 100:
            self.stop.reason = self._reason


def failed(result: RunResult) -> list[str]:
    return [threshold.expr for threshold in result.failed_thresholds]


def test_figures_are_exact(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"iterations": 100})
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=(call + 1) * MS))
    latency = result.total.latency
    assert latency is not None
    assert (latency.min_ns, latency.max_ns, latency.mean_ns) == (MS, 100 * MS, 50.5 * MS)
    assert (latency.p50_ns, latency.p99_ns) == (50.5 * MS, pytest.approx(99.01 * MS))
    assert result.duration_ns == 5_050 * MS
    assert result.total.throughput_per_s == pytest.approx(100 / 5.05)
    assert (result.iterations, result.total.ok, result.total.failed) == (100, 100, 0)


def test_vus_work_at_the_same_time(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"executor": "per-vu-iterations", "vus": 4, "iterations": 5})
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=10 * MS))
    assert (result.iterations, result.duration_ns) == (20, 50 * MS)
    assert result.total.throughput_per_s == 400


def test_time_bound_load_ends_on_time(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"executor": "constant-vus", "vus": 2, "duration": "1s"})
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=30 * MS))
    assert result.iterations == 2 * 34  # the last one starts at 990 ms
    assert result.duration_ns == 1_020 * MS


def test_think_time_and_pauses_are_no_latency(make_plan: Any) -> None:
    plan = make_plan(["status", {"sleep": "5ms"}], **PETS, load={"iterations": 10, "think_time": "20ms"})
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=MS))
    assert result.total.latency is not None
    assert result.total.latency.max_ns == MS
    assert result.duration_ns == (10 * 26 - 20) * MS  # nobody thinks after the last one
    assert [operation.name for operation in result.operations] == ["status"]


def test_warm_up_is_discarded_and_counted_apart(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"iterations": 10, "warmup": "100ms"})
    slow_at_first = lambda label, call: Behaviour(takes_ns=20 * MS if call < 5 else MS)  # noqa: E731
    result = simulate(plan, slow_at_first)
    assert (result.warmup_iterations, result.iterations) == (5, 10)
    assert result.total.latency is not None
    assert result.total.latency.max_ns == MS


def test_a_failed_operation_counts_in_error_rate_not_in_latency(make_plan: Any) -> None:
    def every_fourth_fails(label: str, call: int) -> Behaviour:
        if call % 8 == 3:
            return Behaviour(takes_ns=500 * MS, raises=TimeoutError())
        return Behaviour(takes_ns=MS, problem="wrong answer: another pet" if call % 8 == 7 else "")

    plan = make_plan(["status"], **PETS, load={"iterations": 80}, thresholds=["success_rate >= 95%", "timeouts == 0"])
    result = simulate(plan, every_fourth_fails)
    assert (result.total.ok, result.total.failed) == (60, 20)
    assert result.total.errors == {"TimeoutError": 10, "wrong answer: another pet": 10}
    assert result.total.latency is not None
    assert result.total.latency.max_ns == MS
    assert result.verdict is Verdict.FAIL
    assert failed(result) == ["success_rate >= 95%", "timeouts == 0"]


def test_simulated_calls_with_a_timeout_end_in_simulated_time(make_plan: Any) -> None:
    def script(label: str, call: int) -> Behaviour:
        raises = ValueError("no") if call % 4 == 0 else None
        return Behaviour(takes_ns=(2 if call % 4 == 1 else 1) * 10 * MS, raises=raises)

    plan = make_plan([{"status": {"timeout": "15ms"}}], **PETS, load={"iterations": 8})
    result = simulate(plan, script)
    assert (result.verdict, result.details) == (Verdict.PASS, "")
    assert result.total.errors == {"ValueError": 2, "timeout: no answer within 15.0 ms": 2}
    assert result.total.latency is not None
    assert (result.total.latency.min_ns, result.total.latency.max_ns) == (10 * MS, 10 * MS)


def test_thresholds_are_judged_per_operation_and_overall(make_plan: Any) -> None:
    plan = make_plan(
        ["status", "load_pet"],
        **PETS,
        thresholds=[
            "status.latency.max < 2ms",
            "load_pet.latency.p95 < 2ms",
            "latency.mean <= 2ms",
            "load_pet.throughput > 1000/s",
            "throughput == 500/s",
        ],
    )
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=MS if label == "status" else 3 * MS))
    assert failed(result) == ["load_pet.latency.p95 < 2ms", "load_pet.throughput > 1000/s"]
    assert result.thresholds[0].margin == 0.5
    assert result.thresholds[1].margin == -0.5


def test_a_threshold_without_samples_fails_and_says_so(make_plan: Any) -> None:
    plan = make_plan(
        ["status"], **PETS, thresholds=["degradation < 50%", "status.latency.mean < 1s"], load={"iterations": 3}
    )
    result = simulate(plan)
    assert failed(result) == ["degradation < 50%"]
    assert "no samples" in result.thresholds[0].reason
    assert result.verdict is Verdict.FAIL


def test_no_thresholds_pass_but_nothing_measured_is_invalid(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS)
    assert simulate(plan).verdict is Verdict.PASS
    broken = simulate(plan, lambda label, call: Behaviour(raises=ValueError()))
    assert broken.verdict is Verdict.INVALID
    assert broken.reasons == ["nothing was measured: every operation failed: ValueError"]


def test_degradation_is_seen(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"iterations": 100}, thresholds=["degradation < 50%"])
    slower_and_slower = lambda label, call: Behaviour(takes_ns=MS + call * MS // 50)  # noqa: E731
    result = simulate(plan, slower_and_slower)
    assert result.total.degradation == pytest.approx((2.79 - 1.19) / 1.19, abs=0.02)
    assert result.verdict is Verdict.FAIL


def test_memory_growth_and_peak(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"iterations": 1000}, thresholds=["memory.growth < 50MB"])
    result = simulate(plan, rss=lambda operations: 50_000_000 + 64_000 * operations)
    assert result.memory.growth == 64_000_000
    assert result.memory.slope_bytes_per_operation is None  # too few readings to tell a slope from a first touch
    assert result.memory.peak == 64_000_000
    assert result.memory.per_pet == 16_000_000
    assert failed(result) == ["memory.growth < 50MB"]


@pytest.mark.slow
def test_an_aborted_load_fails_even_where_its_threshold_holds_again(make_plan: Any) -> None:
    plan = make_plan(
        ["status"],
        **PETS,
        load={"executor": "constant-vus", "duration": "9h"},
        thresholds=[{"expr": "throughput > 100000/s", "abort_on_fail": True}],
    )
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=MS))
    assert result.verdict is Verdict.FAIL
    assert result.reasons[0].startswith("the load was stopped early by throughput > 100000/s")


def test_load_that_was_not_delivered_is_invalid(make_plan: Any) -> None:
    cut_off = {"iterations": 1000, "max_duration": "100ms"}
    plan = make_plan(["status"], **PETS, load=cut_off, thresholds=["success_rate == 100%"])
    result = simulate(plan)
    assert (result.iterations, result.dropped_iterations) == (100, 900)
    assert result.verdict is Verdict.INVALID
    assert result.reasons == ["900 iterations were not done within max_duration: raise it, or lower iterations"]
    judged = simulate(make_plan(["status"], **PETS, load=cut_off, thresholds=["dropped_iterations <= 900"]))
    assert judged.verdict is Verdict.PASS
    assert failed(simulate(make_plan(["status"], **PETS, load=cut_off, thresholds=["dropped_iterations == 0"]))) == [
        "dropped_iterations == 0"
    ]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_an_engine_raises_is_the_operations_failure(make_plan: Any, error: BaseException) -> None:
    plan = make_plan(["status"], **PETS)
    result = simulate(plan, lambda label, call: Behaviour(raises=error if call == 3 else None))
    assert (result.total.ok, result.total.errors) == (19, {type(error).__name__: 1})


def test_an_answer_that_cannot_be_read_is_a_wrong_answer(make_plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def calls(self: Any, vu: int, shown: Any, own: Any) -> list[Call]:
        return [Call(lambda user, choice: (), lambda: None, lambda _, answer: answer.user_id)]

    monkeypatch.setattr("perfcli.testing.ScriptedTarget.calls", calls)
    result = simulate(make_plan(["status"], **PETS))
    assert result.total.errors == {"wrong answer: NoneType (AttributeError on reading it)": 20}
    assert result.verdict is Verdict.INVALID


def test_error_rates_are_exact(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, thresholds=["error_rate <= 5%", "success_rate >= 95%"])
    result = simulate(plan, lambda label, call: Behaviour(problem="no" if call == 7 else ""))
    assert result.verdict is Verdict.PASS


def test_a_mix_of_almost_only_pauses_ends(make_plan: Any) -> None:
    flow = [{"sleep": {"duration": "1ms", "weight": 1e9}}, {"load_pet": {"weight": 1e-6}}]
    result = simulate(make_plan(flow, **PETS))
    assert (result.iterations, result.total.ok) == (20, 0)
    assert result.verdict is Verdict.INVALID


@pytest.mark.slow
def test_an_aborting_threshold_ends_the_load(make_plan: Any) -> None:
    plan = make_plan(
        ["status"],
        **PETS,
        load={"executor": "constant-vus", "duration": "9h"},
        thresholds=[{"expr": "latency.max < 5ms", "abort_on_fail": True}],
    )
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=10 * MS))
    assert result.verdict is Verdict.FAIL
    assert result.reasons[0] == "the load was stopped early by latency.max < 5ms: 10.0 ms"


@pytest.mark.slow
def test_a_stop_request_interrupts_with_a_partial_report(make_plan: Any) -> None:
    person = Impatient("interrupted by Ctrl-C")
    plan = make_plan(["status"], **PETS, load={"executor": "constant-vus", "duration": "9h"})
    result = simulate(plan, observer=person, stop=person.stop)
    assert result.verdict is Verdict.INTERRUPTED
    assert result.reasons == ["interrupted by Ctrl-C"]
    assert result.total.ok > 100
    assert result.total.latency is not None


@pytest.mark.slow
def test_lost_writes_are_found(make_plan: Any) -> None:
    def loses_one_in_five(label: str, call: int) -> Behaviour:
        return Behaviour(stores=call % 5 != 0)

    plan = make_plan(["interact"], **PETS, load={"iterations": 50}, thresholds=["lost_writes == 0"])
    result = simulate(plan, loses_one_in_five)
    assert result.integrity is not None
    assert (result.integrity.acknowledged, result.integrity.lost) == (54, 10)
    assert failed(result) == ["lost_writes == 0"]
    assert simulate(plan).verdict is Verdict.PASS


@pytest.mark.slow
def test_creations_and_saves_are_held_to_account(make_plan: Any) -> None:
    created = make_plan(["create_pet", "interact"], load={"iterations": 10, "vus": 2}, thresholds=["lost_writes == 0"])
    assert simulate(created).verdict is Verdict.PASS
    lost = simulate(created, lambda label, call: Behaviour(stores=label != "create_pet" or call != 3))
    assert lost.integrity is not None
    assert lost.integrity.lost >= 1
    saves = make_plan(["save_pet"], **PETS, thresholds=["lost_writes == 0"])
    assert simulate(saves).verdict is Verdict.PASS
    dropped = simulate(saves, lambda label, call: Behaviour(stores=call < 16))
    assert dropped.integrity is not None
    assert dropped.integrity.lost == 4


def test_saves_of_created_pets_are_held_to_account(make_plan: Any) -> None:
    plan = make_plan(["create_pet", "save_pet"], load={"iterations": 6, "vus": 2}, thresholds=["lost_writes == 0"])
    assert simulate(plan).verdict is Verdict.PASS
    dropped = simulate(plan, lambda label, call: Behaviour(stores=label != "save_pet" or call != 3))
    assert dropped.integrity is not None
    assert (dropped.integrity.acknowledged, dropped.integrity.lost) == (12, 1)


def test_database_errors_are_a_metric_of_their_own(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, thresholds=["db_errors == 0"])
    broken = simulate(plan, lambda label, call: Behaviour(raises=sqlite3.OperationalError() if call == 5 else None))
    assert failed(broken) == ["db_errors == 0"]
    assert simulate(plan).verdict is Verdict.PASS


@pytest.mark.slow
def test_one_seed_gives_one_digest(make_plan: Any) -> None:
    def run(seed: int) -> RunResult:
        plan = make_plan(
            [{"load_pet": {"weight": 3}}, {"interact": {"weight": 1, "order": "random"}}],
            **PETS,
            users="uniform",
            seed=seed,
            load={"executor": "per-vu-iterations", "vus": 3, "iterations": 40},
        )
        return simulate(plan)

    first, again, other = run(1), run(1), run(2)
    assert (first.digest, first.vus) == (again.digest, again.vus)
    assert first.digest != other.digest
    assert [vu.digest for vu in first.vus] != [vu.digest for vu in other.vus]
    assert first.performed_as_planned
    assert [(vu.vu, vu.iterations, vu.operations) for vu in first.vus] == [(0, 40, 40), (1, 40, 40), (2, 40, 40)]


@pytest.mark.slow
def test_the_digest_of_a_run_cut_short_agrees_with_its_plan(make_plan: Any) -> None:
    person = Impatient("stop")
    plan = make_plan(
        ["status", "load_pet", "statistics"], **PETS, load={"executor": "constant-vus", "duration": "9h", "vus": 2}
    )
    assert simulate(plan, observer=person, stop=person.stop).performed_as_planned


def test_a_stop_before_anything_is_measured_ends_the_engine(make_plan: Any) -> None:
    result = simulate(make_plan(["status"], **PETS), stop=StopRequest("stop"))
    assert (result.verdict, result.total.ok) == (Verdict.INTERRUPTED, 0)


def test_the_time_series_covers_every_operation(make_plan: Any) -> None:
    plan = make_plan(["status"], **PETS, load={"iterations": 100})
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=100 * MS, problem="no" if call == 15 else ""))
    assert [second.second for second in result.seconds] == list(range(10))
    assert [second.ok for second in result.seconds] == [10, 9, *[10] * 8]
    assert result.seconds[1].failed == 1


def test_a_failing_set_up_is_an_invalid_run(make_plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> None:
        raise RuntimeError("no room for pets")

    monkeypatch.setattr("perfcli.testing.ScriptedTarget.set_up", fail)
    result = simulate(make_plan(["status"], **PETS, thresholds=["success_rate >= 95%"]))
    assert result.verdict is Verdict.INVALID
    assert result.reasons == ["the engine's set-up failed: RuntimeError: no room for pets"]
    assert result.duration_ns is None


def test_an_engine_that_fails_to_close_is_an_error_with_all_its_figures(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise RuntimeError("stuck")

    monkeypatch.setattr("perfcli.testing.ScriptedTarget.close", fail)
    result = simulate(make_plan(["status"], **PETS))
    assert result.verdict is Verdict.ERROR
    assert result.reasons == ["the engine failed at close: RuntimeError: stuck"]
    assert "Traceback" in result.details
    assert result.total.ok == 20


def test_an_error_of_the_tool_itself_ends_the_run_with_all_that_is_known(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files", "output.txt")

    monkeypatch.setattr(Measurement, "check_integrity", fail)
    result = simulate(make_plan(["load_pet"], thresholds=["success_rate == 100%"]))
    assert (result.verdict, result.exit_code, result.total.ok) == (Verdict.ERROR, 1, 20)
    (reason,) = result.reasons
    assert re.fullmatch(
        r"OSError: \[Errno 24\] Too many open files: 'output.txt': the limit is [0-9,]+ file descriptors;"
        r" raise it with ulimit -n \(perfcli/run/supervision.py, line \d+\)",
        reason,
    )
    assert "Traceback" in result.details
    assert result.thresholds[0].passed


def test_a_full_disk_before_the_engine_starts_ends_that_run_alone(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "plan.json")

    monkeypatch.setattr(SimulatedPool, "start", fail)
    result = simulate(make_plan(["load_pet"]))
    assert result.verdict is Verdict.ERROR
    assert "No space left on device: 'plan.json' (perfcli/run/one_run.py" in result.reasons[0]


def test_what_cannot_be_put_together_is_an_error_without_figures(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(measurement: Measurement) -> dict[str, Any]:
        if measurement.samples.ok:
            raise ZeroDivisionError("float division by zero")
        return {}

    monkeypatch.setattr("perfcli.measurement.assembly.cut_into_slices", cut)
    result = simulate(make_plan(["load_pet"]))
    assert (result.verdict, result.total.ok) == (Verdict.ERROR, 0)
    assert result.reasons[0].startswith(
        "digipal-perf cannot make sense of the measurement; please report this bug: "
        "ZeroDivisionError: float division by zero ("
    )


def test_a_threshold_that_is_written_twice_is_judged_and_reported_once(make_plan: Any) -> None:
    rules = ["latency.p50 < 100ms", {"expr": "latency.median<0.1s", "exit_code": 20}, "latency.p50 <= 100ms"]
    phases = [{"name": "one", "load": {"executor": "shared-iterations", "iterations": 40}, "thresholds": rules[:2]}]
    result = simulate(make_plan(["status"], **PETS, phases=phases, thresholds=rules))
    assert [(threshold.phase, threshold.expr, threshold.exit_code) for threshold in result.thresholds] == [
        ("", "latency.p50 < 100ms", 20),
        ("", "latency.p50 <= 100ms", None),
        ("one", "latency.p50 < 100ms", 20),
    ]
    names = [case.name for case in cases_of(result)]
    assert len(set(names)) == len(names)
    series = [line.split("} ")[0] for line in render_openmetrics([result]).splitlines() if not line.startswith("#")]
    assert len(set(series)) == len(series)
