"""Student's t against scipy, and the jackknife where it has a closed form."""

from __future__ import annotations

import math
import random
from statistics import fmean, stdev

import pytest
from scipy.stats import t

from perfcli.inference.jackknife import Interval, jackknife_interval, log_jackknife_interval, student_t


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 8, 30, 201])
def test_quantiles_are_those_of_scipy(degrees: int, confidence: float) -> None:
    assert student_t(confidence, degrees) == pytest.approx(t.ppf((1 + confidence) / 2, degrees), rel=1e-9)


@pytest.mark.parametrize(("confidence", "degrees"), [(0.0, 3), (1.0, 3), (0.95, 0)])
def test_a_quantile_that_does_not_exist_is_refused(confidence: float, degrees: int) -> None:
    with pytest.raises(ValueError, match=r"no Student's t of"):
        student_t(confidence, degrees)


def without_each(values: list[float]) -> list[float]:
    return [fmean(values[:left] + values[left + 1 :]) for left in range(len(values))]


def test_the_interval_of_a_mean_is_that_of_the_t_test() -> None:
    values = [random.Random(1).gauss(100, 15) for _ in range(8)]
    lower, upper = jackknife_interval(fmean(values), without_each(values))
    reach = t.ppf(0.975, 7) * stdev(values) / math.sqrt(8)
    assert (lower, upper) == pytest.approx((fmean(values) - reach, fmean(values) + reach))


def test_on_logarithms_it_never_reaches_zero() -> None:
    values = [1.0, 1.0, 1.0, 1.0, 9.0]
    assert jackknife_interval(fmean(values), without_each(values)).lower < 0
    assert log_jackknife_interval(fmean(values), without_each(values)).lower > 0


@pytest.mark.parametrize("estimates", [[0.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, math.inf]])
def test_without_a_logarithm_anything_is_possible(estimates: list[float]) -> None:
    assert log_jackknife_interval(estimates[0], estimates[1:]) == Interval(0.0, math.inf)


def test_one_block_says_nothing() -> None:
    with pytest.raises(ValueError, match="two blocks"):
        jackknife_interval(1.0, [1.0])
