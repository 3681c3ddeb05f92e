"""Fabricated results and consoles: no test here runs, times or measures anything."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console, RenderableType

from perfcli.errors import Verdict
from perfcli.metrics.statistics import Distribution
from perfcli.results import (
    Environment,
    Integrity,
    LatencySummary,
    MemoryResult,
    OperationResult,
    ResourceResult,
    RunResult,
    ThresholdResult,
)
from perfcli.thresholds import parse_threshold


def summary(*samples_ns: int) -> LatencySummary:
    """The statistics of given samples."""
    of = Distribution.of(samples_ns)
    return LatencySummary(
        min_ns=of.ordered[0],
        mean_ns=of.mean,
        p50_ns=of.percentile(0.5),
        p90_ns=of.percentile(0.9),
        p95_ns=of.percentile(0.95),
        p99_ns=of.percentile(0.99),
        p99_9_ns=of.percentile(0.999),
        max_ns=of.ordered[-1],
        stddev_ns=of.stddev,
    )


def spread(typical_ns: int) -> LatencySummary:
    """A latency with a long tail: 95 % near `typical_ns`, the slowest forty times that."""
    return summary(*(typical_ns * (100 + i) // 100 for i in range(95)), *(typical_ns * n for n in (2, 3, 5, 12, 40)))


def operation(name: str, typical_ns: int | None, ok: int, failed: int = 0, **more: Any) -> OperationResult:
    """One operation; without a typical latency, one that has none."""
    latency = None if typical_ns is None else spread(typical_ns)
    return OperationResult(name=name, ok=ok, failed=failed, latency=latency, **more)


def judged(expr: str, observed: float | None, **more: Any) -> ThresholdResult:
    """A threshold judged on an observed value."""
    threshold = parse_threshold(expr)
    return ThresholdResult(
        expr=expr,
        unit=threshold.metric.unit,
        observed=observed,
        limit=threshold.limit,
        margin=None if observed is None else threshold.margin(observed),
        passed=observed is not None and threshold.holds(observed),
        **({"reason": "no samples" if observed is None else ""} | more),
    )


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
    "total": operation("total", 9_000, 2_000, throughput_per_s=3_846.2, degradation=0.021),
    "operations": [
        operation("load_pet", 7_420, 1_598, throughput_per_s=3_073.1, degradation=0.012),
        operation("save_pet", 51_300, 402, throughput_per_s=773.1, degradation=0.142),
    ],
    "memory": _MEMORY,
    "resources": _RESOURCES,
    "integrity": Integrity(acknowledged=402, lost=0),
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
}


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


@pytest.fixture(name="judged")
def judged_threshold() -> Callable[..., ThresholdResult]:
    """The factory of judged thresholds."""
    return judged


@pytest.fixture
def printed() -> Callable[..., str]:
    """What a renderable looks like on a console without colour, of a given width."""

    def on_a_plain_console(renderable: RenderableType, width: int = 80) -> str:
        stream = io.StringIO()
        Console(file=stream, width=width, color_system=None, force_terminal=False).print(renderable)
        return stream.getvalue()

    return on_a_plain_console
