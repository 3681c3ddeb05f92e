"""The rank-sum test: H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically
larger than the other", Annals of Mathematical Statistics 18, 1947.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final

from perfcli.inference.ranks import midranks

_MOST_EXACT: Final = 400


def mann_whitney_p(x: Sequence[float], y: Sequence[float]) -> float:
    """The one-sided p of `y` that tends to be larger than `x`.

    Exact where no two values are equal and there are at most 400 pairs of an x and a y, such as 20 and 20. Otherwise
    from the normal distribution, with the variance that ties leave and a continuity correction of ½: at p = 0.01 that
    is off by 0.0006 for 20 and 21 values, by 0.004 for 3 and 134. 1.0 where a sample is empty or all values are equal.
    """
    if not x or not y:
        return 1.0
    ranks = midranks([*x, *y])
    u = sum(ranks[len(x) :]) - len(y) * (len(y) + 1) / 2
    ties = [count for count in Counter(ranks).values() if count > 1]
    if ties or len(x) * len(y) > _MOST_EXACT:
        return _normal_p(u, len(x), len(y), ties)
    # U is symmetric: as many arrangements reach u as leave no more than the rest
    ways = _arrangements_up_to(len(x), len(y))
    return ways[len(x) * len(y) - round(u)] / ways[-1]


def _normal_p(u: float, m: int, n: int, ties: Sequence[int]) -> float:
    total = m + n
    tied = sum(count**3 - count for count in ties) / (total * (total - 1))
    variance = m * n * (total + 1 - tied) / 12
    if variance <= 0:
        return 1.0
    z = (u - m * n / 2 - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2)) / 2


@lru_cache(maxsize=64)
def _arrangements_up_to(m: int, n: int) -> list[int]:
    """For each U: how many arrangements of m and n values have it or less.

    By Mann and Whitney's recurrence on which sample the largest value is of: f(m, n, u) = f(m - 1, n, u - n) +
    f(m, n - 1, u).
    """
    counts = {(0, j): [1] for j in range(n + 1)} | {(i, 0): [1] for i in range(m + 1)}
    for i in range(1, m + 1):
        for j in range(1, n + 1):
            of_first = [0] * j + counts[i - 1, j]
            of_second = counts[i, j - 1] + [0] * i
            counts[i, j] = [a + b for a, b in zip(of_first, of_second, strict=True)]
    return list(accumulate(counts[m, n]))
