"""How fast memory grows, and whether it is a leak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median
from typing import Final

Point = tuple[float, float]
"""Operations done, and RSS in bytes at that moment."""

_MOST_POINTS: Final = 200
_SETTLING: Final = 0.3
_BINS: Final = 20
_LEAST_BINS: Final = 10
_Z: Final = 2.326  # one-sided confidence of 99 %
LEAST_SLOPE: Final = 16.0  # bytes per operation: less than the smallest Python object
LEAST_GROWTH_BYTES: Final = 2**20  # the size of an arena: Python's allocator asks the system for no less


@dataclass(frozen=True, slots=True)
class Leak:
    """What is known of a leak. Slopes are in bytes per operation, over the last 70 % of the operations.

    `judged` is the lower bound where all three conditions hold, and 0 where any does not.
    """

    slope: float
    lower_bound: float
    growth_bytes: float
    second_half_slope: float

    @property
    def judged(self) -> float:
        """Bytes that each operation leaves behind, at 99 % confidence; 0 where a leak is not proven."""
        proven = (
            self.lower_bound > LEAST_SLOPE
            and self.growth_bytes > LEAST_GROWTH_BYTES
            and self.second_half_slope > LEAST_SLOPE
        )
        return self.lower_bound if proven else 0.0


def theil_sen_slope(points: Sequence[Point]) -> float | None:
    """The median of the slopes between all pairs of points (Theil 1950, Sen 1968); None where x never changes.

    More than 200 points are thinned evenly first: 200 give 19,900 pairs, enough for a median.
    """
    stride = -(-len(points) // _MOST_POINTS) or 1
    slopes = _slopes(points[::stride])
    return median(slopes) if slopes else None


def leak(points: Sequence[Point]) -> Leak | None:
    """Whether memory grows with the operations, by a rule that does not cry wolf.

    The first 30 % of the operations are dropped: caches fill, and pages are touched for the first time. The rest is
    cut into 20 bins by operations, each taken at its median, so that neither a saw-tooth of garbage nor the number of
    readings weighs. A leak is proven where the slope's lower confidence bound exceeds 16 B per operation (all of the
    time), the line grows by more than 1 MiB (no single block of the allocator's), and the second half alone still
    slopes (no cache that was full in the end).

    Returns:
        None where readings fall into fewer than 10 bins.
    """
    binned = _binned(_settled(points))
    second_half = binned[len(binned) // 2 :]
    if len(binned) < _LEAST_BINS:
        return None
    slopes = sorted(_slopes(binned))
    slope = median(slopes)
    return Leak(
        slope,
        _lower_bound(slopes, len(binned)),
        slope * (binned[-1][0] - binned[0][0]),
        median(_slopes(second_half)),
    )


def _slopes(points: Sequence[Point]) -> list[float]:
    return [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]


def _lower_bound(slopes: Sequence[float], points: int) -> float:
    """The one-sided lower confidence bound of a Theil–Sen slope, from its ascending slopes between pairs (Sen 1968).

    Kendall's S of unrelated points has the variance n(n - 1)(2n + 5)/18; the bound is the slope of that rank.
    """
    deviation = math.sqrt(points * (points - 1) * (2 * points + 5) / 18)
    rank = math.floor((len(slopes) - _Z * deviation) / 2)
    return slopes[max(rank, 1) - 1]


def _settled(points: Sequence[Point]) -> list[Point]:
    if not points:
        return []
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    return [(x, y) for x, y in points if x >= first + _SETTLING * (last - first)]


def _binned(points: Sequence[Point]) -> list[Point]:
    """One point for each bin that has any: the mean of its operations, the median of its memory."""
    if not points:
        return []
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    width = (last - first) / _BINS or 1.0
    bins: dict[int, list[Point]] = {}
    for x, y in sorted(points):
        bins.setdefault(min(int((x - first) / width), _BINS - 1), []).append((x, y))
    return [(fmean(x for x, _ in each), median(y for _, y in each)) for each in bins.values()]
