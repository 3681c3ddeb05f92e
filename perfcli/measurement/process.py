"""What the engine's processes used: memory, CPU and I/O, from the monitor's readings."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from typing import Final

from perfcli.executors import RampingVus
from perfcli.inference.estimates import theil_sen_slope
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.parts import Wanted
from perfcli.metrics.leak import Leak, leak
from perfcli.metrics.slowdown import SizeOverTime
from perfcli.monitor import Reading, cpu_use, highest_cpu_use
from perfcli.results import LeakResult, MemoryResult, ResourceResult

_NEVER: Final = 2**63
LEAST_READINGS: Final = 10
"""Readings with different operation counts that a memory slope needs."""


class ProcessFigures:
    """Figures of the engine's processes as they stand; None if the readings do not tell.

    Args:
        wanted: what takes long to compute is computed only if it is wanted.
    """

    def __init__(self, measurement: Measurement, wanted: Wanted | None = None) -> None:
        self._measurement = measurement
        self._wanted = wanted or Wanted()

    def memory(self) -> MemoryResult:
        """What they hold in memory."""
        marks, pets = self._measurement.marks, self._measurement.active_pets
        harness, opened, end, cleanup = (marks.get(name) for name in ("harness", "opened", "end", "cleanup"))
        baseline, readings = self._baseline(), self._measurement.measured_readings()
        newest = end or (readings[-1] if readings else None)
        found = self.memory_leak() if self._asks("memory.leak") else None
        return MemoryResult(
            harness_rss=harness and harness.rss,
            baseline_rss=baseline and baseline.rss,
            end_rss=end and end.rss,
            cleanup_rss=cleanup and cleanup.rss,
            baseline_uss=baseline and baseline.uss,
            end_uss=end and end.uss,
            active_pets=pets,
            growth=newest.rss - baseline.rss if baseline and newest else None,
            peak=max(r.rss for r in readings) - harness.rss if harness and readings else None,
            per_pet=(end.rss - opened.rss) / pets if opened and end and pets else None,
            after_cleanup=cleanup.rss - baseline.rss if baseline and cleanup else None,
            slope_bytes_per_operation=self.memory_slope() if self._asks("memory.slope") else None,
            leak=LeakResult(**asdict(found), judged=found.judged) if found else None,
        )

    def resources(self) -> ResourceResult:
        """What else they used while they were measured."""
        readings, operations = self._measurement.measured_readings(), self._measurement.samples.ok
        generator_cpu = self.generator_cpu()
        if not readings:
            return ResourceResult(generator_cpu=generator_cpu)
        first, last = readings[0], readings[-1]
        read_bytes = _difference(first.read_bytes, last.read_bytes)
        cpu_mean = cpu_use(first, last)
        tells_cpu = cpu_mean is not None and operations
        per_operation_ns = (last.cpu_ns - first.cpu_ns) / operations if tells_cpu else None
        return ResourceResult(
            cpu_mean=cpu_mean,
            cpu_max=highest_cpu_use(readings),
            cpu_ns_per_operation=per_operation_ns,
            generator_cpu=generator_cpu,
            threads_max=max(r.threads for r in readings),
            open_files_max=max(r.open_files for r in readings),
            open_files_limit=fullest[1] if (fullest := self.fullest()) else None,
            read_bytes=read_bytes,
            read_per_operation=None if read_bytes is None or not operations else read_bytes / operations,
            written_bytes=_difference(first.written_bytes, last.written_bytes),
            database_bytes=last.database_bytes,
            wal_bytes_max=max(r.wal_bytes for r in readings),
        )

    def _asks(self, metric: str) -> bool:
        named = (each.metric.name for _, each in self._wanted.thresholds)
        return self._wanted.everything or any(name.startswith(metric) for name in named)

    def memory_slope(self) -> float | None:
        """RSS over operations; None for a run of under a second, in which first touches look like growth."""
        points = self._points()
        return theil_sen_slope(points) if len({x for x, _ in points}) >= LEAST_READINGS else None

    def memory_leak(self) -> Leak | None:
        """The rule for leaks, applied to RSS over operations of the longest phase; None where its vus come and go.

        Vus that begin to work bring connections and caches of their own, which are no leak.
        """
        plan, began_ns = self._measurement.plan, self._measurement.began_ns
        longest = max(plan.phases, key=lambda phase: self._measurement.duration_of(phase) or 0)
        if began_ns is None or isinstance(longest.load, RampingVus) or len(plan.waves[longest.wave]) > 1:
            return None
        begins_ns = began_ns + self._measurement.offset_ns(longest.index)
        return leak(self._points(begins_ns, begins_ns + (self._measurement.duration_of(longest) or 0)))

    def generator_cpu(self) -> float | None:
        """The highest CPU use of a process that loads an engine in another one; None if there is none."""
        began_ns, ended_ns = self._measurement.began_ns, self._measurement.ended_ns
        used_ns = [
            marks["end"] - marks["baseline"]
            for marks in self._measurement.generators_cpu_ns.values()
            if marks.keys() >= {"baseline", "end"}
        ]
        if not used_ns or began_ns is None or not ended_ns or ended_ns <= began_ns:
            return None
        return max(used_ns) / (ended_ns - began_ns)

    def fullest(self) -> tuple[int, int] | None:
        """The most file descriptors that a process held, and how many it may hold; of the one closest to that."""
        readings = [reading.fullest for reading in self._measurement.readings if reading.fullest]
        return max(readings, key=lambda full: full[0] / full[1], default=None)

    def written_per_operation(self) -> float | None:
        """Bytes of write calls per operation, without the samples that the harness sent."""
        readings, operations = self._measurement.measured_readings(), self._measurement.samples.ok
        if len(readings) < 2 or not operations:
            return None
        first, last = readings[0].written_bytes, readings[-1].written_bytes
        if first is None or last is None:
            return None
        return max(0, last - first - self._measurement.frame_bytes) / operations

    def _points(self, begins_ns: int = 0, ends_ns: int = _NEVER) -> list[tuple[float, float]]:
        """(operations done, RSS) of each reading, the baseline left out: what the first operation touches is not what
        each one adds.
        """
        began_ns = self._measurement.began_ns
        if rejoined := self._measurement.marks.get("rejoined"):
            begins_ns = max(begins_ns, rejoined.at_ns + 1)
        readings = [
            reading
            for reading in self._measurement.measured_readings()
            if reading.operations and begins_ns <= reading.at_ns <= ends_ns
        ]
        if began_ns is None:
            return [(reading.operations, reading.rss) for reading in readings]
        return [(self._done.at(reading.at_ns - began_ns), reading.rss) for reading in readings]

    @cached_property
    def _done(self) -> SizeOverTime:
        """Operations done by any time; what a reading says of them had been heard of by then, and is older."""
        return SizeOverTime.of(0, [self._measurement.timeline()])

    def _baseline(self) -> Reading | None:
        """What later memory is held against: of a process that replaced another, what it held as it joined in."""
        return self._measurement.marks.get("rejoined") or self._measurement.marks.get("baseline")


def _difference(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else last - first
