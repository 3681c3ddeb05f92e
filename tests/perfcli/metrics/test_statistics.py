"""Exact statistics, held against the standard library's."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.metrics.catalog import METRICS, is_statistic, percentile_of
from perfcli.metrics.statistics import Distribution

SAMPLES = st.lists(st.integers(0, 10**12), min_size=2, max_size=300)


@given(SAMPLES)
def test_agrees_with_the_standard_library(samples: list[int]) -> None:
    distribution = Distribution.of(samples)
    assert distribution.statistic("min") == min(samples)
    assert distribution.statistic("max") == max(samples)
    assert distribution.statistic("mean") == pytest.approx(statistics.fmean(samples))
    assert distribution.statistic("median") == pytest.approx(statistics.median(samples))
    assert distribution.statistic("stddev") == pytest.approx(statistics.stdev(samples), rel=1e-6, abs=1e-3)
    inclusive = statistics.quantiles(samples, n=100, method="inclusive")
    for percent in (1, 50, 90, 95, 99):
        assert distribution.statistic(f"p{percent}") == pytest.approx(inclusive[percent - 1])


@given(st.integers(0, 10**12))
def test_one_sample_is_every_percentile(sample: int) -> None:
    distribution = Distribution.of([sample])
    assert [distribution.statistic(name) for name in ("min", "p1", "p99.9", "max", "mean")] == [sample] * 5
    assert distribution.stddev == 0


def test_the_tail_is_not_rounded_away() -> None:
    distribution = Distribution.of([1_000] * 999 + [1_000_000])
    assert distribution.statistic("p99.9") == pytest.approx(1_000 + 0.001 * 999_000)
    assert distribution.statistic("p100") == distribution.statistic("max") == 1_000_000


def test_no_samples_have_no_statistics() -> None:
    with pytest.raises(ValueError, match="no samples"):
        Distribution.of([]).statistic("mean")


@pytest.mark.parametrize("name", ["p50", "p99.9", "p0", "p100", "median", "stddev"])
def test_statistics_that_exist(name: str) -> None:
    assert is_statistic(name)


@pytest.mark.parametrize("name", ["", "p", "p101", "p-1", "p99.9999", "avg", "P99", "p９９"])
def test_statistics_that_do_not(name: str) -> None:
    assert not is_statistic(name)
    assert percentile_of(name) is None


def test_every_metric_says_what_it_means() -> None:
    assert all(metric.meaning and name == metric.name for name, metric in METRICS.items())
