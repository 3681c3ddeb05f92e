"""How fast memory grows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median

_MOST_POINTS = 200


def theil_sen_slope(points: Sequence[tuple[float, float]]) -> float | None:
    """The median of the slopes between all pairs of points (Theil 1950, Sen 1968); None where x never changes.

    More than 200 points are thinned evenly first: 200 give 19,900 pairs, enough for a median.
    """
    stride = -(-len(points) // _MOST_POINTS) or 1
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points[::stride], 2) if x1 != x2]
    return median(slopes) if slopes else None
