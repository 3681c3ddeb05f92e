"""Ranks of values among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby


def midranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, from 1 for the smallest; equal values share the mean of their ranks (Kendall 1945).

    Twice a midrank is a whole number.
    """
    ascending = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    below = 0
    for _, group in groupby(ascending, key=values.__getitem__):
        tied = list(group)
        for index in tied:
            ranks[index] = below + (len(tied) + 1) / 2
        below += len(tied)
    return ranks
