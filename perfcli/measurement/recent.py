"""The newest seconds of a load that goes on, from its time lines: each is added up again only if it has changed."""

from __future__ import annotations

from typing import Final

from perfcli.measurement.measurement import Measurement
from perfcli.metrics.timeline import Interval, Timeline
from perfcli.observer import Recent, Second
from perfcli.recorder import FLUSH_INTERVAL_NS
from perfcli.units import NS_PER_S

MOST: Final = 240
"""As many as a wide terminal has columns."""

_UNSETTLED: Final = 10
"""So many of the newest seconds are looked at each time, those before them each twentieth time: calls can be long."""

_EACH: Final = 20

_Part = tuple[Timeline, int]
"""A time line, and how long after the load it began."""


class RecentSeconds:
    """Rate and p95 of all operations that began within each of the newest seconds."""

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        self._length_ns = NS_PER_S
        self._seen: dict[int, tuple[int, int, Second]] = {}
        self._looks = 0

    def newest(self, elapsed_ns: int) -> Recent:
        """The seconds whose samples have arrived, at most MOST; of those that last longer, what is known.

        Args:
            elapsed_ns: how long the load has lasted.
        """
        parts = self._parts()
        length_ns = max((timeline.second_ns for timeline, _ in parts), default=NS_PER_S)
        if length_ns != self._length_ns:
            self._length_ns = length_ns
            self._seen.clear()
        whole = max(0, elapsed_ns - FLUSH_INTERVAL_NS) // length_ns
        first = max(0, whole - MOST)
        self._looks += 1
        oldest = first if self._looks % _EACH == 0 else max(first, whole - _UNSETTLED)
        self._seen = {number: known for number, known in self._seen.items() if number >= first}
        for number in range(first, whole):
            if number >= oldest or number not in self._seen:
                self._look_at(number, parts)
        return Recent(length_ns, [self._seen[number][2] for number in range(first, whole)])

    def _parts(self) -> list[_Part]:
        measurement = self._measurement
        return [
            (samples.timeline, measurement.offset_ns(phase.index))
            for phase in measurement.plan.phases
            if measurement.phases[phase.index].began_ns is not None
            for samples in measurement.samples.select(phase=phase.index)
        ]

    def _look_at(self, number: int, parts: list[_Part]) -> None:
        spans = [(timeline, number * self._length_ns - later_ns) for timeline, later_ns in parts]
        # to count is cheap, and to add up histograms is not
        counts = [timeline.count(from_ns, from_ns + self._length_ns) for timeline, from_ns in spans]
        ok, failed = sum(each[0] for each in counts), sum(each[1] for each in counts)
        known = self._seen.get(number)
        if known is None or known[:2] != (ok, failed):
            whole = Interval()
            for timeline, from_ns in spans:
                whole.merge(timeline.between(from_ns, from_ns + self._length_ns))
            p95_ns = whole.histogram.percentile(0.95) if ok else None
            self._seen[number] = ok, failed, Second(ok * NS_PER_S / self._length_ns, p95_ns)
