"""Growth: the exponent of known costs, with noise, with a fixed part, and with a bad decile."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.metrics.slowdown import growth

SIZES = [100 * (decile + 0.5) for decile in range(10)]


def exponent(cost: Callable[[float], float], noise: float = 0.0, seed: int = 0) -> float:
    rng = random.Random(seed)
    found = growth([(size, cost(size) * math.exp(rng.gauss(0, noise))) for size in SIZES])
    assert found is not None
    assert found.exponent is not None
    return found.exponent


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (lambda size: 7.0, 0),
        (lambda size: 3 * size, 1),
        (lambda size: 50_000 + 100 * size, 1),
        (lambda size: size**2, 2),
        (lambda size: 1e6 + size**2, 2),
        (lambda size: 40 * size**0.5, 0.5),
    ],
    ids=["constant", "linear", "fixed + linear", "square", "fixed + square", "root"],
)
def test_the_exponent_of_a_known_cost(cost: Callable[[float], float], expected: float) -> None:
    assert exponent(cost) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("seed", range(20))
def test_noise_makes_no_growth_and_hides_none(seed: int) -> None:
    assert abs(exponent(lambda size: 20_000, 0.05, seed)) < 0.1
    assert exponent(lambda size: 500 * size, 0.05, seed) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("seed", range(20))
def test_a_search_tree_is_not_taken_for_a_list(seed: int) -> None:
    assert exponent(lambda size: 5_000 + 1_000 * math.log2(size), 0.02, seed) < 0.3


@pytest.mark.parametrize("bad", range(10))
def test_one_bad_decile_changes_little(bad: int) -> None:
    def jumpy(cost: float) -> Callable[[float], float]:
        return lambda size: cost * (8 if size == SIZES[bad] else 1)

    assert abs(exponent(jumpy(10_000), 0.03, bad)) < 0.25


def test_the_ratio_is_of_the_last_over_the_first() -> None:
    found = growth([(size, 10 + size) for size in SIZES])
    assert found is not None
    assert found.ratio == 960 / 60


def test_no_exponent_where_size_hardly_changes() -> None:
    found = growth([(10_000 + size, 5 + size) for size in SIZES])
    assert found is not None
    assert found.exponent is None
    assert found.ratio == 955 / 55


@pytest.mark.parametrize("points", [[], [(1, 1)] * 4, [(0, 5)] * 10, [(5, 0)] * 10])
def test_too_few_points_tell_nothing(points: list[tuple[float, float]]) -> None:
    assert growth(points) is None


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**12)), max_size=12).map(sorted))
def test_any_points_give_a_finite_answer(points: list[tuple[float, float]]) -> None:
    found = growth(points)
    assert found is None or (found.ratio > 0 and (found.exponent is None or math.isfinite(found.exponent)))
