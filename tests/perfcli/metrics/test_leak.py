"""Leaks: 60 loads that do not leak are let pass, and each that does is found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.metrics.leak import Point, leak

KIB, MIB = 2**10, 2**20
READINGS = 200


def first_touch(share: float, rng: random.Random) -> float:
    """Pages touched for the first time: most of them early."""
    return 6 * MIB * (1 - 2.718 ** (-share * 40)) + rng.gauss(0, 16 * KIB)


def one_step(share: float, rng: random.Random) -> float:
    """A table that doubles once, at a place of its own."""
    return (4 * MIB if share > 0.62 else 0) + rng.gauss(0, 16 * KIB)


def doublings(share: float, rng: random.Random) -> float:
    """A table that doubles whenever its size does."""
    return sum(4 * MIB / 2**k for k in range(8) if share > 0.9 / 2**k) + rng.gauss(0, 16 * KIB)


def filling_cache(share: float, rng: random.Random) -> float:
    """Growth at a steady rate that ends when the cache is full."""
    return 20 * MIB * min(share, 0.6) + rng.gauss(0, 32 * KIB)


def saw_tooth(share: float, rng: random.Random) -> float:
    """Garbage that piles up and is collected, 13 times."""
    return 5 * MIB * (share * 13 % 1) + rng.gauss(0, 64 * KIB)


def noise(share: float, rng: random.Random) -> float:
    """Pages that come and go, with a jump now and then."""
    return rng.gauss(0, 200 * KIB) + (3 * MIB if rng.random() < 0.05 else 0)


LEAK_FREE = (first_touch, one_step, doublings, filling_cache, saw_tooth, noise)


@pytest.mark.slow
@pytest.mark.parametrize("shape", LEAK_FREE, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("seed", range(10))
def test_what_does_not_leak_is_let_pass(shape: object, seed: int) -> None:
    assert callable(shape)
    rng = random.Random(seed)
    operations = 10 ** rng.uniform(4, 6)
    points = [(operations * i / READINGS, 40 * MIB + shape(i / READINGS, rng)) for i in range(READINGS)]
    found = leak(points)
    assert found is not None
    assert found.judged == 0.0


@pytest.mark.parametrize("operations", [100_000, 300_000, 1_000_000])
@pytest.mark.parametrize("shape", [first_touch, saw_tooth, noise], ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("seed", range(5))
def test_64_bytes_an_operation_are_found(operations: int, shape: object, seed: int) -> None:
    assert callable(shape)
    rng = random.Random(seed)
    # noise as large as the leak itself would be noise: a fifth of it
    scale = min(1.0, operations * 64 / (25 * MIB))
    points = [
        (operations * share, 64 * operations * share + scale * shape(share, rng))
        for share in (i / READINGS for i in range(READINGS))
    ]
    found = leak(points)
    assert found is not None
    assert 40 < found.judged < 70
    assert found.judged <= found.slope


def line(per_operation: float, operations: int, jitter: float = 0) -> list[Point]:
    return [(operations * i / 100, per_operation * operations * i / 100 + jitter * (i % 2)) for i in range(101)]


def test_a_straight_line_leaks_its_slope() -> None:
    found = leak(line(64, 100_000))
    assert found is not None
    assert (found.slope, found.lower_bound, found.second_half_slope) == pytest.approx((64, 64, 64))
    assert found.judged == pytest.approx(64)
    assert found.growth_bytes == pytest.approx(64 * 70_000, rel=0.06)


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(line(15, 1_000_000), id="too flat"),
        pytest.param(line(64, 20_000), id="too little"),
        pytest.param(line(-64, 100_000), id="shrinking"),
        pytest.param([(x, y if x < 60_000 else 60_000 * 64) for x, y in line(64, 100_000)], id="over by the end"),
    ],
)
def test_each_condition_alone_lets_it_pass(points: list[Point]) -> None:
    found = leak(points)
    assert found is not None
    assert found.judged == 0.0


def test_the_bound_lies_above_the_true_slope_once_in_a_hundred_times() -> None:
    rng = random.Random(1)
    points = [[(x, 64 * x + rng.gauss(0, 1e6)) for x in range(0, 100_000, 500)] for _ in range(300)]
    bounds = [found.lower_bound for each in points if (found := leak(each))]
    assert len(bounds) == 300
    assert sum(bound > 64 for bound in bounds) <= 6


@pytest.mark.parametrize("points", [[], [(0, 1)], [(5, 1)] * 50, [(x, x) for x in range(12)]])
def test_too_few_readings_tell_nothing(points: list[Point]) -> None:
    assert leak(points) is None


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**10)), max_size=60))
def test_any_readings_give_a_finite_answer(points: list[Point]) -> None:
    found = leak(points)
    assert found is None or 0 <= found.judged < 10**11
