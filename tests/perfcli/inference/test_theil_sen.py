"""Theil–Sen slopes and their lower bound."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from perfcli.inference.estimates import Point, pairwise_slopes, slope_lower_bound, theil_sen_slope


@given(st.integers(-1_000, 1_000), st.integers(-(10**9), 10**9), st.integers(2, 400))
def test_the_slope_of_a_line_is_its_slope(slope: int, offset: int, points: int) -> None:
    assert theil_sen_slope([(x, slope * x + offset) for x in range(points)]) == slope


def test_the_slope_forgives_outliers() -> None:
    points = [(float(x), 64.0 * x) for x in range(100)]
    points[10] = (10.0, 1e9)
    points[90] = (90.0, -1e9)
    assert theil_sen_slope(points) == pytest.approx(64, rel=0.01)


@pytest.mark.parametrize("points", [[], [(1, 5)], [(1, 5), (1, 9)]])
def test_no_slope_without_two_places(points: list[Point]) -> None:
    assert theil_sen_slope(points) is None


@pytest.mark.parametrize("places", [5, 30, 1_000])
def test_the_slope_is_that_of_scipy_where_places_repeat_too(places: int) -> None:
    rng = random.Random(places)
    points = [(x, 3.0 * x + rng.gauss(0, 20)) for x in (rng.randrange(places) for _ in range(60))]
    xs, ys = zip(*points, strict=True)
    assert theil_sen_slope(points) == pytest.approx(theilslopes(ys, xs).slope, rel=1e-9)


@pytest.mark.parametrize("count", [10, 25, 60])
def test_the_lower_bound_is_that_of_scipy(count: int) -> None:
    rng = random.Random(count)
    points = [(float(x), 3.0 * x + rng.gauss(0, 20)) for x in range(count)]
    xs, ys = zip(*points, strict=True)
    slopes = sorted(pairwise_slopes(points))
    ours = slope_lower_bound(slopes, count, z=2.326348)
    theirs = theilslopes(ys, xs, alpha=0.98).low_slope
    # scipy rounds the rank, we take the lower one
    assert abs(slopes.index(ours) - slopes.index(theirs)) <= 1
    assert ours <= theirs
