"""Hodges–Lehmann estimates: by hand, by brute force, and where the rank tests stop to reject."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from perfcli.inference.estimates import Estimate, one_sample, two_sample
from perfcli.inference.rank_tests import signed_rank_p


def test_the_estimate_is_the_median_of_the_walsh_averages() -> None:
    # 1, 2, 5 and the means 1.5, 3, 3.5
    assert one_sample([1, 2, 5]).value == 2.5


def test_five_values_are_the_least_for_bounds() -> None:
    assert one_sample([1, 2, 3, 4]) == Estimate(2.5, -math.inf, math.inf)
    assert one_sample([1, 2, 3, 4, 5]) == Estimate(3, 1, 5)
    assert one_sample([1, 2, 3, 4, 5], confidence=0.99) == Estimate(3, -math.inf, math.inf)


def test_equal_values_leave_nothing_open() -> None:
    assert one_sample([0.0] * 15) == Estimate(0.0, 0.0, 0.0)


@pytest.mark.parametrize("n", [5, 9, 15, 40])
@pytest.mark.parametrize("confidence", [0.95, 0.9])
def test_the_bounds_are_where_the_test_stops_to_reject(n: int, confidence: float) -> None:
    rng = random.Random(n)
    values = [rng.gauss(0.3, 1) for _ in range(n)]
    found = one_sample(values, confidence)
    alpha, hair = 1 - confidence, 1e-9
    assert signed_rank_p([v - (found.lower - hair) for v in values]) <= alpha
    assert signed_rank_p([v - (found.lower + hair) for v in values]) > alpha
    assert signed_rank_p([found.upper + hair - v for v in values]) <= alpha
    assert signed_rank_p([found.upper - hair - v for v in values]) > alpha


def test_bounds_hold_as_often_as_they_say() -> None:
    rng = random.Random(1)
    estimates = [one_sample([rng.gauss(0, 1) for _ in range(15)]) for _ in range(2_000)]
    missed = sum(estimate.upper < 0 for estimate in estimates)
    assert missed / 2_000 == pytest.approx(0.05, abs=0.015)
    width = median(estimate.upper - estimate.lower for estimate in estimates)
    # no more than 10 % wider than those of a normal mean
    assert width <= 1.1 * 2 * norm.ppf(0.95) / math.sqrt(15)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=25), st.integers(-9, 9))
def test_the_estimate_moves_with_the_values(values: list[int], shift: int) -> None:
    found, moved = one_sample(values), one_sample([v + shift for v in values])
    assert moved == Estimate(*(bound + shift for bound in found))
    assert found.lower <= found.value <= found.upper


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=12), st.lists(st.integers(-9, 9), min_size=1, max_size=12))
def test_two_samples_are_apart_by_the_median_of_all_differences(x: list[int], y: list[int]) -> None:
    assert two_sample(x, y) == median(b - a for a in x for b in y)
    assert two_sample(y, x) == -two_sample(x, y)


def test_large_samples_are_thinned_and_tell_the_same() -> None:
    rng = random.Random(2)
    x = [rng.gauss(0, 1) for _ in range(1_700)]
    y = [value + 3 for value in x]
    rng.shuffle(y)
    assert two_sample(x, y) == pytest.approx(3, abs=0.01)
    assert two_sample(x, [0.0]) == pytest.approx(-median(x), abs=0.01)


def test_no_values_have_no_centre() -> None:
    with pytest.raises(ValueError, match="no median"):
        one_sample([])
    with pytest.raises(ValueError, match="no median"):
        two_sample([1.0], [])
