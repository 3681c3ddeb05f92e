"""From a measurement to the RunResult that reports read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

from perfcli.measurement.digest import planned_digest
from perfcli.measurement.environment import describe_environment
from perfcli.measurement.measured import Measurement
from perfcli.measurement.observations import Observations
from perfcli.measurement.process import ProcessFigures
from perfcli.measurement.series import monitor_samples, seconds_of_load
from perfcli.measurement.slices import cut_into_slices, median_reference_ns
from perfcli.measurement.verdict import Ending, judge_thresholds, reach_verdict
from perfcli.metrics.statistics import Distribution
from perfcli.plan import PlannedPhase
from perfcli.results import (
    TOTAL,
    Integrity,
    LatencySummary,
    LeakResult,
    MemoryResult,
    OperationResult,
    PhaseResult,
    ResourceResult,
    RunResult,
)

_NEARLY_FULL: Final = 0.95
"""A process with so many of its file descriptors will soon fail for want of one, or did so between two readings."""


def assemble(measurement: Measurement, ending: Ending, started_at: datetime, notes: Sequence[str] = ()) -> RunResult:
    """The result of a run, whole or partial. `notes` join the verdict's reasons."""
    plan, samples = measurement.plan, measurement.samples
    observations = Observations(measurement)
    measuring_began = measurement.began_ns is not None
    thresholds = judge_thresholds(measurement) if measuring_began else []
    as_planned = all(work.agrees(plan, vu) for vu, work in measurement.performed.items())
    verdict, reasons = reach_verdict(measurement, ending, thresholds, as_planned=as_planned)
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
        reasons=[*reasons, *notes, *_descriptors(observations.process)],
        details=ending.details,
        starved=measurement.starved,
        iterations=measurement.iterations,
        dropped_iterations=measurement.dropped_iterations,
        interrupted_iterations=measurement.interrupted_iterations,
        warmup_iterations=sum(measurement.warmup_iterations.values()),
        processes=plan.scenario.pool.processes,
        error_examples=samples.examples(),
        total=_operation(TOTAL, "", measurement, observations),
        operations=[_operation(label, label, measurement, observations) for label in samples.labels],
        slices=cut_into_slices(measurement),
        reference_ns=median_reference_ns(measurement),
        phases=[_phase(phase, measurement) for phase in plan.phases],
        inspection=measurement.inspection.model_copy(
            update={
                "written_per_operation": observations.process.written_per_operation(),
                "printed_bytes": measurement.printed_bytes,
                "processes_left": measurement.left_running,
            }
        ),
        memory=_memory(measurement, observations.process),
        resources=_resources(measurement, observations.process),
        thresholds=thresholds,
        integrity=_integrity(measurement, observations),
        digest=planned_digest(plan),
        performed_as_planned=as_planned,
        vus=[work.of(vu) for vu, work in sorted(measurement.performed.items())],
        environment=describe_environment(measurement.engine_version),
        monitor=monitor_samples(measurement),
        seconds=seconds_of_load(measurement),
        seconds_by_operation={label: seconds_of_load(measurement, label) for label in samples.labels},
    )


def _integrity(measurement: Measurement, observations: Observations) -> Integrity | None:
    found = measurement.integrity
    return found and found.model_copy(update={"torn": round(observations.failures_of("torn") or 0)})


def _descriptors(figures: ProcessFigures) -> Iterator[str]:
    """That a process of the engine is about to have, or has, as many descriptors as it may."""
    held, limit = figures.fullest() or (0, 1)
    if held >= _NEARLY_FULL * limit:
        yield f"the engine holds {held:,} of {limit:,} file descriptors (RLIMIT_NOFILE, ulimit -n)"


