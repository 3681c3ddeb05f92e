"""The value of any metric, from what a run has told so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import chain
from typing import Final

from perfcli.measurement.measured import Measurement
from perfcli.metrics.degradation import overall_degradation
from perfcli.metrics.memory import theil_sen_slope
from perfcli.metrics.statistics import Distribution
from perfcli.monitor import Reading, cpu_use, highest_cpu_use
from perfcli.thresholds import Threshold
from perfcli.units import NS_PER_S

LEAST_READINGS: Final = 10
"""Readings with different operation counts that a memory slope needs."""


class Observations:
    """Metrics of a measurement as it stands; a metric without samples is None, never 0.

    Args:
        elapsed_ns: how long the load has lasted, while it goes on.
    """

    def __init__(self, measurement: Measurement, *, elapsed_ns: int | None = None) -> None:
        self._measurement = measurement
        self._duration_ns = elapsed_ns if measurement.duration_ns is None else measurement.duration_ns
        self._samples = measurement.samples
        self._distributions: dict[tuple[str, str], Distribution] = {}

    def observe(self, threshold: Threshold) -> float | None:
        """The value a threshold is about, in its metric's base unit."""
        name = threshold.metric.name
        if threshold.metric.needs_statistic:
            distribution = self.distribution(name, threshold.operation)
            return distribution.statistic(threshold.statistic) if len(distribution) else None
        if threshold.metric.per_operation:
            return _OF_OPERATION[name](self, threshold.operation)
        return _OF_RUN[name](self)

    def distribution(self, metric: str, label: str) -> Distribution:
        """All latencies or service times of an operation; of all operations where the label is empty."""
        labels = self._samples.operations
        if not label and len(labels) == 1:
            (label,) = labels
        if (metric, label) not in self._distributions:
            chosen = self._samples.select(label)
            samples = (s.latencies if metric == "latency" else s.service_times for s in chosen)
            self._distributions[metric, label] = Distribution.of(chain.from_iterable(samples))
        return self._distributions[metric, label]

    def success_rate(self, label: str = "") -> float | None:
        """The share of operations that answered rightly."""
        chosen = self._samples.select(label)
        ok = sum(s.ok for s in chosen)
        tried = ok + sum(s.failed for s in chosen)
        return ok / tried if tried else None

    def error_rate(self, label: str = "") -> float | None:
        """The share of operations that failed."""
        chosen = self._samples.select(label)
        failed = sum(s.failed for s in chosen)
        tried = failed + sum(s.ok for s in chosen)
        return failed / tried if tried else None

    def throughput(self, label: str = "") -> float | None:
        """Successful operations per second of measured time."""
        duration_ns = self._duration_ns
        if not duration_ns or self.success_rate(label) is None:
            return None
        return sum(s.ok for s in self._samples.select(label)) / (duration_ns / NS_PER_S)

    def degradation(self, label: str = "") -> float | None:
        """The last fifth of the operations against the first."""
        if label:
            return overall_degradation({label: self._in_order[label]})
        return overall_degradation(self._in_order)

    @cached_property
    def _in_order(self) -> dict[str, list[int]]:
        return {label: samples.in_order() for label, samples in self._samples.operations.items()}

    def failures_of(self, category: str, label: str = "") -> float | None:
        """Failures of one category; None where nothing was tried."""
        chosen = self._samples.select(label)
        return None if self.success_rate(label) is None else self._samples.failures_of(category, chosen)

    def iterations(self) -> float | None:
        """Completed iterations; None where measuring never began."""
        return None if self._measurement.began_ns is None else self._measurement.iterations

    def dropped_iterations(self) -> float | None:
        """Iterations that were due but never started, as max_duration was over."""
        return None if self._measurement.began_ns is None else self._measurement.dropped_iterations

    def duration(self) -> float | None:
        """Measured time."""
        return self._duration_ns

    def lost_writes(self) -> float | None:
        """Acknowledged writes that are not stored."""
        integrity = self._measurement.integrity
        return integrity.lost if integrity else None

    def memory_growth(self) -> float | None:
        """RSS at the end over RSS at the baseline; while the load goes on, the newest RSS over it."""
        baseline, now = self._mark("baseline"), self._mark("end") or self._newest()
        return now.rss - baseline.rss if baseline and now else None

    def memory_peak(self) -> float | None:
        """The highest RSS while measuring, less the harness's own."""
        harness, readings = self._mark("harness"), self._measurement.measured_readings()
        return max(r.rss for r in readings) - harness.rss if harness and readings else None

    def memory_per_pet(self) -> float | None:
        """RSS added since the engine opened, per pet in its cache at the end."""
        opened, end, pets = self._mark("opened"), self._mark("end"), self._measurement.active_pets
        return (end.rss - opened.rss) / pets if opened and end and pets else None

    def memory_slope(self) -> float | None:
        """RSS over operations; None for a run of under a second, in which first touches look like growth."""
        # the baseline itself is left out: what the first operation touches is not what each one adds
        points = [(r.operations, r.rss) for r in self._measurement.measured_readings() if r.operations]
        return theil_sen_slope(points) if len({x for x, _ in points}) >= LEAST_READINGS else None

    def memory_after_cleanup(self) -> float | None:
        """RSS above the baseline once the cache is cleared."""
        baseline, cleanup = self._mark("baseline"), self._mark("cleanup")
        return cleanup.rss - baseline.rss if baseline and cleanup else None

    def cpu_mean(self) -> float | None:
        """CPU time of the engine process over measured time."""
        readings = self._measurement.measured_readings()
        return cpu_use(readings[0], readings[-1]) if len(readings) > 1 else None

    def cpu_max(self) -> float | None:
        """The highest CPU use over half a second; the mean where the load was shorter."""
        return highest_cpu_use(self._measurement.measured_readings())

    def _mark(self, name: str) -> Reading | None:
        return self._measurement.marks.get(name)

    def _newest(self) -> Reading | None:
        readings = self._measurement.measured_readings()
        return readings[-1] if readings else None


_OF_OPERATION: Final[Mapping[str, Callable[[Observations, str], float | None]]] = {
    "success_rate": Observations.success_rate,
    "error_rate": Observations.error_rate,
    "throughput": Observations.throughput,
    "degradation": Observations.degradation,
    "timeouts": lambda observations, label: observations.failures_of("timeout", label),
}
_OF_RUN: Final[Mapping[str, Callable[[Observations], float | None]]] = {
    "iterations": Observations.iterations,
    "dropped_iterations": Observations.dropped_iterations,
    "duration": Observations.duration,
    "lost_writes": Observations.lost_writes,
    "db_errors": lambda observations: observations.failures_of("database"),
    "memory.growth": Observations.memory_growth,
    "memory.peak": Observations.memory_peak,
    "memory.per_pet": Observations.memory_per_pet,
    "memory.slope": Observations.memory_slope,
    "memory.after_cleanup": Observations.memory_after_cleanup,
    "cpu.mean": Observations.cpu_mean,
    "cpu.max": Observations.cpu_max,
}
