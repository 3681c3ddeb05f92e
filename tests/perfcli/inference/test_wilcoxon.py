"""The signed-rank test is exact, with ties and without."""

from __future__ import annotations

import math
import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import PermutationMethod, wilcoxon

from perfcli.inference.rank_tests import critical_sum, midranks, signed_rank_p


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1, 2, 3], 1 / 8),
        ([-1, 2, 3], 2 / 8),
        ([1, 2, -3], 5 / 8),
        ([-1, -2, -3], 1.0),
        ([0.5] * 7, 1 / 128),
        # ranks 1.5, 1.5, 3: sums of 3 or more come from 5 of 8 sign patterns
        ([1, 1, -2], 5 / 8),
        ([0, 0, 4], 1 / 2),
        ([0.0, 0.0], 1.0),
        ([], 1.0),
    ],
)
def test_p_by_hand(differences: list[float], p: float) -> None:
    assert signed_rank_p(differences) == p


@pytest.mark.parametrize("n", [1, 5, 12, 40, 80])
@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.5])
def test_untied_p_is_that_of_scipy(n: int, shift: float) -> None:
    rng = random.Random(n)
    differences = [rng.gauss(shift, 1) for _ in range(n)]
    theirs = wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert signed_rank_p(differences) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_tied_p_is_that_of_all_permutations_in_scipy(seed: int) -> None:
    rng = random.Random(seed)
    differences = [rng.choice((-2, -1, 1, 2, 3)) for _ in range(9)]
    theirs = wilcoxon(differences, alternative="greater", method=PermutationMethod(n_resamples=math.inf)).pvalue
    assert signed_rank_p(differences) == pytest.approx(theirs, rel=1e-9)


@given(st.lists(st.integers(-4, 4), max_size=8))
def test_p_is_the_share_of_sign_patterns(differences: list[int]) -> None:
    ranks = midranks([abs(d) for d in differences if d])
    found = sum(rank for rank, d in zip(ranks, (d for d in differences if d), strict=True) if d > 0)
    sums = [
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign) for signs in product((0, 1), repeat=len(ranks))
    ]
    assert signed_rank_p(differences) == sum(s >= found for s in sums) / len(sums)


@pytest.mark.parametrize(
    ("n", "alpha", "rank_sum"), [(4, 0.05, None), (5, 0.05, 0), (5, 1 / 32, 0), (8, 0.05, 5), (15, 0.01, 19)]
)
def test_critical_sums_are_those_of_the_printed_tables(n: int, alpha: float, rank_sum: int | None) -> None:
    assert critical_sum(n, alpha) == rank_sum
