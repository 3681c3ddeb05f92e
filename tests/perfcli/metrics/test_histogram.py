"""The histogram: buckets, bounds of its error, and merging that changes nothing."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfcli.metrics.distribution import Distribution
from perfcli.metrics.histogram import Histogram, bucket_floor, bucket_width

LARGEST = 2**63 - 1
VALUES = st.integers(0, LARGEST) | st.integers(0, 10**7)
SAMPLES = st.lists(VALUES, min_size=1, max_size=200)
QUANTILES = st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0])


def of(values: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.add_all(array("q", values))
    return histogram


def known(histogram: Histogram) -> tuple[object, ...]:
    exact = (histogram.count, histogram.total, histogram.squares, histogram.min, histogram.max)
    return (*exact, histogram.to_counts())


@given(VALUES)
def test_a_bucket_holds_its_value_within_one_part_in_1024(value: int) -> None:
    floor = bucket_floor(value)
    assert floor <= value < floor + bucket_width(floor)
    assert bucket_width(floor) <= max(1, floor // 1024)
    assert bucket_floor(floor) == floor


@given(st.integers(0, 2**53))
@example(2**30 - 1)
@example(2**53 - 1)
def test_values_are_counted_in_the_bucket_that_is_told(value: int) -> None:
    assert of([value]).to_counts() == {bucket_floor(value): 1}


@given(SAMPLES, QUANTILES)
def test_a_percentile_is_within_a_tenth_of_a_percent_of_the_exact_one(samples: list[int], quantile: float) -> None:
    exact = Distribution.of(samples).percentile(quantile)
    assert of(samples).percentile(quantile) == pytest.approx(exact, rel=0.001)
    assert min(samples) * (1 - 1e-15) <= of(samples).percentile(quantile) <= max(samples) * (1 + 1e-15)


@given(st.lists(st.integers(0, 2047), min_size=1), QUANTILES)
def test_small_values_are_exact(samples: list[int], quantile: float) -> None:
    assert of(samples).percentile(quantile) == pytest.approx(Distribution.of(samples).percentile(quantile), rel=1e-12)


@given(st.lists(VALUES, min_size=2))
def test_sums_and_bounds_are_exact(samples: list[int]) -> None:
    histogram = of(samples)
    assert (histogram.count, histogram.total) == (len(samples), sum(samples))
    assert (histogram.min, histogram.max) == (min(samples), max(samples))
    assert histogram.mean == pytest.approx(statistics.mean(samples), rel=1e-12)
    assert histogram.stddev == pytest.approx(statistics.stdev(samples), rel=1e-9)


def test_the_spread_of_large_and_near_values_is_not_lost() -> None:
    assert of([10**12, 10**12 + 2]).stddev == pytest.approx(2**0.5)


@given(st.lists(VALUES), st.lists(VALUES))
def test_merging_is_counting_together(one: list[int], other: list[int]) -> None:
    merged, second = of(one), of(other)
    merged.merge(second)
    assert known(merged) == known(of(one + other))
    assert known(second) == known(of(other))
    assert Counter(of(one).to_counts()) + Counter(second.to_counts()) == Counter(merged.to_counts())


@given(st.lists(VALUES), st.lists(VALUES, min_size=1))
def test_removing_takes_back_a_merge(kept: list[int], passing: list[int]) -> None:
    histogram = of(kept)
    histogram.merge(of(passing))
    histogram.remove(of(passing))
    assert (histogram.count, histogram.total, histogram.squares, histogram.to_counts()) == (
        len(kept),
        sum(kept),
        sum(value * value for value in kept),
        of(kept).to_counts(),
    )


@given(st.lists(VALUES), st.lists(VALUES))
def test_packing_loses_nothing(before: list[int], after: list[int]) -> None:
    packed = of(before)
    packed.pack()
    assert known(packed) == known(of(before))
    packed.pack()
    packed.add_all(array("q", after))
    assert known(packed) == known(of(before + after))


@given(st.lists(VALUES, min_size=1), QUANTILES)
def test_a_saved_histogram_comes_back_within_a_bucket(samples: list[int], quantile: float) -> None:
    counts = of(samples).to_counts()
    assert list(counts) == sorted(counts)
    restored = Histogram.from_counts(counts)
    assert restored.to_counts() == counts
    assert restored.count == len(samples)
    for name in ("min", "max", "mean"):
        assert restored.statistic(name) == pytest.approx(of(samples).statistic(name), rel=0.001)
    assert restored.percentile(quantile) == pytest.approx(of(samples).percentile(quantile), rel=0.001)


def test_nothing_saved_is_nothing() -> None:
    assert known(Histogram.from_counts({})) == known(Histogram.from_counts({5: 0})) == known(Histogram())


@pytest.mark.parametrize("name", ["mean", "min", "max", "stddev", "p99"])
def test_nothing_counted_has_no_statistics(name: str) -> None:
    with pytest.raises(ValueError, match="no samples"):
        Histogram().statistic(name)


def test_an_unknown_statistic_is_told() -> None:
    with pytest.raises(ValueError, match="no statistic is called 'avg'"):
        of([1]).statistic("avg")


def test_a_negative_value_is_refused_and_changes_nothing() -> None:
    histogram = of([5])
    with pytest.raises(ValueError, match="no negative value, such as -1"):
        histogram.add_all(array("q", [3, -1]))
    assert known(histogram) == known(of([5]))
