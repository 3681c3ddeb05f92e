"""Histogram, slope and degradation: small algorithms with known answers."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.metrics.degradation import degradation, overall_degradation
from perfcli.metrics.histogram import bucket_floor, bucket_width, histogram
from perfcli.metrics.memory import theil_sen_slope

VALUES = st.integers(0, 2**62)


@given(VALUES)
def test_a_bucket_holds_its_value_within_one_part_in_256(value: int) -> None:
    floor = bucket_floor(value)
    assert floor <= value < floor + bucket_width(floor)
    assert bucket_width(floor) <= max(1, floor // 256)
    assert bucket_floor(floor) == floor


@given(st.lists(VALUES), st.lists(VALUES))
def test_histograms_merge_by_adding(one: list[int], other: list[int]) -> None:
    assert Counter(histogram(one)) + Counter(histogram(other)) == Counter(histogram(one + other))


@given(st.integers(-1_000, 1_000), st.integers(-(10**9), 10**9), st.integers(2, 400))
def test_the_slope_of_a_line_is_its_slope(slope: int, offset: int, points: int) -> None:
    assert theil_sen_slope([(x, slope * x + offset) for x in range(points)]) == slope


def test_the_slope_forgives_outliers() -> None:
    line = [(float(x), 64.0 * x) for x in range(100)]
    line[10] = (10.0, 1e9)
    line[90] = (90.0, -1e9)
    assert theil_sen_slope(line) == pytest.approx(64, rel=0.01)


@pytest.mark.parametrize("points", [[], [(1, 5)], [(1, 5), (1, 9)]])
def test_no_slope_without_two_places(points: list[tuple[float, float]]) -> None:
    assert theil_sen_slope(points) is None


def test_twice_as_slow_at_the_end_is_one_hundred_percent() -> None:
    assert degradation([10] * 50 + [20] * 50) == 1.0


def test_one_hiccup_is_no_degradation() -> None:
    assert degradation([10] * 99 + [10_000]) == 0.0


def test_too_few_samples_tell_nothing() -> None:
    assert degradation([1] * 24) is None
    assert degradation([1] * 25) == 0.0


def test_a_mix_that_shifts_to_its_slow_operation_has_not_degraded() -> None:
    assert overall_degradation({"fast": [1] * 1_000, "slow": [100] * 30}) == 0.0
    assert overall_degradation({"few": [1] * 3}) is None


def test_a_mix_degrades_by_the_share_of_its_operations() -> None:
    steady, slowing = [10] * 100, [10] * 50 + [30] * 50
    assert overall_degradation({"steady": steady, "slowing": slowing}) == 1.0
