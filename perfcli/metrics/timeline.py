"""What happened when: a phase cut into intervals, in memory that does not grow with its length."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from statistics import fmean, median
from typing import Final

from perfcli.metrics.distribution import EXACT_MOST, Distribution
from perfcli.metrics.histogram import Histogram
from perfcli.units import NS_PER_S

INTERVAL_NS: Final = 100_000_000
MOST_INTERVALS: Final = 1_200
_LOOSE_INTERVALS: Final = 20  # the newest stay ready for additions: frames of several vus overlap


@dataclass(slots=True)
class Interval:
    """What began within a stretch of time. Latencies are those of operations with the right answer."""

    failed: int = 0
    histogram: Histogram = field(default_factory=Histogram)

    @property
    def ok(self) -> int:
        """Operations that answered rightly."""
        return self.histogram.count

    def merge(self, other: Interval) -> None:
        """Add what another one holds."""
        self.failed += other.failed
        self.histogram.merge(other.histogram)

    def remove(self, other: Interval) -> None:
        """Take out what was merged in before (see Histogram.remove)."""
        self.failed -= other.failed
        self.histogram.remove(other.histogram)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of all operations in the order of their start, from `start_ns` to before `end_ns`."""

    start_ns: int
    end_ns: int
    count: int
    median_ns: float
    mean_ns: float


