"""Fabricated results and consoles: no test here runs, times or measures anything."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console, RenderableType

from perfcli.ab.result import AbResult, Change, EngineSide, MetricComparison, Pairing
from perfcli.errors import Verdict
from perfcli.metrics.distribution import Distribution
from perfcli.report.blocks import Section
from perfcli.report.console import to_console
from perfcli.results import (
    Environment,
    ExactCounters,
    FaultResult,
    GrowthResult,
    Inspection,
    Integrity,
    LatencySummary,
    LeakResult,
    MemoryResult,
    OperationCounts,
    OperationResult,
    PhaseResult,
    ResourceResult,
    RunResult,
    ThresholdResult,
    Try,
)
from perfcli.thresholds import parse_threshold


def summary(*samples_ns: int) -> LatencySummary:
    """The statistics of given samples."""
    of = Distribution.of(samples_ns)
    histogram = of.histogram()
    return LatencySummary(
        count=len(of),
        exact=of.is_exact,
        min_ns=histogram.min,
        mean_ns=histogram.mean,
        p50_ns=of.percentile(0.5),
        p90_ns=of.percentile(0.9),
        p95_ns=of.percentile(0.95),
        p99_ns=of.percentile(0.99),
        p99_9_ns=of.percentile(0.999),
        max_ns=histogram.max,
        stddev_ns=histogram.stddev,
    )


def spread(typical_ns: int, count: int = 100) -> LatencySummary:
    """A latency with a long tail: 95 % near `typical_ns`, the slowest forty times that; as of `count` samples."""
    samples = [*(typical_ns * (100 + i) // 100 for i in range(95)), *(typical_ns * n for n in (2, 3, 5, 12, 40))]
    return summary(*samples).model_copy(update={"count": count, "exact": count <= 50_000})


def operation(name: str, typical_ns: int | None, ok: int, failed: int = 0, **more: Any) -> OperationResult:
    """One operation; without a typical latency, one that has none."""
    latency = None if typical_ns is None else spread(typical_ns, ok)
    return OperationResult(**{"name": name, "ok": ok, "failed": failed, "latency": latency} | more)


def phase(name: str, vus: int, *operations: OperationResult, **more: Any) -> PhaseResult:
    """One phase of a second, of operations that are made with `operation`; their total is like the first of them."""
    summed = ("ok", "failed", "skipped", "throughput_per_s")
    of_all = {field: sum(getattr(each, field) for each in operations) for field in summed}
    ok = of_all["ok"]
    planned: dict[str, Any] = {
        "name": name,
        "plan": f"{ok:,} iterations by {vus} vus; {', '.join(each.name for each in operations)}",
        "vus": vus,
        "began_ns": 0,
        "duration_ns": 1_000_000_000,
        "iterations": ok,
        "total": operations[0].model_copy(update={"name": "all operations", **of_all}),
        "operations": list(operations),
    }
    return PhaseResult(**planned | more)


def judged(expr: str, observed: float | None, **more: Any) -> ThresholdResult:
    """A threshold judged on an observed value."""
    threshold = parse_threshold(expr)
    known: dict[str, Any] = {
        "expr": expr,
        "unit": threshold.metric.unit,
        "observed": observed,
        "limit": threshold.limit,
        "margin": None if observed is None else threshold.margin(observed),
        "passed": observed is not None and threshold.holds(observed),
        "reason": "no samples" if observed is None else "",
    }
    return ThresholdResult(**known | more)


def fault(name: str, at_ns: int, lasted_ns: int | None, **more: Any) -> FaultResult:
    """A fault; without a duration, one that was not inflicted. Its outage is as long as it is."""
    known = {"name": name, "kind": "lock", "phase": "steady", "at_ns": at_ns, "lasted_ns": lasted_ns}
    return FaultResult.model_validate(known | {"outage_ns": lasted_ns, "recovery_ns": 0} | more)


_MEMORY = MemoryResult(
    harness_rss=31_200_000,
    baseline_rss=43_900_000,
    end_rss=45_100_000,
    cleanup_rss=44_300_000,
    baseline_uss=35_000_000,
    end_uss=36_100_000,
    active_pets=50,
    growth=1_200_000,
    peak=14_100_000,
    per_pet=25_600.0,
    after_cleanup=400_000,
    slope_bytes_per_operation=16.2,
)
_RESOURCES = ResourceResult(
    cpu_mean=0.9312,
    cpu_max=1.0104,
    threads_max=7,
    open_files_max=12,
    read_bytes=1_240_000,
    written_bytes=3_400_000,
    database_bytes=180_224,
    wal_bytes_max=4_128_272,
)
_PLAIN_RUN: dict[str, Any] = {
    "name": "database_load",
    "description": "Concurrent reads and writes on a populated database",
    "tags": ["scalability", "quick"],
    "scenario": {},
    "plan": "2,000 iterations shared by 5 vus, after 2s of warm-up (at most 10m)",
    "seed": 42,
    "started_at": "2026-01-02T03:04:05Z",
    "duration_ns": 520_000_000,
    "verdict": Verdict.PASS,
    "iterations": 2_000,
    "warmup_iterations": 7_812,
    "phases": [phase("load", 5, operation("load_pet", 7_420, 1_598), operation("save_pet", 51_300, 402))],
    "total": operation("total", 9_000, 2_000, throughput_per_s=3_846.2, degradation=0.021),
    "operations": [
        operation("load_pet", 7_420, 1_598, throughput_per_s=3_073.1, degradation=0.012),
        operation("save_pet", 51_300, 402, throughput_per_s=773.1, degradation=0.142),
    ],
    "memory": _MEMORY,
    "resources": _RESOURCES,
    "integrity": Integrity(acknowledged=402, lost=0, duplicates=0),
    "digest": "0" * 32,
    "performed_as_planned": True,
    "environment": Environment(
        tool_version="0.1.0", python="3.11.9", sqlite="3.40.1", system="Linux", machine="x86_64", cpu_count=2
    ),
}
_THRESHOLDS = [
    judged("load_pet.latency.mean < 100ms", 13_240_000.0),
    judged("load_pet.latency.max < 500ms", 296_800_000.0),
    judged("success_rate >= 95%", 1.0),
    judged("lost_writes == 0", 0),
    judged("memory.growth < 50MB", 1_200_000),
]


def run_result(**changes: Any) -> RunResult:
    """A run that passed with everything measured, changed as told."""
    return RunResult.model_validate({**_PLAIN_RUN, "thresholds": _THRESHOLDS, **changes})


_NOTHING_MEASURED: dict[str, Any] = {
    "duration_ns": None,
    "iterations": 0,
    "warmup_iterations": 0,
    "total": operation("total", None, 0),
    "operations": [],
    "memory": MemoryResult(),
    "resources": ResourceResult(),
    "integrity": None,
}

_STARVED = "other processes used 85% of the CPU; the engine's threads waited 17.5 s for one in 4.2 s"
_STARVED_TRY = Try(
    started_at="2026-01-02T03:03:05Z",
    duration_ns=4_200_000_000,
    verdict=Verdict.INVALID,
    reasons=[_STARVED],
    iterations=2_000,
    ok=2_000,
)
_THIN = "5 of 5,000 samples lie beyond p99.9, 10 needed: measure 10,000, or set allow_thin: true"
_ARRIVALS = phase(
    "steady",
    20,
    operation("load_pet", 7_420, 8_720, service_time=spread(6_900, 8_720), throughput_per_s=872.0),
    operation("save_pet", 51_300, 1_000, service_time=spread(50_100, 1_000), throughput_per_s=100.0),
    plan="1000/s for 10s by at most 20 vus; a mix of load_pet, save_pet",
    duration_ns=10_000_000_000,
    warmup_iterations=2_000,
    dropped_iterations=280,
    interrupted_iterations=2,
    offered_per_s=1_000.0,
    achieved_per_s=972.0,
    schedule_lag=spread(310_000, 9_720),
)
_SCALING = [
    phase(
        f"ramp-{vus}",
        vus,
        operation("load_pet", 7_420 * vus, 1_600 * vus // (vus + 1), throughput_per_s=3_100.0 / (1 + vus / 10)),
        operation("save_pet", 51_300 * vus, 402, vus // 10, skipped=vus // 8, throughput_per_s=770.0),
        plan=f"2,000 iterations by {vus} vu{'s' if vus > 1 else ''}; a mix of load_pet, save_pet",
    )
    for vus in (1, 5, 16)
]

_COUNTERS = ExactCounters(
    seed=0,
    tool_version="0.1.0",
    system="Linux",
    python="CPython 3.11.9",
    sqlite="3.40.1",
    sqlite_options="0f3a5c7e9b1d",
    operations={
        "load_pet": OperationCounts(done=156, calls=47.05, steps=64.0, statements=1.0, pages=0.0),
        "save_pet": OperationCounts(done=44, failed=1, calls=149.2, steps=75.0, statements=3.5),
    },
    kept_bytes=416.7,
    not_exact={"save_pet.python.calls_per_op": "two counts gave 149.2 and 149.4"},
    not_counted={"wal.pages_per_op": "pets.db-shm is not there"},
)

RESULTS: dict[str, RunResult] = {
    "passed": run_result(),
    "failed": run_result(
        verdict=Verdict.FAIL,
        reasons=["load_pet.latency.mean < 100ms: 112 ms", "save_pet.latency.max < 500ms: 1.21 s"],
        thresholds=[
            judged("success_rate >= 95%", 0.9995),
            judged("load_pet.latency.mean < 100ms", 112_000_000.0),
            judged("save_pet.latency.max < 500ms", 1_210_000_000.0),
            judged("load_pet.latency.p50 < 7ms", 7_000_400.0),
        ],
        total=operation("total", 9_000, 1_999, 1, throughput_per_s=3_844.2),
        operations=[
            operation("load_pet", 7_420, 1_598, throughput_per_s=3_073.1),
            operation("save_pet", 51_300, 401, 1, throughput_per_s=771.1, errors={"database is locked": 1}),
        ],
        integrity=Integrity(acknowledged=401, lost=2, examples=["pet of user-7: level 3, not 4"]),
    ),
    "open_model": run_result(
        plan=_ARRIVALS.plan,
        phases=[_ARRIVALS],
        total=_ARRIVALS.total,
        operations=_ARRIVALS.operations,
        duration_ns=_ARRIVALS.duration_ns,
        iterations=9_718,
        warmup_iterations=2_000,
        dropped_iterations=280,
        interrupted_iterations=2,
        verdict=Verdict.INVALID,
        reasons=["delivered 972.0 of 1000.0 iterations/s, dropped 280"],
    ),
    "faulted": run_result(
        plan=_ARRIVALS.plan,
        phases=[_ARRIVALS.model_copy(update={"offered_line": [(0, 1_000.0), (10_000_000_000, 1_000.0)]})],
        total=_ARRIVALS.total,
        operations=_ARRIVALS.operations,
        duration_ns=_ARRIVALS.duration_ns,
        iterations=9_718,
        faults=[
            fault(
                "lock",
                3 * 10**9,
                2_003_000_000,
                operations=1_900,
                late={"steady": 1_600},
                in_flight=2,
                longest_ns=2 * 10**9,
            ),
            fault("full", 6 * 10**9, 5_000_000, kind="disk_full", operations=9, failed=8, hits=12),
            fault("stall", 7 * 10**9, 10_000_000, kind="pause", operations=11, failed=3, recovery_ns=None),
            fault("never", 9 * 10**9, None, problem="not inflicted: the engine held the write lock all the time"),
        ],
        verdict=Verdict.INVALID,
        reasons=["never at 9.00 s: not inflicted: the engine held the write lock all the time"],
    ),
    "phases": run_result(
        plan="6 phases: warm, ramp-1, ramp-5, ramp-16, steady, last",
        duration_ns=14_100_000_000,
        iterations=134_564,
        warmup_iterations=2_000,
        dropped_iterations=280,
        interrupted_iterations=2,
        processes=4,
        engine="revision 1a2b3c4 (feature/faster-saves)",
        phases=[
            phase("warm", 2, operation("create_pet", 90_000, 120_000, throughput_per_s=1.2e5)),
            *_SCALING,
            _ARRIVALS,
            phase("last", 2, operation("load_pet", None, 0), duration_ns=None, began_ns=None, iterations=0),
        ],
        verdict=Verdict.FAIL,
        reasons=[
            "steady: latency.p95 < 1ms for 10s: 1.51 ms",
            f"warm: latency.p99.9 < 5ms: {_THIN}",
        ],
        total=operation("total", 9_000, 136_430, 1, throughput_per_s=3_846.2, degradation=0.021),
        thresholds=[
            *_THRESHOLDS[:2],
            judged("latency.p99 < 10us", 11_100.0, strict=False),
            judged("latency.p95 < 1ms for 10s", 1_510_000.0, phase="steady", exit_code=42),
            judged("throughput > 500/s within 30s", 873.0, phase="steady", strict=False),
            judged(
                "latency.p99.9 < 5ms",
                3_600_000.0,
                phase="warm",
                passed=False,
                reason=_THIN,
            ),
        ],
    ),
    "in_trouble": run_result(
        verdict=Verdict.FAIL,
        reasons=["lost_writes == 0: 3"],
        thresholds=[judged("lost_writes == 0", 3)],
        interrupted_iterations=1,
        operations=[
            operation(
                "load_pet",
                7_420,
                1_598,
                throughput_per_s=3_073.1,
                degradation=0.4,
                growth=GrowthResult(over="pets", ratio=8.7, exponent=0.98, points=[(110.0, 7e3), (1_000.0, 61e3)]),
            ),
            operation(
                "save_pet",
                51_300,
                402,
                throughput_per_s=773.1,
                skipped=3,
                growth=GrowthResult(over="pets", ratio=1.02, exponent=None),
            ),
        ],
        total=operation(
            "total", 9_000, 2_000, throughput_per_s=3_846.2, skipped=3, degradation=0.12, raw_degradation=0.43
        ),
        memory=_MEMORY.model_copy(
            update={
                "leak": LeakResult(
                    slope=70.1, lower_bound=64.2, second_half_slope=69.0, growth_bytes=3_200_000, judged=64.2
                )
            }
        ),
        integrity=Integrity(
            acknowledged=402,
            lost=3,
            duplicates=1,
            damaged="row 7 missing from index by_user",
            lost_updates=2,
            differences=5,
            torn=1,
            examples=["user-7: 4 interactions 'hello' acknowledged, 3 stored", "user-9 has 2 live pets stored"],
        ),
        inspection=Inspection(
            shutdown_ns=5_012_000_000,
            threads_left=["cleaner", *(f"worker-{n}" for n in range(7))],
            connections_left=2,
            files_left=["cache.tmp"],
            log_errors={"digipal.storage": 12, "digipal.core": 1},
            log_examples={"digipal.storage": "could not save the pet of user-7: database is locked"},
            written_per_operation=8_192.0,
            fsyncs_per_operation=0.25,
            printed_bytes=1_204,
        ),
        exact=_COUNTERS,
    ),
    "no_thresholds": run_result(thresholds=[], kept_database="kept/database_load"),
    "no_samples": run_result(
        verdict=Verdict.FAIL,
        reasons=["save_pet.latency.p99 < 50ms: no samples"],
        thresholds=[judged("success_rate >= 50%", 0.79), judged("save_pet.latency.p99 < 50ms", None)],
        operations=[
            operation("load_pet", 7_420, 1_598, throughput_per_s=3_073.1),
            operation("save_pet", None, 0, 402, errors={"NoPet": 400, "TimeoutError": 2}),
        ],
        total=operation("total", 7_420, 1_598, 402, throughput_per_s=3_073.1),
    ),
    "starved": run_result(
        verdict=Verdict.INVALID,
        starved=_STARVED,
        reasons=[_STARVED],
        thresholds=[
            judged("load_pet.latency.mean < 10ms", 13_240_000.0, passed=False, judged=False),
            judged("latency.p95 < 1s", 296_800_000.0, passed=False, judged=False, phase="load", strict=False),
            judged("success_rate >= 95%", 1.0),
        ],
    ),
    "starved_fail": run_result(
        verdict=Verdict.FAIL,
        starved=_STARVED,
        reasons=["lost_writes == 0: 3", _STARVED],
        thresholds=[
            judged("load_pet.latency.mean < 10ms", 13_240_000.0, passed=False, judged=False),
            judged("lost_writes == 0", 3),
        ],
    ),
    "second_try": run_result(earlier_tries=[_STARVED_TRY]),
    "third_try": run_result(
        verdict=Verdict.INVALID, starved=_STARVED, reasons=[_STARVED], earlier_tries=[_STARVED_TRY, _STARVED_TRY]
    ),
    "broken_off": run_result(
        verdict=Verdict.ERROR,
        reasons=["the engine process was killed by signal 9 (SIGKILL) after 312 ms of measuring"],
        duration_ns=312_000_000,
        thresholds=[],
        iterations=700,
        memory=_MEMORY.model_copy(update=dict.fromkeys(("end_rss", "end_uss", "growth", "after_cleanup"))),
        integrity=Integrity(acknowledged=140, lost=0),
    ),
    "interrupted": run_result(
        verdict=Verdict.INTERRUPTED,
        reasons=["Ctrl-C after 98.1 ms of measuring"],
        duration_ns=98_100_000,
        iterations=41,
        dropped_iterations=3,
        operations=[operation("load_pet", 7_420, 41, throughput_per_s=418.0)],
        total=operation("total", 7_420, 41, throughput_per_s=418.0),
    ),
    "nothing_measured": run_result(
        **_NOTHING_MEASURED,
        verdict=Verdict.INVALID,
        reasons=["set-up failed: the database directory is not writable", "nothing was measured"],
        thresholds=[judged("load_pet.latency.mean < 100ms", None)],
    ),
    "counted": run_result(
        **_NOTHING_MEASURED,
        exact=_COUNTERS,
        verdict=Verdict.FAIL,
        reasons=["load_pet.python.calls_per_op < 40: 47.05", "1 counted operation failed: NoPet"],
        thresholds=[
            judged("load_pet.python.calls_per_op < 40", 47.05),
            judged("load_pet.latency.mean < 100ms", None, judged=False, reason=""),
            judged("statements_per_op < 20", 1.55),
        ],
    ),
}


def ab_result(change: Change = Change.NO_CHANGE, **more: Any) -> AbResult:
    """A comparison of three pairs, of one metric that changed so."""
    metric = MetricComparison(
        name="load_pet.p50",
        unit="ns",
        margin=0.05,
        base=50_000.0,
        candidate=60_000.0,
        ratio=1.2,
        lower=1.1,
        upper=1.3,
        p_worse=0.001,
        p_better=1.0,
        change=change,
        differences=[0.1, 0.2, 0.3],
    )
    known: dict[str, Any] = {
        "scenario": "database_load",
        "plan": "a mix of load_pet, save_pet",
        "seed": 42,
        "started_at": "2026-01-02T03:04:05+01:00",
        "duration_ns": 9_400_000_000,
        "base": EngineSide(name="main", version="1a2b3c"),
        "candidate": EngineSide(name="working tree", version="4d5e6f"),
        "pairing": Pairing(
            pairs=3, slices=12, slice_ns=5_000_000, iterations=330, vus=1, pinned=True, stopped_by="precision"
        ),
        "metrics": [metric],
        "change": change,
        "environment": _PLAIN_RUN["environment"],
    }
    return AbResult(**known | more)


@pytest.fixture
def make_ab() -> Callable[..., AbResult]:
    """The factory of comparisons."""
    return ab_result


AB_RESULTS: dict[str, AbResult] = {
    **{change.value: ab_result(change) for change in Change},
    "crashed": ab_result(
        Change.REGRESSION,
        metrics=[],
        candidate=EngineSide(name="broken", problem="the engine process was killed by signal 11\n  frame 0"),
        reasons=["the candidate could not go on"],
    ),
    "invalid": ab_result(metrics=[], invalid="the base does not open: no such table"),
    "ab interrupted": ab_result(Change.REGRESSION, interrupted="Ctrl-C"),
}


@pytest.fixture(params=[*RESULTS, *AB_RESULTS])
def any_reported(request: pytest.FixtureRequest) -> RunResult | AbResult:
    """Each of the ways a run or a comparison can end."""
    return {**RESULTS, **AB_RESULTS}[request.param]


@pytest.fixture
def all_results() -> dict[str, RunResult]:
    """A run for each way a run can end, by a name for that way."""
    return RESULTS


@pytest.fixture(params=RESULTS)
def any_result(request: pytest.FixtureRequest) -> RunResult:
    """Each of the ways a run can end."""
    return RESULTS[request.param]


@pytest.fixture
def make_result() -> Callable[..., RunResult]:
    """The factory of results."""
    return run_result


@pytest.fixture
def make_operation() -> Callable[..., OperationResult]:
    """The factory of operations."""
    return operation


@pytest.fixture
def make_phase() -> Callable[..., PhaseResult]:
    """The factory of phases."""
    return phase


@pytest.fixture
def lasting_fault() -> Callable[..., FaultResult]:
    """The factory of faults."""
    return fault


@pytest.fixture(name="judged")
def judged_threshold() -> Callable[..., ThresholdResult]:
    """The factory of judged thresholds."""
    return judged


@pytest.fixture
def printed() -> Callable[..., str]:
    """What a document or a renderable looks like on a console without colour, of a given width."""

    def on_a_plain_console(shown: RenderableType | list[Section], width: int = 80, *, brief: bool = False) -> str:
        stream = io.StringIO()
        renderable = to_console(shown, brief=brief) if isinstance(shown, list) else shown
        Console(file=stream, width=width, color_system=None, force_terminal=False).print(renderable)
        return stream.getvalue()

    return on_a_plain_console
