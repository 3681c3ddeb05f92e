"""Midranks: equal values share the mean of their ranks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from perfcli.inference.rank_tests import midranks


def test_ties_share_the_mean_of_their_ranks() -> None:
    assert midranks([7, 3, 7, 1, 7]) == [4, 2, 4, 1, 4]
    assert midranks([0.0, -0.0, 5.0, 5.0]) == [1.5, 1.5, 3.5, 3.5]


def test_nothing_has_no_ranks() -> None:
    assert midranks([]) == []


@given(st.lists(st.integers(-5, 5) | st.floats(allow_nan=False), max_size=60))
def test_they_are_those_of_scipy(values: list[float]) -> None:
    assert midranks(values) == list(rankdata(values))