def _phase(planned: PlannedPhase, measurement: Measurement) -> PhaseResult:
    observations = Observations(measurement, planned)
    times = measurement.phases[planned.index]
    return PhaseResult(
        name=planned.name,
        plan=measurement.plan.describe_phase(planned),
        vus=planned.load.vu_count,
        began_ns=_difference(measurement.began_ns, times.began_ns),
        duration_ns=measurement.duration_of(planned),
        iterations=measurement.iterations_of(planned),
        dropped_iterations=measurement.dropped_in(planned),
        interrupted_iterations=times.interrupted,
        warmup_iterations=sum(measurement.warmup_iterations.get(vu, 0) for vu in planned.vus),
        offered_per_s=observations.offered_rate(),
        offered_line=planned.load.offered_line,
        achieved_per_s=observations.achieved_rate(),
        schedule_lag=_summary(observations.distribution("schedule_lag")),
        total=_operation(TOTAL, "", measurement, observations),
        operations=[_operation(label, label, measurement, observations) for label in planned.phase.labels],
    )


def _operation(name: str, label: str, measurement: Measurement, observations: Observations) -> OperationResult:
    chosen = observations.select(label)
    latency = observations.distribution("latency", label)
    degradation, growth = observations.degradation(label), observations.growth(label)
    return OperationResult(
        name=name,
        ok=sum(s.ok for s in chosen),
        failed=sum(s.failed for s in chosen),
        skipped=sum(s.skipped for s in chosen),
        errors=measurement.samples.errors(chosen),
        throughput_per_s=observations.throughput(label) or 0.0,
        latency=_summary(latency),
        service_time=_summary(observations.distribution("service_time", label)),
        degradation=degradation and degradation.judged,
        raw_degradation=degradation and degradation.raw,
        growth=growth,
        histogram_ns=latency.histogram().to_counts(),
    )


def _summary(distribution: Distribution) -> LatencySummary | None:
    if not len(distribution):
        return None
    return LatencySummary(
        count=len(distribution),
        exact=distribution.is_exact,
        min_ns=distribution.minimum,
        mean_ns=distribution.mean,
        p50_ns=distribution.percentile(0.5),
        p90_ns=distribution.percentile(0.9),
        p95_ns=distribution.percentile(0.95),
        p99_ns=distribution.percentile(0.99),
        p99_9_ns=distribution.percentile(0.999),
        max_ns=distribution.maximum,
        stddev_ns=distribution.stddev,
    )


def _memory(measurement: Measurement, figures: ProcessFigures) -> MemoryResult:
    marks, found = measurement.marks, figures.memory_leak()
    harness, baseline, end, cleanup = (marks.get(name) for name in ("harness", "baseline", "end", "cleanup"))
    return MemoryResult(
        harness_rss=harness and harness.rss,
        baseline_rss=baseline and baseline.rss,
        end_rss=end and end.rss,
        cleanup_rss=cleanup and cleanup.rss,
        baseline_uss=baseline and baseline.uss,
        end_uss=end and end.uss,
        active_pets=measurement.active_pets,
        growth=_whole(figures.memory_growth()),
        peak=_whole(figures.memory_peak()),
        per_pet=figures.memory_per_pet(),
        after_cleanup=_whole(figures.memory_after_cleanup()),
        slope_bytes_per_operation=figures.memory_slope(),
        leak=LeakResult(**asdict(found), judged=found.judged) if found else None,
    )


def _resources(measurement: Measurement, figures: ProcessFigures) -> ResourceResult:
    readings = measurement.measured_readings()
    if not readings:
        return ResourceResult()
    first, last = readings[0], readings[-1]
    return ResourceResult(
        cpu_mean=figures.cpu_mean(),
        cpu_max=figures.cpu_max(),
        threads_max=max(r.threads for r in readings),
        open_files_max=max(r.open_files for r in readings),
        open_files_limit=fullest[1] if (fullest := figures.fullest()) else None,
        read_bytes=_difference(first.read_bytes, last.read_bytes),
        written_bytes=_difference(first.written_bytes, last.written_bytes),
        database_bytes=last.database_bytes,
        wal_bytes_max=max(r.wal_bytes for r in readings),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _difference(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else last - first
