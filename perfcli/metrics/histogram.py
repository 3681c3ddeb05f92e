"""A log-linear histogram: small, mergeable, and never further off than one part in a thousand."""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import accumulate, repeat
from operator import add, mul, rshift, sub
from typing import Final

STATISTICS: Final = {
    "min": "min_ns",
    "mean": "mean_ns",
    "median": "p50_ns",
    "p50": "p50_ns",
    "p90": "p90_ns",
    "p95": "p95_ns",
    "p99": "p99_ns",
    "p99.9": "p99_9_ns",
    "max": "max_ns",
    "stddev": "stddev_ns",
}
"""Those that every result holds, each with its field of a LatencySummary."""

_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?|100)", re.ASCII)


def percentile_of(statistic: str) -> float | None:
    """The quantile in 0..1 that "p99.9" or "median" asks for; None for another statistic."""
    if statistic == "median":
        return 0.5
    match = _PERCENTILE.fullmatch(statistic)
    return float(match[1]) / 100 if match else None


def is_statistic(text: str) -> bool:
    """Whether `text` is a statistic of a distribution: one of STATISTICS, or any pN up to p100."""
    return text in STATISTICS or percentile_of(text) is not None


MANTISSA_BITS: Final = 10
_DOUBLE_MANTISSA_BITS: Final = 52
_DROPPED_BITS: Final = _DOUBLE_MANTISSA_BITS - MANTISSA_BITS


def bucket_floor(value: int) -> int:
    """The lower edge of the bucket that holds a whole number ≥ 0.

    Below 2,048 every value has its own bucket; above, the ten bits after the leading one are kept, so a bucket's
    width is at most 1/1024 of its floor (the scheme of HdrHistogram with base-2 sub-buckets).
    """
    shift = max(0, value.bit_length() - MANTISSA_BITS - 1)
    return (value >> shift) << shift


def bucket_width(floor: int) -> int:
    """The width of the bucket that starts at `floor`."""
    return 1 << max(0, floor.bit_length() - MANTISSA_BITS - 1)


