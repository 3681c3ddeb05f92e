"""The rank-sum test: exact or normal, it is that of scipy."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from perfcli.inference.rank_tests import mann_whitney_p


@pytest.mark.parametrize(
    ("x", "y", "p"),
    [
        ([1, 2], [3, 4], 1 / 6),
        ([1, 3], [2, 4], 2 / 6),
        ([3, 4], [1, 2], 1.0),
        ([1, 2, 3], [4], 1 / 4),
        ([], [1, 2], 1.0),
        ([1, 2], [], 1.0),
        ([5, 5, 5], [5, 5], 1.0),
    ],
)
def test_p_by_hand(x: list[float], y: list[float], p: float) -> None:
    assert mann_whitney_p(x, y) == pytest.approx(p)


def theirs(x: list[float], y: list[float], method: str) -> float:
    return mannwhitneyu(y, x, alternative="greater", method=method).pvalue


@pytest.mark.parametrize(("m", "n"), [(1, 1), (4, 7), (12, 5), (20, 20), (3, 100)])
@pytest.mark.parametrize("shift", [-0.7, 0.0, 0.7])
def test_few_untied_values_have_the_exact_p(m: int, n: int, shift: float) -> None:
    rng = random.Random(m * 1_000 + n)
    x, y = [rng.gauss(0, 1) for _ in range(m)], [rng.gauss(shift, 1) for _ in range(n)]
    assert mann_whitney_p(x, y) == pytest.approx(theirs(x, y, "exact"), rel=1e-9)


@pytest.mark.parametrize(("m", "n"), [(20, 21), (40, 40), (7, 90), (300, 200)])
@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.3])
def test_many_values_have_the_normal_p(m: int, n: int, shift: float) -> None:
    rng = random.Random(m * 1_000 + n)
    x, y = [rng.gauss(0, 1) for _ in range(m)], [rng.gauss(shift, 1) for _ in range(n)]
    assert mann_whitney_p(x, y) == pytest.approx(theirs(x, y, "asymptotic"), rel=1e-9)


@given(st.lists(st.integers(0, 4), min_size=3, max_size=30), st.lists(st.integers(0, 4), min_size=3, max_size=30))
def test_ties_have_the_normal_p_that_allows_for_them(x: list[int], y: list[int]) -> None:
    if len({*x, *y}) > 1:
        # more than five values always tie
        assert mann_whitney_p(x, y) == pytest.approx(theirs(x, y, "asymptotic"), rel=1e-9)


def test_where_the_exact_ends_the_normal_is_off_by_little() -> None:
    for shift in (3.5, 4.5, 5.5):
        x, y = [*range(20)], [value + shift for value in range(21)]
        exact = theirs(x, y, "exact")
        assert 0.0005 < exact < 0.05
        assert mann_whitney_p(x, y) == pytest.approx(exact, abs=0.0006)
