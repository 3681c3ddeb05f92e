"""How fast memory grows, and whether it is a leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from perfcli.inference.estimates import pairwise_slopes, slope_lower_bound

Point = tuple[float, float]
"""Operations done, and RSS in bytes at that moment."""

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
    binned = _binned(points)
    second_half = binned[len(binned) // 2 :]
    if len(binned) < _LEAST_BINS:
        return None
    slopes = sorted(pairwise_slopes(binned))
    slope = median(slopes)
    return Leak(
        slope,
        slope_lower_bound(slopes, len(binned), _Z),
        slope * (binned[-1][0] - binned[0][0]),
        median(pairwise_slopes(second_half)),
    )


def _binned(points: Sequence[Point]) -> list[Point]:
    """One point for each bin that has any, without the beginning: the mean of its operations, the median of its RSS."""
    if not points:
        return []
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    settled = sorted((x, y) for x, y in points if x >= first + _SETTLING * (last - first))
    (first, _), (last, _) = settled[0], settled[-1]
    width = (last - first) / _BINS or 1.0
    bins: dict[int, list[Point]] = {}
    for x, y in settled:
        bins.setdefault(min(int((x - first) / width), _BINS - 1), []).append((x, y))
    return [(fmean(x for x, _ in each), median(y for _, y in each)) for each in bins.values()]
