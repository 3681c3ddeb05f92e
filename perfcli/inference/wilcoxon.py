"""The exact signed-rank test: F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945.

If nothing differs, each difference is as likely to be positive as negative, whatever its size: each of the 2ⁿ ways to
give signs to the ranks of |d| is equally likely. p is the share of them with a rank sum as large as the one found, and
they are counted by dynamic programming over the ranks. Ties are exact too: they have midranks, counted doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from perfcli.inference.ranks import midranks


def signed_rank_p(differences: Sequence[float]) -> float:
    """The exact one-sided p of differences that tend to be above 0.

    Differences of 0 have no sign and are dropped, as Wilcoxon did. 1.0 where no other is left.
    """
    signed = [difference for difference in differences if difference]
    doubled = [round(2 * rank) for rank in midranks([abs(difference) for difference in signed])]
    positive = sum(rank for rank, difference in zip(doubled, signed, strict=True) if difference > 0)
    # as many sign patterns reach this sum as leave no more than the rest
    ways = _ways_up_to(tuple(sorted(doubled)))
    return ways[sum(doubled) - positive] / ways[-1]


def critical_sum(n: int, alpha: float) -> int | None:
    """The largest rank sum of `n` untied differences that chance stays at or below with at most `alpha`.

    None where even a sum of 0 is likelier than that.
    """
    ways = _ways_up_to(tuple(range(1, n + 1)))
    return max((rank_sum for rank_sum, count in enumerate(ways) if count <= alpha * 2**n), default=None)


@lru_cache(maxsize=512)
def _ways_up_to(ranks: tuple[int, ...]) -> list[int]:
    """For each sum: how many subsets of the ranks sum up to it or less."""
    ways = [1]
    for rank in ranks:
        nothing = [0] * rank
        ways = [without + with_it for without, with_it in zip(ways + nothing, nothing + ways, strict=True)]
    return list(accumulate(ways))
