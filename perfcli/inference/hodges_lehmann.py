"""Shifts and their bounds: J. L. Hodges, E. L. Lehmann, "Estimates of location based on rank tests", Annals of
Mathematical Statistics 34, 1963.

They are where the rank tests would see no difference: the signed-rank test for one sample, Mann–Whitney's for two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations_with_replacement
from statistics import median
from typing import Final, NamedTuple

from perfcli.inference.rank_tests import critical_sum

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
    rank = _bound_rank(len(values), confidence)
    if rank is None:
        return Estimate(median(averages), -math.inf, math.inf)
    return Estimate(median(averages), averages[rank], averages[-1 - rank])


def two_sample(x: Sequence[float], y: Sequence[float]) -> float:
    """How far `y` lies above `x`: the median of all differences y - x.

    More than 400 values of a sample are thinned first: of the ascending values every k-th is kept.

    Raises:
        ValueError: one of them is empty.
    """
    lower, upper = _thinned(x), _thinned(y)
    return median([b - a for a in lower for b in upper])


def _thinned(values: Sequence[float]) -> Sequence[float]:
    stride = -(-len(values) // _MOST_VALUES)
    return sorted(values)[stride // 2 :: stride] if stride > 1 else values


@lru_cache(maxsize=512)
def _bound_rank(n: int, confidence: float) -> int | None:
    return critical_sum(n, 1 - confidence)
