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
from perfcli.inference.rank_tests import critical_u, mann_whitney_p, signed_rank_p


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
    found, mirrored = two_sample(x, y), two_sample(y, x)
    assert found.value == median(b - a for a in x for b in y)
    assert mirrored == Estimate(-found.value, -found.upper, -found.lower)
    assert found.lower <= found.value <= found.upper


def test_three_values_each_are_the_least_for_bounds_of_two_samples() -> None:
    assert two_sample([1, 2], [5, 6, 7]) == Estimate(4.5, -math.inf, math.inf)
    assert two_sample([1, 2, 3], [5, 6, 8]) == Estimate(4, 2, 7)


# 20 and 20 values are tested exactly, 25 and 30 by the normal distribution
@pytest.mark.parametrize(("m", "n"), [(3, 3), (8, 5), (20, 20), (25, 30)])
@pytest.mark.parametrize("confidence", [0.95, 0.9])
def test_the_bounds_of_two_samples_are_where_the_test_stops_to_reject(m: int, n: int, confidence: float) -> None:
    rng = random.Random(m * n)
    x, y = [rng.gauss(0, 1) for _ in range(m)], [rng.gauss(0.3, 1) for _ in range(n)]
    found = two_sample(x, y, confidence)
    alpha, hair = 1 - confidence, 1e-9
    assert mann_whitney_p([v + found.lower - hair for v in x], y) <= alpha
    assert mann_whitney_p([v + found.lower + hair for v in x], y) > alpha
    assert mann_whitney_p(y, [v + found.upper + hair for v in x]) <= alpha
    assert mann_whitney_p(y, [v + found.upper - hair for v in x]) > alpha


@pytest.mark.parametrize(
    ("m", "n", "critical"), [(3, 3, 0), (5, 5, 4), (10, 10, 27), (15, 12, 55), (20, 20, 138), (2, 3, None)]
)
def test_critical_values_are_those_of_the_printed_tables(m: int, n: int, critical: int | None) -> None:
    """One-sided, 5 %: the table of D. Auble, "Extended tables for the Mann–Whitney statistic", 1953."""
    assert critical_u(m, n, 0.05) == critical


def test_bounds_of_two_samples_hold_as_often_as_they_say() -> None:
    rng = random.Random(3)
    missed = 0
    for _ in range(1_000):
        x, y = [rng.gauss(0, 1) for _ in range(12)], [rng.gauss(0.5, 1) for _ in range(15)]
        missed += two_sample(x, y).lower > 0.5
    assert missed / 1_000 == pytest.approx(0.05, abs=0.02)


def test_large_samples_are_thinned_and_tell_the_same() -> None:
    rng = random.Random(2)
    x = [rng.gauss(0, 1) for _ in range(1_700)]
    y = [value + 3 for value in x]
    rng.shuffle(y)
    found = two_sample(x, y)
    assert found.value == pytest.approx(3, abs=0.01)
    assert 2.85 < found.lower < found.value < found.upper < 3.15
    assert two_sample(x, [0.0]).value == pytest.approx(-median(x), abs=0.01)


def test_no_values_have_no_centre() -> None:
    with pytest.raises(ValueError, match="no median"):
        one_sample([])
    with pytest.raises(ValueError, match="no median"):
        two_sample([1.0], [])
