"""What a count of few trials allows to say of a proportion: exact bounds."""

from __future__ import annotations

import math
from typing import Final

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
