"""How the chance that a run holds falls with the load: a logistic curve through verdicts.

The chance to fail at a load is 1 / (1 + (half / load)^(1 / scale)), a logistic regression on the logarithm of the load
(D. R. Cox, "The regression analysis of binary sequences", Journal of the Royal Statistical Society B 20, 1958). `half`
is the load at which half of the runs hold.

A few runs often hold up to a load and all fail beyond it, by chance; the likelihood then knows no bound to the
sharpness of the edge. So it is weighed by a weak prior of the scale: lognormal, with a median of 0.05 and a spread of
1.65, as for queues that overflow within runs of some seconds (A. Gelman, A. Jakulin, M. G. Pittau, Y.-S. Su, "A weakly
informative default prior distribution for logistic and other regression models", Annals of Applied Statistics 2, 2008).
The interval is that of the profile (D. J. Venzon, S. H. Moolgavkar, "A method for computing profile-likelihood-based
confidence intervals", Applied Statistics 37, 1988), which needs no symmetry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Final, NamedTuple


class Run(NamedTuple):
    """A load, above 0, and whether the run at it held."""

    load: float
    held: bool


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """A curve of greatest likelihood, weighed by the prior."""

    half: float
    scale: float
    """Of the logarithm of the load: from 0.002, a sharp edge, to 1, where the load makes no difference."""
    log_likelihood: float

    def load_at(self, share: float) -> float:
        """The load at which this share of the runs holds, between 0 and 1."""
        return self.half * math.pow((1 - share) / share, self.scale)


class Drift(NamedTuple):
    """How the half-point moves from one run to the next, as a share of it, and how likely that is by chance."""

    per_run: float
    p: float


_PRIOR: Final = NormalDist(-math.log(0.05), 0.5)
"""Of the logarithm of 1 / scale."""

_LOG_SLOPES: Final = (_PRIOR.mean - 3, _PRIOR.mean + 3)
_FAR: Final = 1.0
"""How far beyond the loads that were tried a half-point is looked for, in logarithms: a factor of 2.7."""

_PACES: Final = tuple(step / 100 for step in range(-5, 6))
_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_TOLERANCE: Final = 5e-4
_SLOPE_TOLERANCE: Final = 0.1


def fit_logistic(runs: Sequence[Run]) -> LogisticFit:
    """The curve through some runs; it never rises with the load.

    Raises:
        ValueError: unless a run held and another one failed.
    """
    if len({run.held for run in runs}) < 2:
        raise ValueError("a half-point lies between runs that hold and runs that fail")
    groups = _grouped([(math.log(run.load), run.held) for run in runs])
    best = _best(groups)
    return LogisticFit(math.exp(best.x), math.exp(-best.log_slope), best.value)


def half_point_interval(runs: Sequence[Run], fit: LogisticFit, confidence: float = 0.90) -> tuple[float, float]:
    """The half-points that the runs do not rule out; 0 and inf stand for no bound.

    Args:
        fit: of these runs.
    """
    groups = _grouped([(math.log(run.load), run.held) for run in runs])
    level = fit.log_likelihood - NormalDist().inv_cdf((1 + confidence) / 2) ** 2 / 2
    ends = groups[0].x - _FAR, groups[-1].x + _FAR
    lower, upper = (_crossing(lambda x: _profile(groups, x).value, level, math.log(fit.half), end) for end in ends)
    return (0.0 if lower is None else math.exp(lower), math.inf if upper is None else math.exp(upper))


def drift(runs: Sequence[Run]) -> Drift:
    """Whether the half-point moved while the runs were made, at an even pace: a likelihood-ratio test.

    S. S. Wilks, "The large-sample distribution of the likelihood ratio for testing composite hypotheses", Annals of
    Mathematical Statistics 9, 1938. Paces of up to 5% a run are tried.

    Args:
        runs: in the order they were made.

    Raises:
        ValueError: as `fit_logistic`.
    """
    still = fit_logistic(runs).log_likelihood

    def likelihood(pace: float) -> float:
        return _best(_grouped([(math.log(run.load) - pace * t, run.held) for t, run in enumerate(runs)])).value

    moved, pace = max((likelihood(pace), pace) for pace in _PACES)
    return Drift(math.expm1(pace), math.erfc(math.sqrt(max(0.0, moved - still))))


class _Group(NamedTuple):
    """The runs at one load, by its logarithm."""

    x: float
    held: int
    failed: int


class _Point(NamedTuple):
    """A half-point and a slope (1 / scale), as logarithms, and their weighed log-likelihood."""

    x: float
    log_slope: float
    value: float


def _grouped(runs: Sequence[tuple[float, bool]]) -> list[_Group]:
    counts: dict[float, list[int]] = {}
    for x, held in runs:
        counts.setdefault(x, [0, 0])[not held] += 1
    return [_Group(x, *counts[x]) for x in sorted(counts)]


def _best(groups: Sequence[_Group]) -> _Point:
    """The best half-point: near the best of the loads where verdicts differ, and of the middles between them."""
    first = next(place for place, group in enumerate(groups) if group.failed)
    last = max(place for place, group in enumerate(groups) if group.held)
    loads = [group.x for group in groups[max(0, min(first, last) - 1) : max(first, last) + 2]]
    tried = sorted([*loads, *((low + high) / 2 for low, high in pairwise(loads))])
    place = max(range(len(tried)), key=lambda place: _profile(groups, tried[place]).value)
    low, high = tried[max(0, place - 1)], tried[min(len(tried) - 1, place + 1)]
    return _profile(groups, _highest(lambda x: _profile(groups, x).value, low, high, _TOLERANCE))


def _profile(groups: Sequence[_Group], x: float) -> _Point:
    """A half-point with the slope that suits it best."""
    log_slope = _highest(lambda log_slope: _weighed(groups, x, log_slope), *_LOG_SLOPES, _SLOPE_TOLERANCE)
    return _Point(x, log_slope, _weighed(groups, x, log_slope))


def _weighed(groups: Sequence[_Group], x: float, log_slope: float) -> float:
    """The log-likelihood of a curve plus the logarithm of the prior, up to a constant."""
    slope = math.exp(log_slope)
    value = -((log_slope - _PRIOR.mean) ** 2) / (2 * _PRIOR.variance)
    for at, held, failed in groups:
        z = slope * (at - x)
        if z > 0:
            value -= held * z + (held + failed) * math.log1p(math.exp(-z))
        else:
            value -= (held + failed) * math.log1p(math.exp(z)) - failed * z
    return value


def _highest(value: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """Where a function of one peak is highest: golden-section search (J. Kiefer 1953)."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    of_left, of_right = value(left), value(right)
    while high - low > tolerance:
        if of_left >= of_right:
            high, right, of_right = right, left, of_left
            left = high - _GOLDEN * (high - low)
            of_left = value(left)
        else:
            low, left, of_left = left, right, of_right
            right = low + _GOLDEN * (high - low)
            of_right = value(right)
    return (low + high) / 2


def _crossing(value: Callable[[float], float], level: float, inside: float, end: float) -> float | None:
    """Where a function falls below a level between a point above it and an end; None if it does not."""
    if value(end) >= level:
        return None
    while abs(end - inside) > _TOLERANCE:
        middle = (inside + end) / 2
        inside, end = (middle, end) if value(middle) >= level else (inside, middle)
    return end
