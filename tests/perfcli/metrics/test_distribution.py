"""Statistics: exact ones held against the standard library's, folded ones against the exact."""

from __future__ import annotations

import statistics
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.figures import STATISTICS, is_statistic, percentile_of
from perfcli.metrics.distribution import EXACT_MOST, LEAST_BEYOND, Distribution, beyond, is_thin

SAMPLES = st.lists(st.integers(0, 10**12), min_size=2, max_size=300)
NAMES = (*STATISTICS, "p1", "p95", "p99", "p99.9")


def spread(count: int) -> array[int]:
    """Values over six decades, in no order, the same each time."""
    return array("q", (int(10 ** (2 + (i * 7_919 % 6_000) / 1_000)) for i in range(count)))


@given(SAMPLES)
def test_agrees_with_the_standard_library(samples: list[int]) -> None:
    distribution = Distribution.of(samples)
    assert distribution.statistic("min") == min(samples)
    assert distribution.statistic("max") == max(samples)
    assert distribution.statistic("mean") == pytest.approx(statistics.fmean(samples))
    assert distribution.statistic("median") == pytest.approx(statistics.median(samples))
    assert distribution.statistic("stddev") == pytest.approx(statistics.stdev(samples), rel=1e-9)
    inclusive = statistics.quantiles(samples, n=100, method="inclusive")
    for percent in (1, 50, 90, 95, 99):
        assert distribution.statistic(f"p{percent}") == pytest.approx(inclusive[percent - 1])


@given(st.integers(0, 10**12))
def test_one_sample_is_every_percentile(sample: int) -> None:
    distribution = Distribution.of([sample])
    assert [distribution.statistic(name) for name in ("min", "p1", "p99.9", "max", "mean")] == [sample] * 5
    assert distribution.statistic("stddev") == 0


def test_the_tail_is_not_rounded_away() -> None:
    distribution = Distribution.of([1_000] * 999 + [1_000_000])
    assert distribution.statistic("p99.9") == pytest.approx(1_000 + 0.001 * 999_000)
    assert distribution.statistic("p100") == distribution.statistic("max") == 1_000_000


def test_samples_added_after_a_look_are_seen() -> None:
    distribution = Distribution.of([30, 10])
    assert distribution.statistic("median") == 20
    distribution.add(array("q", [0]))
    assert [distribution.statistic(name) for name in ("median", "min", "max")] == [10, 0, 30]


def test_one_sample_too_many_folds_them_all() -> None:
    values = spread(EXACT_MOST + 1)
    exact, folded = Distribution.of(values[:-1]), Distribution.of(values[:-1])
    folded.add(values[-1:])
    assert exact.is_exact
    assert not folded.is_exact
    assert (len(exact), len(folded)) == (EXACT_MOST, EXACT_MOST + 1)
    ordered = sorted(values)
    extremes_and_mean = [folded.statistic(name) for name in ("min", "max", "mean")]
    assert extremes_and_mean == [ordered[0], ordered[-1], sum(ordered) / len(ordered)]
    inclusive = statistics.quantiles(values, n=1_000, method="inclusive")
    for name in ("p1", "median", "p95", "p99", "p99.9"):
        quantile = percentile_of(name)
        assert quantile is not None
        assert folded.statistic(name) == pytest.approx(inclusive[round(quantile * 1_000) - 1], rel=0.001), name


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), [(10, 20), (EXACT_MOST, 20), (20, EXACT_MOST + 5), (60_000, 60_000)])
def test_merging_is_adding_all(one: int, other: int) -> None:
    values = spread(one + other)
    whole, merged, second = (Distribution.of(part) for part in (values, values[:one], values[one:]))
    merged.merge(second)
    assert (len(merged), len(second), merged.is_exact) == (one + other, other, whole.is_exact)
    assert [merged.statistic(name) for name in NAMES] == [whole.statistic(name) for name in NAMES]
    assert merged.histogram().to_counts() == whole.histogram().to_counts()


@pytest.mark.parametrize("name", NAMES)
def test_no_samples_have_no_statistics(name: str) -> None:
    assert len(Distribution()) == 0
    with pytest.raises(ValueError, match="no samples"):
        Distribution().statistic(name)


@pytest.mark.parametrize(
    ("statistic", "enough"),
    [("median", 20), ("p90", 100), ("p95", 200), ("p99", 1_000), ("p99.9", 10_000), ("p5", 200)],
)
def test_a_percentile_needs_ten_samples_beyond_it(statistic: str, enough: int) -> None:
    assert not is_thin(statistic, enough)
    assert is_thin(statistic, enough - 1)
    quantile = percentile_of(statistic)
    assert quantile is not None
    assert beyond(quantile, enough) == LEAST_BEYOND
    assert beyond(quantile, enough - 1) == LEAST_BEYOND - 1


@pytest.mark.parametrize("statistic", ["min", "max", "mean", "stddev", "p0", "p100"])
def test_what_is_no_percentile_is_never_thin(statistic: str) -> None:
    assert not is_thin(statistic, 1)


@pytest.mark.parametrize("name", ["p50", "p99.9", "p0", "p100", "median", "stddev"])
def test_statistics_that_exist(name: str) -> None:
    assert is_statistic(name)


@pytest.mark.parametrize("name", ["", "p", "p101", "p-1", "p99.9999", "avg", "P99", "p９９"])
def test_statistics_that_do_not(name: str) -> None:
    assert not is_statistic(name)
    assert percentile_of(name) is None
    with pytest.raises(ValueError, match="no statistic is called"):
        Distribution.of([1]).statistic(name)
