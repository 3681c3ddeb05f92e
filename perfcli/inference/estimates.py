"""Estimates with bounds.

Shifts: J. L. Hodges, E. L. Lehmann, "Estimates of location based on rank tests", Annals of Mathematical Statistics 34,
1963. They are where the rank tests would see no difference: the signed-rank test, or Mann–Whitney's for two samples.

Slopes: H. Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950; P. K. Sen, "Estimates of
the regression coefficient based on Kendall's tau", Journal of the American Statistical Association 63, 1968.

Proportions: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits", Biometrika 26, 1934.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, combinations_with_replacement
from statistics import median
from typing import Final, NamedTuple

from perfcli.inference.rank_tests import critical_sum, critical_u

_MOST_VALUES: Final = 400


class Estimate(NamedTuple):
    """A value and its one-sided bounds; -inf and inf where there are too few values for any."""

    value: float
    lower: float
    upper: float


def one_sample(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The centre of symmetric values: the median of their Walsh averages, the means of each two and of each one.

    The value lies above `lower` with the confidence, and below `upper` with the same one: together they are an interval
    of 2 · confidence - 1. The bounds are Tukey's (1949), the Walsh averages from which the signed-rank test would no
    longer reject, by its distribution without ties. Ties make them wider than they need be. Five values are the least
    for 95 %.

    Raises:
        ValueError: there are no values.
    """
    averages = sorted((a + b) / 2 for a, b in combinations_with_replacement(values, 2))
    rank = critical_sum(len(values), 1 - confidence)
    if rank is None:
        return Estimate(median(averages), -math.inf, math.inf)
    return Estimate(median(averages), averages[rank], averages[-1 - rank])


def two_sample(x: Sequence[float], y: Sequence[float], confidence: float = 0.95) -> Estimate:
    """How far `y` lies above `x`: the median of all differences y - x.

    The bounds are one-sided, as those of `one_sample`: the differences from which the Mann–Whitney test would no longer
    reject (D. F. Bauer, "Constructing confidence sets using rank statistics", Journal of the American Statistical
    Association 67, 1972). Ties make them wider than they need be. Three values each are the least for 95 %.

    More than 400 values of a sample are thinned first: of the ascending values every k-th is kept, and the bounds are
    those of as many values.

    Raises:
        ValueError: one of them is empty.
    """
    lower, upper = _thinned(x), _thinned(y)
    differences = sorted(b - a for a in lower for b in upper)
    rank = critical_u(len(lower), len(upper), 1 - confidence)
    if rank is None:
        return Estimate(median(differences), -math.inf, math.inf)
    return Estimate(median(differences), differences[rank], differences[-1 - rank])


def _thinned(values: Sequence[float]) -> Sequence[float]:
    stride = -(-len(values) // _MOST_VALUES)
    return sorted(values)[stride // 2 :: stride] if stride > 1 else values


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


_HALVINGS: Final = 60


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """The largest proportion at which so few events, or fewer, are not surprising: 0 of 10 leaves room for 0.26.

    One-sided exact bound of C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial" (1934). Without an event it is 1 - (1 - confidence)^(1 / trials), near 3 / trials: the rule of
    three. Without a trial it is 1.

    Raises:
        ValueError: unless 0 <= events <= trials and 0 < confidence < 1.
    """
    if not 0 <= events <= trials or not 0 < confidence < 1:
        raise ValueError(f"no bound for {events} events of {trials} trials at a confidence of {confidence}")
    if events == trials:
        return 1.0
    lower, upper = events / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        if _at_most(events, trials, middle) > 1 - confidence:
            lower = middle
        else:
            upper = middle
    return upper


def lower_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """The smallest proportion at which so many events, or more, are not surprising: 10 of 10 proves 0.74.

    Raises:
        ValueError: as `upper_bound`.
    """
    return 1 - upper_bound(trials - events, trials, confidence)


def _at_most(events: int, trials: int, proportion: float) -> float:
    """The binomial probability of at most so many events; the proportion lies between 0 and 1, both excluded."""
    yes, no, ways = math.log(proportion), math.log1p(-proportion), math.lgamma(trials + 1)
    return math.fsum(
        math.exp(ways - math.lgamma(count + 1) - math.lgamma(trials - count + 1) + count * yes + (trials - count) * no)
        for count in range(events + 1)
    )
