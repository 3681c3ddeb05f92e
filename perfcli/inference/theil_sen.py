"""Slopes: H. Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950; P. K. Sen, "Estimates
of the regression coefficient based on Kendall's tau", Journal of the American Statistical Association 63, 1968.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Final

Point = tuple[float, float]
"""An x and its y."""

_MOST_POINTS: Final = 200


def theil_sen_slope(points: Sequence[Point]) -> float | None:
    """The median of the slopes between all pairs of points (Theil 1950); None where x never changes.

    More than 200 points are thinned evenly first: 200 give 19,900 pairs, enough for a median.
    """
    stride = -(-len(points) // _MOST_POINTS) or 1
    slopes = pairwise_slopes(points[::stride])
    return median(slopes) if slopes else None


def pairwise_slopes(points: Sequence[Point]) -> list[float]:
    """The slope between each two points that differ in x."""
    return [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]


def slope_lower_bound(slopes: Sequence[float], points: int, z: float) -> float:
    """The one-sided lower confidence bound of a Theil–Sen slope (Sen 1968).

    Kendall's S of unrelated points has the variance n(n - 1)(2n + 5)/18; the bound is the slope of that rank.

    Args:
        slopes: between pairs of points, ascending and at least one.
        points: how many points there are.
        z: the normal quantile of the confidence; 2.326 for 99 %.
    """
    deviation = math.sqrt(points * (points - 1) * (2 * points + 5) / 18)
    rank = math.floor((len(slopes) - z * deviation) / 2)
    return slopes[max(rank, 1) - 1]
