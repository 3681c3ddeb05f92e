"""The value of any metric, from what a run has told so far: of the whole run, or of one of its phases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from statistics import median
from typing import Final

from perfcli.measurement.measured import Measurement
from perfcli.measurement.process import ProcessFigures
from perfcli.measurement.samples import OperationSamples
from perfcli.metrics.degradation import FIFTHS, Degradation, Fifths, degradation
from perfcli.metrics.growth import growth
from perfcli.metrics.statistics import Distribution
from perfcli.metrics.windows import worst_window
from perfcli.plan import PlannedPhase
from perfcli.recorder import FLUSH_INTERVAL_NS
from perfcli.results import GrowthResult, Inspection, Integrity
from perfcli.scenario.marking import marking_of
from perfcli.scenario.steps import LoadPet, Status
from perfcli.thresholds import Threshold
from perfcli.units import NS_PER_S

_TENTHS: Final = 10


class Observations:
    """Metrics of a measurement as it stands; a metric without samples is None, never 0.

    Args:
        phase: only what happened in it; the whole run where it is None.
        elapsed_ns: how long the load has lasted, while it goes on.
        since_ns: until when windows have been judged before, while it goes on.
    """

    def __init__(
        self,
        measurement: Measurement,
        phase: PlannedPhase | None = None,
        *,
        elapsed_ns: int | None = None,
        since_ns: int = 0,
    ) -> None:
        self._measurement = measurement
        self._phase = phase
        duration_ns = measurement.duration_ns if phase is None else measurement.duration_of(phase)
        self._duration_ns = elapsed_ns if duration_ns is None else duration_ns
        self._goes_on = duration_ns is None
        self._since_ns = since_ns
        self._samples = measurement.samples
        self.process = ProcessFigures(measurement)
        self._distributions: dict[tuple[str, str], Distribution] = {}

    def observe(self, threshold: Threshold) -> float | None:
        """The value a threshold is about, in its metric's base unit."""
        name = threshold.metric.name
        if threshold.window is not None:
            return self._worst_window(threshold)
        if threshold.metric.needs_statistic:
            distribution = self.distribution(name, threshold.operation)
            return distribution.statistic(threshold.statistic) if len(distribution) else None
        if threshold.metric.per_operation:
            return _OF_OPERATION[name](self, threshold.operation)
        return _OF_RUN[name](self)

    def select(self, label: str = "") -> Sequence[OperationSamples]:
        """The samples of an operation, or of all where the label is empty."""
        return self._samples.select(label, None if self._phase is None else self._phase.index)

    def distribution(self, metric: str, label: str = "") -> Distribution:
        """All latencies, service times or schedule lags; of one operation, or of all where the label is empty."""
        if (metric, label) not in self._distributions:
            self._distributions[metric, label] = _whole(self._parts(metric, label))
        return self._distributions[metric, label]

    def _parts(self, metric: str, label: str) -> list[Distribution]:
        if metric == "schedule_lag":
            lags = self._samples.lags
            return lags if self._phase is None else [lags[self._phase.index]]
        chosen = self.select(label)
        timelines = [s.timeline if metric == "latency" else s.service_timeline for s in chosen]
        return [timeline.distribution() for timeline in timelines]

    def success_rate(self, label: str = "") -> float | None:
        """The share of operations that answered rightly."""
        ok, failed = self._tried(label)
        return ok / (ok + failed) if ok + failed else None

    def error_rate(self, label: str = "") -> float | None:
        """The share of operations that failed."""
        ok, failed = self._tried(label)
        return failed / (ok + failed) if ok + failed else None

    def throughput(self, label: str = "") -> float | None:
        """Successful operations per second of planned time, or of measured time if longer."""
        ok, failed = self._tried(label)
        return ok / (self._duration_ns / NS_PER_S) if self._duration_ns and ok + failed else None

    def degradation(self, label: str = "") -> Degradation | None:
        """The last fifth of the operations against the first."""
        fifths, early, late = [], [], []
        for phase, samples in self._by_phase(label):
            slices = samples.timeline.slices(FIFTHS)
            if (found := Fifths.of(slices)) is not None:
                fifths.append(found)
                early += self._measurement.references[phase].during(slices[0].start_ns, slices[0].end_ns)
                late += self._measurement.references[phase].during(slices[-1].start_ns, slices[-1].end_ns)
        return degradation(fifths, median(early) if early else None, median(late) if late else None)

    def growth(self, label: str = "") -> GrowthResult | None:
        """The cost of operations over what is stored, by tenths; of several operations the one that grows the most."""
        found = (self._growth_of(phase, samples) for phase, samples in self._by_phase(label))
        return max((each for each in found if each), key=lambda each: each.exponent or 0.0, default=None)

    def _growth_of(self, phase: int, samples: OperationSamples) -> GrowthResult | None:
        planned = self._measurement.plan.phases[phase]
        if planned.phase.growth is None:
            return None
        over = planned.phase.growth.over
        stored = self._measurement.stored(planned, over)
        points = [
            (stored.at((part.start_ns + part.end_ns) // 2), part.median_ns) for part in samples.timeline.slices(_TENTHS)
        ]
        found = growth(points)
        if found is None:
            return None
        return GrowthResult(over=over, ratio=found.ratio, exponent=found.exponent, points=points)

    def failures_of(self, category: str, label: str = "") -> float | None:
        """Failures of one category; None where nothing was tried."""
        chosen = self.select(label)
        return self._samples.failures_of(category, chosen) if sum(self._tried(label)) else None

    def iterations(self) -> float | None:
        """Completed iterations; None where measuring never began."""
        if not self._began:
            return None
        return self._measurement.iterations if self._phase is None else self._measurement.iterations_of(self._phase)

    def dropped_iterations(self) -> float | None:
        """Iterations that were due but never started."""
        if not self._began:
            return None
        of_run = self._measurement.dropped_iterations
        return of_run if self._phase is None else self._measurement.dropped_in(self._phase)

    def interrupted_iterations(self) -> float | None:
        """Iterations that were cut off."""
        if not self._began:
            return None
        if self._phase is None:
            return self._measurement.interrupted_iterations
        return self._measurement.phases[self._phase.index].interrupted

    def duration(self) -> float | None:
        """Measured time."""
        return self._duration_ns

    def offered_rate(self) -> float | None:
        """Iterations that were due per second, in the phases of an open model."""
        offered, _, seconds = self._delivered
        return offered / seconds if seconds else None

    def achieved_rate(self) -> float | None:
        """Iterations that were done per second, in the phases of an open model."""
        _, achieved, seconds = self._delivered
        return achieved / seconds if seconds else None

    def delivery(self) -> float | None:
        """Achieved over offered rate, in the phases of an open model."""
        offered, achieved, _ = self._delivered
        return achieved / offered if offered else None

    @property
    def integrity(self) -> Integrity | None:
        """What the comparison with the database showed."""
        return self._measurement.integrity

    def torn_reads(self) -> float | None:
        """Reads of partly another save; None where no pet bears marks, or none is read."""
        phases = self._measurement.plan.phases if self._phase is None else [self._phase]
        reads = {step.label for phase in phases for step in phase.flow if isinstance(step, LoadPet | Status)}
        is_marked = marking_of(self._measurement.plan.scenario).has_marks
        return self.failures_of("torn") if is_marked and any(sum(self._tried(label)) for label in reads) else None

    @property
    def inspection(self) -> Inspection:
        """What was seen from inside the engine's processes."""
        return self._measurement.inspection

    @property
    def looked_into(self) -> bool | None:
        """Whether the engine's end was seen from inside; None where it was not."""
        return True if self.inspection.shutdown_ns is not None else None

    @property
    def printed_bytes(self) -> int | None:
        """What the engine wrote to stdout and stderr; None until it has ended."""
        return self._measurement.printed_bytes

    def statements_per_operation(self) -> float | None:
        """SQL statements of an operation, in the proportions of the load."""
        counted = self.inspection.statements_per_operation
        weights = {label: self._tried(label)[0] for label in counted}
        total = sum(weights.values())
        return sum(counted[label] * weight for label, weight in weights.items()) / total if total else None

    @cached_property
    def _delivered(self) -> tuple[float, float, float]:
        """Of the open phases: iterations due, iterations done in their time, and that time in seconds."""
        offered = achieved = seconds = 0.0
        for phase in self._measurement.plan.phases if self._phase is None else [self._phase]:
            duration_ns = self._measurement.duration_of(phase)
            if phase.load.offered_per_s is None or duration_ns is None or self._measurement.cut_short:
                continue
            nominal_ns = phase.load.longest_ns
            in_time = nominal_ns / max(nominal_ns, duration_ns)
            offered += phase.load.planned_iterations or 0
            achieved += self._measurement.iterations_of(phase) * in_time
            seconds += nominal_ns / NS_PER_S
        return offered, achieved, seconds

    def _tried(self, label: str) -> tuple[int, int]:
        chosen = self.select(label)
        return sum(s.ok for s in chosen), sum(s.failed for s in chosen)

    @property
    def _began(self) -> bool:
        if self._phase is None:
            return self._measurement.began_ns is not None
        return self._measurement.phases[self._phase.index].began_ns is not None

    def _worst_window(self, threshold: Threshold) -> float | None:
        if not self._duration_ns:
            return None
        by_service_time = threshold.metric.name == "service_time"
        timeline = self._measurement.timeline(threshold.operation, self._phase, by_service_time=by_service_time)
        # while the load goes on, what the newest interval holds has not all arrived yet
        known_ns = max(0, self._duration_ns - FLUSH_INTERVAL_NS) if self._goes_on else self._duration_ns
        return worst_window(timeline, threshold, known_ns, since_ns=self._since_ns if self._goes_on else None)

    def _by_phase(self, label: str) -> Iterator[tuple[int, OperationSamples]]:
        phases = range(len(self._samples.phases)) if self._phase is None else [self._phase.index]
        return ((phase, samples) for phase in phases for samples in self._samples.select(label, phase))


def _part(record: object, name: str) -> float | None:
    """A figure of a record; None where there is no record."""
    figure: float | None = None if record is None else getattr(record, name)
    return figure


def _whole(parts: Sequence[Distribution]) -> Distribution:
    if len(parts) == 1:
        return parts[0]
    whole = Distribution()
    for part in parts:
        whole.merge(part)
    return whole


_OF_OPERATION: Final[Mapping[str, Callable[[Observations, str], float | None]]] = {
    "success_rate": Observations.success_rate,
    "error_rate": Observations.error_rate,
    "throughput": Observations.throughput,
    "degradation": lambda seen, label: _part(seen.degradation(label), "judged"),
    "growth.ratio": lambda seen, label: _part(seen.growth(label), "ratio"),
    "growth.exponent": lambda seen, label: _part(seen.growth(label), "exponent"),
    "timeouts": lambda seen, label: seen.failures_of("timeout", label),
}
_OF_RUN: Final[Mapping[str, Callable[[Observations], float | None]]] = {
    "iterations": Observations.iterations,
    "dropped_iterations": Observations.dropped_iterations,
    "interrupted_iterations": Observations.interrupted_iterations,
    "duration": Observations.duration,
    "offered_rate": Observations.offered_rate,
    "achieved_rate": Observations.achieved_rate,
    "delivery": Observations.delivery,
    "lost_writes": lambda seen: _part(seen.integrity, "lost"),
    "duplicate_writes": lambda seen: _part(seen.integrity, "duplicates"),
    "lost_updates": lambda seen: _part(seen.integrity, "lost_updates"),
    "fidelity.differences": lambda seen: _part(seen.integrity, "differences"),
    "torn_reads": Observations.torn_reads,
    "db_errors": lambda seen: seen.failures_of("database"),
    "busy_errors": lambda seen: seen.failures_of("busy"),
    "stale_errors": lambda seen: seen.failures_of("stale"),
    "engine.shutdown_time": lambda seen: seen.inspection.shutdown_ns,
    "engine.threads_left": lambda seen: seen.looked_into and len(seen.inspection.threads_left),
    "engine.files_left": lambda seen: seen.looked_into and len(seen.inspection.files_left),
    "engine.connections_left": lambda seen: seen.inspection.connections_left,
    "log.errors": lambda seen: seen.looked_into and sum(seen.inspection.log_errors.values()),
    "stray_output": lambda seen: seen.printed_bytes,
    "statements_per_op": lambda seen: seen.statements_per_operation(),
    "io.written_per_op": lambda seen: seen.process.written_per_operation(),
    "io.fsyncs_per_op": lambda seen: seen.inspection.fsyncs_per_operation,
    "memory.growth": lambda seen: seen.process.memory_growth(),
    "memory.peak": lambda seen: seen.process.memory_peak(),
    "memory.per_pet": lambda seen: seen.process.memory_per_pet(),
    "memory.slope": lambda seen: seen.process.memory_slope(),
    "memory.leak": lambda seen: _part(seen.process.memory_leak(), "judged"),
    "memory.after_cleanup": lambda seen: seen.process.memory_after_cleanup(),
    "cpu.mean": lambda seen: seen.process.cpu_mean(),
    "cpu.max": lambda seen: seen.process.cpu_max(),
}