class Timeline:
    """The operations of one phase by the time of their start, in ns since the phase began.

    Intervals are 100 ms long at first. When more than 1,200 would be needed, neighbours merge and the interval
    doubles, as often as it takes: a load of two minutes is known to the 100 ms, one of a day to less than two minutes.
    """

    def __init__(self, interval_ns: int = INTERVAL_NS, most: int = MOST_INTERVALS) -> None:
        self.interval_ns = interval_ns
        self._most = most
        self._intervals: dict[int, Interval] = {}
        self._loose: set[int] = set()
        self._samples: _Samples | None = _Samples()

    def add(self, starts_ns: array[int], latencies_ns: array[int], *, origin_ns: int = 0) -> None:
        """Take in operations with the right answer: starts, ascending, and the latency of each.

        Args:
            origin_ns: when the phase began, on the clock of the starts.
        """
        for interval, first, end in self._cut(starts_ns, origin_ns):
            interval.histogram.add_all(latencies_ns[first:end])
        if self._samples is not None and not self._samples.take(starts_ns, latencies_ns, -origin_ns):
            self._samples = None

    def add_failures(self, starts_ns: array[int], *, origin_ns: int = 0) -> None:
        """Take in the starts, ascending, of operations that failed; `origin_ns` as for `add`."""
        for interval, first, end in self._cut(starts_ns, origin_ns):
            interval.failed += end - first

    def merge(self, other: Timeline, *, later_ns: int = 0) -> None:
        """Add what another one of the same first interval holds, to the coarser interval of the two.

        Args:
            later_ns: how long after this one's beginning the other one began.
        """
        while self.interval_ns < other.interval_ns:
            self._double()
        for start_ns, interval in other.intervals():
            self._interval_at(start_ns + later_ns).merge(interval)
        self._pack_before(self._most)
        if self._samples is not None and not (other._samples and self._samples.take(*other._samples.columns, later_ns)):
            self._samples = None

    def intervals(self) -> list[tuple[int, Interval]]:
        """The intervals in which something began, each with its start."""
        return [(index * self.interval_ns, interval) for index, interval in sorted(self._intervals.items())]

    def window(self, from_ns: int, to_ns: int) -> Interval:
        """All intervals that lie, also in part, between two times."""
        indexes = range(from_ns // self.interval_ns, -(-to_ns // self.interval_ns))
        return _merged(self._intervals[index] for index in indexes if index in self._intervals)

    def between(self, from_ns: int, to_ns: int) -> Interval:
        """All intervals that begin at or after one time and before another, or within the interval of it."""
        return _merged(self._between(from_ns, to_ns))

    def count(self, from_ns: int, to_ns: int) -> tuple[int, int]:
        """How many operations succeeded and failed in the intervals of `between`."""
        chosen = list(self._between(from_ns, to_ns))
        return sum(interval.ok for interval in chosen), sum(interval.failed for interval in chosen)

    def _between(self, from_ns: int, to_ns: int) -> Iterator[Interval]:
        indexes = range(max(0, from_ns // self.interval_ns), to_ns // self.interval_ns)
        return (self._intervals[index] for index in indexes if index in self._intervals)

    @property
    def second_ns(self) -> int:
        """The length of what `seconds` gives: one second, or as many intervals as first make one."""
        return -(-NS_PER_S // self.interval_ns) * self.interval_ns

    def seconds(self) -> list[tuple[int, Interval]]:
        """The seconds in which something began, each with its start (longer ones where an interval is longer)."""
        starts = dict.fromkeys(start_ns // self.second_ns * self.second_ns for start_ns, _ in self.intervals())
        return [(start_ns, self.window(start_ns, start_ns + self.second_ns)) for start_ns in starts]

    def distribution(self) -> Distribution:
        """All latencies, whenever they were: exact up to 50,000 of them."""
        if self._samples is not None:
            return Distribution.of(self._samples.columns[1])
        return Distribution.folded(_merged(self._intervals.values()).histogram)

    def slices(self, parts: int) -> list[Slice]:
        """All operations with the right answer, cut into parts of nearly equal count in the order of their start.

        Up to 50,000 operations are cut exactly; more are cut between intervals, and an interval that holds more than
        a part's share leaves fewer parts than were asked for.
        """
        if self._samples is not None:
            return self._samples.slices(parts)
        intervals = [each for each in self.intervals() if each[1].ok]
        ends = list(accumulate(interval.ok for _, interval in intervals))
        grouped: dict[int, list[tuple[int, Interval]]] = {}
        for (start_ns, interval), end in zip(intervals, ends, strict=True):
            # an interval belongs to the part that its middle operation falls into
            grouped.setdefault((2 * end - interval.ok) * parts // (2 * ends[-1]), []).append((start_ns, interval))
        return [self._slice(group) for group in grouped.values()]

    def _slice(self, group: list[tuple[int, Interval]]) -> Slice:
        whole = _merged(interval for _, interval in group).histogram
        ends_ns = group[-1][0] + self.interval_ns
        return Slice(group[0][0], ends_ns, whole.count, whole.percentile(0.5), whole.total / whole.count)

    def _cut(self, starts_ns: array[int], origin_ns: int) -> Iterator[tuple[Interval, int, int]]:
        """Each interval that starts fall into, with the first of them and the one after its last."""
        first = 0
        while first < len(starts_ns):
            at_ns = starts_ns[first] - origin_ns
            interval = self._interval_at(at_ns)
            ends_ns = (max(0, at_ns) // self.interval_ns + 1) * self.interval_ns
            end = bisect_left(starts_ns, origin_ns + ends_ns, first)
            yield interval, first, end
            first = end

    def _interval_at(self, at_ns: int) -> Interval:
        """The interval of a time; what began before the phase counts to its first one."""
        while at_ns >= self._most * self.interval_ns:
            self._double()
        index = max(0, at_ns) // self.interval_ns
        if index not in self._intervals:
            self._intervals[index] = Interval()
            self._pack_before(index - _LOOSE_INTERVALS)
        self._loose.add(index)
        return self._intervals[index]

    def _double(self) -> None:
        finer, self._intervals, self._loose = self._intervals, {}, set()
        self.interval_ns *= 2
        for index in sorted({index // 2 for index in finer}):
            self._intervals[index] = _merged(finer.pop(half) for half in (2 * index, 2 * index + 1) if half in finer)
            self._intervals[index].histogram.pack()

    def _pack_before(self, newest: int) -> None:
        settled = {index for index in self._loose if index < newest}
        for index in settled:
            self._intervals[index].histogram.pack()
        self._loose -= settled


class _Samples:
    """Start and latency of each operation, while they are few enough to be kept."""

    def __init__(self) -> None:
        self.columns = array("q"), array("q")

    def take(self, starts_ns: array[int], latencies_ns: array[int], later_ns: int) -> bool:
        """Keep more of them, each as so much later than it says, unless they become too many."""
        starts, latencies = self.columns
        if len(starts) + len(starts_ns) > EXACT_MOST:
            return False
        starts.extend(array("q", [start_ns + later_ns for start_ns in starts_ns]))
        latencies.extend(latencies_ns)
        return True

    def slices(self, parts: int) -> list[Slice]:
        """Cut where each part has the same count, or one more."""
        starts, latencies = self.columns
        order = sorted(range(len(starts)), key=starts.__getitem__)
        cuts = [part * len(order) // parts for part in range(parts + 1)]
        chosen = [order[first:end] for first, end in pairwise(cuts) if end > first]
        taken = [[latencies[i] for i in part] for part in chosen]
        return [
            Slice(starts[part[0]], starts[part[-1]] + 1, len(part), median(each), fmean(each))
            for part, each in zip(chosen, taken, strict=True)
        ]


def _merged(intervals: Iterable[Interval]) -> Interval:
    whole = Interval()
    for interval in intervals:
        whole.merge(interval)
    return whole
