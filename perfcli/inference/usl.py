"""The Universal Scalability Law: throughput over load, by what each further user brings and what it costs.

X(N) = λN / (1 + σ(N - 1) + κN(N - 1)): N. J. Gunther, "A general theory of computational scalability based on rational
functions", arXiv:0808.1431, 2008. λ is the throughput of one user, σ the contention (work that waits for something
shared), κ the coherency (work that each two users cause one another). With κ above 0 the throughput has a peak.

How surely the constants are known says the delete-one-block jackknife: J. W. Tukey, "Bias and confidence in not-quite
large samples", Annals of Mathematical Statistics 29, 1958. The estimate is made again without each block, and the
spread of these estimates gives its standard error, to be used with Student's t. A percentile bootstrap over six blocks
covers the constants only 82 to 86 % of the time instead of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean
from typing import Final, NamedTuple

_MOST_STEPS: Final = 100
_MOST_HALVINGS: Final = 40
_HALVINGS_OF_ANGLE: Final = 60
_CONVERGED: Final = 1e-11

Point = tuple[float, float]
"""A load N, and its throughput."""

_Linear = tuple[float, float, float]
"""N / X = a + b(N - 1) + cN(N - 1), with a = 1 / λ, b = σ / λ, c = κ / λ."""


class Interval(NamedTuple):
    """What a value lies between, with some confidence."""

    lower: float
    upper: float


class Usl(NamedTuple):
    """The law with its constants: λ in the unit of the throughput, σ and κ without one."""

    lambda_: float
    sigma: float
    kappa: float

    def throughput(self, n: float) -> float:
        """X(n), in the unit of λ."""
        return self.lambda_ * n / (1 + self.sigma * (n - 1) + self.kappa * n * (n - 1))

    @property
    def peak(self) -> float:
        """The load with the largest throughput, √((1 - σ) / κ): inf without one, 1 if a second user only costs."""
        if self.sigma >= 1:
            return 1.0
        return max(1.0, math.sqrt((1 - self.sigma) / self.kappa)) if self.kappa > 0 else math.inf


@dataclass(frozen=True, slots=True)
class UslEstimate:
    """The law as it was fitted, with how surely it is known."""

    fit: Usl
    """The best with σ, κ ≥ 0."""
    unbounded: Usl
    """The best with any σ and κ: intervals are made of such fits, as bounds would make them too short."""
    without: Sequence[Usl]
    """The same, without each block."""

    @property
    def lambda_(self) -> Interval:
        """Of λ; 95 %, as all of them."""
        return _including(self.fit.lambda_, self._on_logs([each.lambda_ for each in self._unbounded]))

    @property
    def sigma(self) -> Interval:
        """Of σ."""
        return self._from_zero(self.fit.sigma, [each.sigma for each in self._unbounded])

    @property
    def kappa(self) -> Interval:
        """Of κ; where it begins at 0, there may be no peak."""
        return self._from_zero(self.fit.kappa, [each.kappa for each in self._unbounded])

    @property
    def peak(self) -> Interval:
        """Of the load with the largest throughput; up to inf where κ may be 0.

        It is found on 1 / peak², which is κ / (1 - σ): on logarithms it held the truth only nine times in ten if the
        peak lay beyond the loads.
        """
        if not self.kappa.lower:
            return _including(self.fit.peak, Interval(1.0, math.inf))
        inverse = [min(1.0, each.kappa / (1 - each.sigma)) if each.sigma < 1 else 1.0 for each in self._unbounded]
        lower, upper = jackknife_interval(inverse[0], inverse[1:])
        within = Interval(max(1.0, upper**-0.5), lower**-0.5 if lower > 0 else math.inf)
        return _including(self.fit.peak, within)

    def throughput(self, n: float) -> Interval:
        """Of X(n)."""
        return _including(self.fit.throughput(n), self._on_logs([each.throughput(n) for each in self._unbounded]))

    @property
    def _unbounded(self) -> Sequence[Usl]:
        return (self.unbounded, *self.without)

    @staticmethod
    def _on_logs(values: Sequence[float]) -> Interval:
        return log_jackknife_interval(values[0], values[1:])

    @staticmethod
    def _from_zero(fitted: float, values: Sequence[float]) -> Interval:
        lower, upper = jackknife_interval(values[0], values[1:])
        return _including(fitted, Interval(max(0.0, lower), max(0.0, upper)))


def _including(value: float, interval: Interval) -> Interval:
    """The interval and a value, which bounds can have moved out of it."""
    return Interval(min(value, interval.lower), max(value, interval.upper))


def estimate_usl(loads: Sequence[float], blocks: Sequence[Sequence[float]]) -> UslEstimate:
    """The law fitted to the mean throughput of each load, and again without each block.

    Args:
        blocks: of each block the throughput at each of the loads, in their order; two blocks at least.

    Raises:
        ValueError: as `fit_usl`.
    """

    def points(chosen: Sequence[Sequence[float]]) -> list[Point]:
        return [(load, fmean(column)) for load, column in zip(loads, zip(*chosen, strict=True), strict=True)]

    without = [fit_usl(points([*blocks[:left], *blocks[left + 1 :]]), bounded=False) for left in range(len(blocks))]
    return UslEstimate(fit_usl(points(blocks)), fit_usl(points(blocks), bounded=False), without)


def fit_usl(points: Sequence[Point], *, bounded: bool = True) -> Usl:
    """The law with the least squared errors of throughput: what R's package `usl` fits since 2.0.

    N / X is linear in three unknowns, so each step of Gauss and Newton is a linear problem of least squares with
    weights. The first has the least relative errors.

    Args:
        points: of three different loads at least, each 1 or more.
        bounded: σ and κ may not be below 0.

    Raises:
        ValueError: there are too few points, or one is out of range.
    """
    if len({n for n, _ in points}) < 3:
        raise ValueError("the law needs throughputs at three different loads")
    if not all(n >= 1 and 0 < x < math.inf for n, x in points):
        raise ValueError("the law needs loads of 1 and more, and throughputs above 0")
    current = _least_squares(points, [n / x for n, x in points], [(x / n) ** 2 for n, x in points], bounded=True)
    error = _squared_error(points, current)
    for _ in range(_MOST_STEPS):
        better = _towards(points, current, _step(points, current, bounded=bounded))
        gained = error - _squared_error(points, better)
        current, error = better, error - gained
        if gained <= _CONVERGED * error:
            break
    a, b, c = current
    return Usl(1 / a, b / a, c / a)


def _step(points: Sequence[Point], current: _Linear, *, bounded: bool) -> _Linear:
    """Where the squared errors would be least, if X changed with a, b and c everywhere as it does at the current."""
    inverse = [_inverse(n, current) for n, _ in points]
    targets = [y * (2 - x * y / n) for (n, x), y in zip(points, inverse, strict=True)]
    weights = [(n / y**2) ** 2 for (n, _), y in zip(points, inverse, strict=True)]
    return _least_squares(points, targets, weights, bounded=bounded)


def _towards(points: Sequence[Point], current: _Linear, target: _Linear) -> _Linear:
    """The first place that is better, all the way, half of it, a quarter, …; the current one if none is."""
    error = _squared_error(points, current)
    for halvings in range(_MOST_HALVINGS):
        a, b, c = (old + (new - old) / 2**halvings for old, new in zip(current, target, strict=True))
        if _squared_error(points, (a, b, c)) < error:
            return a, b, c
    return current


def _inverse(n: float, linear: _Linear) -> float:
    """N / X."""
    a, b, c = linear
    return a + b * (n - 1) + c * n * (n - 1)


def _squared_error(points: Sequence[Point], linear: _Linear) -> float:
    """Of X; inf where there would be no positive throughput."""
    inverse = [_inverse(n, linear) for n, _ in points]
    if min(inverse) <= 0 or linear[0] <= 0:
        return math.inf
    return math.fsum((x - n / y) ** 2 for (n, x), y in zip(points, inverse, strict=True))


_SETS_OF_TERMS: Final = ((0, 1, 2), (0, 1), (0, 2), (0,))


def _least_squares(
    points: Sequence[Point], targets: Sequence[float], weights: Sequence[float], *, bounded: bool
) -> _Linear:
    """The a, b and c that come closest to the targets of N / X; with bounds b, c ≥ 0 and a > 0.

    The bounded solution is the unbounded one of some of the terms, so all sets of terms are tried.
    """
    columns = [[1.0] * len(points), [n - 1 for n, _ in points], [n * (n - 1) for n, _ in points]]

    def error(linear: _Linear) -> float:
        missed = (y - _inverse(n, linear) for (n, _), y in zip(points, targets, strict=True))
        return math.fsum(w * miss**2 for w, miss in zip(weights, missed, strict=True))

    def solution(terms: Sequence[int]) -> _Linear:
        solved = dict(zip(terms, _solve([columns[term] for term in terms], targets, weights), strict=True))
        return solved[0], solved.get(1, 0.0), solved.get(2, 0.0)

    if not bounded:
        return solution(_SETS_OF_TERMS[0])
    return min((each for each in map(solution, _SETS_OF_TERMS) if each[0] > 0 and min(each) >= 0), key=error)


def _solve(columns: Sequence[Sequence[float]], targets: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The normal equations by elimination; columns and weights are scaled, as N² is far larger than 1."""
    scales = [max(column) for column in columns]
    heaviest = max(weights)
    scaled = [[each / scale for each in column] for column, scale in zip(columns, scales, strict=True)]
    rows = [
        [
            math.fsum(w / heaviest * p * q for w, p, q in zip(weights, left, right, strict=True))
            for right in (*scaled, targets)
        ]
        for left in scaled
    ]
    for pivot in range(len(rows)):
        largest = max(range(pivot, len(rows)), key=lambda row: abs(rows[row][pivot]))
        rows[pivot], rows[largest] = rows[largest], rows[pivot]
        rows[pivot] = [each / rows[pivot][pivot] for each in rows[pivot]]
        for other in range(len(rows)):
            if other != pivot:
                factor = rows[other][pivot]
                rows[other] = [p - factor * q for p, q in zip(rows[other], rows[pivot], strict=True)]
    return [row[-1] / scale for row, scale in zip(rows, scales, strict=True)]


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
    for _ in range(_HALVINGS_OF_ANGLE):
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