class Histogram:
    """Whole numbers of 0 to 2⁶³ - 1, counted by bucket. Count, total, min, max, mean and stddev are exact.

    A bucket's index is the upper half of the bits of its values as IEEE 754 doubles: the exponent and ten bits of the
    mantissa count up through the buckets without a gap. No loop of Python's own touches a value. Above 2⁵³ a double
    is rounded to its nearest, which may be the bucket next door.
    """

    __slots__ = ("_counts", "_packed", "count", "max", "min", "squares", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.squares = 0
        self.min = 0
        self.max = 0
        self._counts: Counter[int] = Counter()
        self._packed: tuple[int, array[int], array[int]] | None = None

    @classmethod
    def from_counts(cls, counts: Mapping[int, int]) -> Histogram:
        """The histogram of a saved one: bucket floor to count; all else is then as exact as the buckets are."""
        histogram = cls()
        kept = {floor: count for floor, count in sorted(counts.items()) if count}
        if kept:
            histogram.min, last = next(iter(kept)), next(reversed(kept))
            histogram.max = last + bucket_width(last) - 1
        for floor, count in kept.items():
            value = floor + (bucket_width(floor) - 1) // 2
            histogram._counts[_index(floor)] += count
            histogram.count += count
            histogram.total += value * count
            histogram.squares += value * value * count
        return histogram

    def add_all(self, values: array[int]) -> None:
        """Count the values of an array of 64-bit integers.

        Raises:
            ValueError: a value is below 0; nothing was counted then.
        """
        if not values:
            return
        # operations of less than a microsecond take the same few hundred times again and again: each counts once
        counts = Counter(values.tolist())
        listed, times = list(counts), counts.values()
        low, high = min(listed), max(listed)
        if low < 0:
            raise ValueError(f"a histogram holds no negative value, such as {low}")
        buckets = map(rshift, _bits(array("d", listed)), repeat(_DROPPED_BITS))
        unpacked = self._unpack()
        if len(listed) == len(values):
            unpacked.update(buckets)  # in C, for counts of one
        else:
            for bucket, count in zip(buckets, times, strict=True):
                unpacked[bucket] += count
        self._widen(low, high)
        self.count += len(values)
        products = list(map(mul, listed, times))
        self.total += sum(products)
        self.squares += sum(map(mul, listed, products))

    def merge(self, other: Histogram) -> None:
        """Add all that another one has counted; the other is not changed."""
        if not other.count:
            return
        self._change(add, other)
        self._widen(other.min, other.max)
        self.count += other.count
        self.total += other.total
        self.squares += other.squares

    def remove(self, other: Histogram) -> None:
        """Take out what was merged in before. Min and max cannot be taken back: they stay as wide as they were."""
        self._change(sub, other)
        self.count -= other.count
        self.total -= other.total
        self.squares -= other.squares

    def pack(self) -> None:
        """Keep the counts in a twentieth of the memory. Nothing is lost; the next addition unpacks them."""
        if self._packed is None and self._counts:
            base = min(self._counts)
            offsets = [index - base for index in self._counts]
            self._packed = base, _smallest_array(offsets), _smallest_array(list(self._counts.values()))
            self._counts = Counter()

    @property
    def mean(self) -> float:
        """The arithmetic mean, from an exact sum.

        Raises:
            ValueError: nothing was counted.
        """
        self._require_values()
        return self.total / self.count

    @property
    def stddev(self) -> float:
        """The sample standard deviation (n - 1); 0 for a single value. Exact: its sums are whole numbers."""
        self._require_values()
        if self.count == 1:
            return 0.0
        return math.sqrt((self.count * self.squares - self.total**2) / (self.count * (self.count - 1)))

    def statistic(self, name: str) -> float:
        """The statistic called min, mean, median, max, stddev or pN.

        Raises:
            ValueError: nothing was counted, or there is no such statistic.
        """
        self._require_values()
        quantile = percentile_of(name)
        if quantile is not None:
            return self.percentile(quantile)
        if name not in STATISTICS:
            raise ValueError(f"no statistic is called {name!r}")
        return float(getattr(self, name))

    def percentile(self, quantile: float) -> float:
        """Interpolated between order statistics at position (n - 1)·q, each known as the middle of its bucket.

        The rule is the exact one's (see Distribution), so the two agree to a tenth of a percent wherever values lie.
        The smallest and the largest value are known exactly.

        Raises:
            ValueError: nothing was counted.
        """
        self._require_values()
        position = (self.count - 1) * quantile
        below = math.floor(position)
        share = position - below
        low, high = self._order_statistics(below, min(below + 1, self.count - 1))
        # a value known exactly is returned as it is: interpolating could round
        return low if share == 0 else low + (high - low) * share

    def to_counts(self) -> dict[int, int]:
        """Counts by bucket floor, ascending; merge two by adding the counts of equal floors."""
        return {_floor(index): count for index, count in sorted(self._buckets().items()) if count}

    def _buckets(self) -> dict[int, int]:
        """Count by index of bucket, in no order; it may be 0."""
        if self._packed is None:
            return self._counts
        base, offsets, counts = self._packed
        return dict(zip(map(add, offsets, repeat(base)), counts, strict=True))

    def _change(self, operation: Callable[[int, int], int], other: Histogram) -> None:
        counts, theirs = self._unpack(), other._buckets()
        # loops of C, as time lines merge millions of buckets: an own loop takes twice as long
        mine = map(counts.get, theirs, repeat(0)) if counts else repeat(0)
        dict.update(counts, zip(theirs, map(operation, mine, theirs.values()), strict=False))

    def _order_statistics(self, *ranks: int) -> list[float]:
        """The values at some ranks, counted from 0."""
        buckets = self._buckets()
        indexes = sorted(buckets)
        seen = list(accumulate(map(buckets.__getitem__, indexes)))
        return [self._value_at(rank, indexes[bisect_right(seen, rank)]) for rank in ranks]

    def _value_at(self, rank: int, index: int) -> float:
        if rank == 0:
            return self.min
        if rank == self.count - 1:
            return self.max
        floor = _floor(index)
        return min(max(floor + (bucket_width(floor) - 1) / 2, self.min), self.max)

    def _unpack(self) -> Counter[int]:
        if self._packed is not None:
            self._counts, self._packed = Counter(self._buckets()), None
        return self._counts

    def _widen(self, low: int, high: int) -> None:
        self.min = min(self.min, low) if self.count else low
        self.max = max(self.max, high)

    def _require_values(self) -> None:
        if not self.count:
            raise ValueError("no samples")


def _smallest_array(values: list[int]) -> array[int]:
    return array("H" if max(values) < 2**16 else "Q", values)


def _bits(doubles: array[float]) -> memoryview[int]:
    return memoryview(doubles).cast("B").cast("Q")


def _index(value: int) -> int:
    return _bits(array("d", [value]))[0] >> _DROPPED_BITS


def _floor(index: int) -> int:
    return int(memoryview(array("Q", [index << _DROPPED_BITS])).cast("B").cast("d")[0])
