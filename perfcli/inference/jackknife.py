"""The delete-one-block jackknife: how surely an estimate made of several blocks of measurements is known.

J. W. Tukey, "Bias and confidence in not-quite large samples", Annals of Mathematical Statistics 29, 1958: the estimate
is made again without each block, and the spread of these estimates gives its standard error, to be used with Student's
t. A percentile bootstrap over six blocks covers the constants of `usl` only 82 to 86 % of the time instead of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean
from typing import Final, NamedTuple

_HALVINGS: Final = 60


class Interval(NamedTuple):
    """What a value lies between, with some confidence."""

    lower: float
    upper: float


def jackknife_interval(whole: float, without: Sequence[float], confidence: float = 0.95) -> Interval:
    """The two-sided interval of an estimate, in its own unit.

    Args:
        whole: the estimate from all blocks.
        without: the estimate without each block, of two blocks at least.

    Raises:
        ValueError: there are fewer than two blocks.
    """
    blocks = len(without)
    if blocks < 2:
        raise ValueError("the jackknife needs two blocks at least")
    mean = fmean(without)
    error = math.sqrt((blocks - 1) / blocks * math.fsum((each - mean) ** 2 for each in without))
    reach = student_t(confidence, blocks - 1) * error
    return Interval(whole - reach, whole + reach)


def log_jackknife_interval(whole: float, without: Sequence[float], confidence: float = 0.95) -> Interval:
    """The interval of an estimate that is a positive number, found on its logarithm.

    From 0 to infinity if it is not positive and finite without each block.

    Raises:
        ValueError: as `jackknife_interval`.
    """
    if not all(0 < each < math.inf for each in (whole, *without)):
        return Interval(0.0, math.inf)
    lower, upper = jackknife_interval(math.log(whole), [math.log(each) for each in without], confidence)
    return Interval(math.exp(lower), math.exp(upper))


@lru_cache(maxsize=64)
def student_t(confidence: float, degrees: int) -> float:
    """What the absolute value of Student's t exceeds with a probability of 1 - `confidence`.

    By bisection of the distribution's finite series for whole degrees of freedom: M. Abramowitz, I. A. Stegun,
    "Handbook of mathematical functions", 1964, 26.7.3 and 26.7.4.

    Raises:
        ValueError: unless 0 < confidence < 1 and there is a degree of freedom.
    """
    if not 0 < confidence < 1 or degrees < 1:
        raise ValueError(f"no Student's t of {degrees} degrees of freedom at a confidence of {confidence}")
    lower, upper = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        if _probability_within(middle, degrees) < confidence:
            lower = middle
        else:
            upper = middle
    return math.sqrt(degrees) * math.tan((lower + upper) / 2)


def _probability_within(angle: float, degrees: int) -> float:
    """The probability of |t| below √degrees · tan(angle)."""
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    terms = [] if degrees == 1 else [term]
    for factor in range(2 + odd, degrees - 1, 2):
        term *= (factor - 1) / factor * math.cos(angle) ** 2
        terms.append(term)
    series = math.sin(angle) * math.fsum(terms)
    return 2 / math.pi * (angle + series) if odd else series
