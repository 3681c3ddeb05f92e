"""From a measurement to the RunResult that reports read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from perfcli.measurement.digest import planned_digest
from perfcli.measurement.environment import describe_environment
from perfcli.measurement.measured import Measurement
from perfcli.measurement.observations import Observations
from perfcli.measurement.verdict import Ending, judge_thresholds, reach_verdict
from perfcli.metrics.histogram import histogram
from perfcli.metrics.statistics import Distribution
from perfcli.monitor import Reading, cpu_use
from perfcli.results import (
    LatencySummary,
    MemoryResult,
    MonitorSample,
    OperationResult,
    ResourceResult,
    RunResult,
    SecondOfLoad,
)

TOTAL = "all operations"


def assemble(measurement: Measurement, ending: Ending, started_at: datetime, notes: Sequence[str] = ()) -> RunResult:
    """The result of a run, whole or partial. `notes` join the verdict's reasons."""
    plan, samples = measurement.plan, measurement.samples
    observations = Observations(measurement)
    measuring_began = measurement.began_ns is not None
    thresholds = judge_thresholds(plan.scenario, observations) if measuring_began else []
    as_planned = all(work.agrees(plan, vu) for vu, work in measurement.performed.items())
    verdict, reasons = reach_verdict(
        ending,
        thresholds,
        ok=samples.ok,
        failed=samples.failed,
        dropped_iterations=measurement.dropped_iterations,
        as_planned=as_planned,
    )
    return RunResult(
        name=plan.scenario.name,
        description=plan.scenario.description,
        tags=plan.scenario.tags,
        scenario=plan.scenario.model_dump(mode="json"),
        plan=plan.describe(),
        seed=plan.seed,
        started_at=started_at.isoformat(timespec="seconds"),
        duration_ns=measurement.duration_ns,
        verdict=verdict,
        reasons=[*reasons, *notes],
        details=ending.details,
        iterations=measurement.iterations,
        dropped_iterations=measurement.dropped_iterations,
        warmup_iterations=sum(measurement.warmup_iterations.values()),
        total=_operation(TOTAL, "", measurement, observations),
        operations=[_operation(label, label, measurement, observations) for label in samples.operations],
        memory=_memory(measurement, observations),
        resources=_resources(measurement, observations),
        thresholds=thresholds,
        integrity=measurement.integrity,
        digest=planned_digest(plan),
        performed_as_planned=as_planned,
        vus=[work.of(vu) for vu, work in sorted(measurement.performed.items())],
        environment=describe_environment(measurement.engine_version),
        monitor=_monitor(measurement),
        seconds=_seconds(measurement),
    )


def _operation(name: str, label: str, measurement: Measurement, observations: Observations) -> OperationResult:
    chosen = measurement.samples.select(label)
    latency = observations.distribution("latency", label)
    return OperationResult(
        name=name,
        ok=sum(s.ok for s in chosen),
        failed=sum(s.failed for s in chosen),
        errors=measurement.samples.errors(chosen),
        throughput_per_s=observations.throughput(label) or 0.0,
        latency=_summary(latency),
        service_time=_summary(observations.distribution("service_time", label)),
        degradation=observations.degradation(label),
        histogram_ns=histogram(latency.ordered),
    )


def _summary(distribution: Distribution) -> LatencySummary | None:
    if not len(distribution):
        return None
    return LatencySummary(
        min_ns=distribution.ordered[0],
        mean_ns=distribution.mean,
        p50_ns=distribution.percentile(0.5),
        p90_ns=distribution.percentile(0.9),
        p95_ns=distribution.percentile(0.95),
        p99_ns=distribution.percentile(0.99),
        p99_9_ns=distribution.percentile(0.999),
        max_ns=distribution.ordered[-1],
        stddev_ns=distribution.stddev,
    )


def _memory(measurement: Measurement, observations: Observations) -> MemoryResult:
    marks = measurement.marks
    harness, baseline, end, cleanup = (marks.get(name) for name in ("harness", "baseline", "end", "cleanup"))
    return MemoryResult(
        harness_rss=harness and harness.rss,
        baseline_rss=baseline and baseline.rss,
        end_rss=end and end.rss,
        cleanup_rss=cleanup and cleanup.rss,
        baseline_uss=baseline and baseline.uss,
        end_uss=end and end.uss,
        active_pets=measurement.active_pets,
        growth=_whole(observations.memory_growth()),
        peak=_whole(observations.memory_peak()),
        per_pet=observations.memory_per_pet(),
        after_cleanup=_whole(observations.memory_after_cleanup()),
        slope_bytes_per_operation=observations.memory_slope(),
    )


def _resources(measurement: Measurement, observations: Observations) -> ResourceResult:
    readings = measurement.measured_readings()
    if not readings:
        return ResourceResult()
    first, last = readings[0], readings[-1]
    return ResourceResult(
        cpu_mean=observations.cpu_mean(),
        cpu_max=observations.cpu_max(),
        threads_max=max(r.threads for r in readings),
        open_files_max=max(r.open_files for r in readings),
        read_bytes=_difference(first.read_bytes, last.read_bytes),
        written_bytes=_difference(first.written_bytes, last.written_bytes),
        database_bytes=last.database_bytes,
        wal_bytes_max=max(r.wal_bytes for r in readings),
    )


def _monitor(measurement: Measurement) -> list[MonitorSample]:
    origin_ns = measurement.began_ns
    if origin_ns is None:
        return []
    before: Reading | None = None
    samples = []
    for reading in measurement.readings:
        samples.append(
            MonitorSample(
                at_ns=reading.at_ns - origin_ns,
                rss=reading.rss,
                uss=reading.uss,
                cpu=cpu_use(before, reading) if before else None,
                threads=reading.threads,
                open_files=reading.open_files,
                read_bytes=reading.read_bytes,
                written_bytes=reading.written_bytes,
                database_bytes=reading.database_bytes,
                wal_bytes=reading.wal_bytes,
                operations=reading.operations,
            )
        )
        before = reading
    return samples


def _seconds(measurement: Measurement) -> list[SecondOfLoad]:
    if measurement.began_ns is None:
        return []
    return [
        SecondOfLoad(
            second=number,
            ok=second.ok,
            failed=second.failed,
            mean_ns=second.latency_sum_ns / second.ok if second.ok else None,
            max_ns=second.latency_max_ns if second.ok else None,
        )
        for number, second in measurement.samples.by_second(measurement.began_ns).items()
    ]


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _difference(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else last - first
