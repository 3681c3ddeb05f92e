"""Statistics of samples: exact while they are few, from a histogram when they are many."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Final

from perfcli.metrics.histogram import Histogram, percentile_of

EXACT_MOST: Final = 50_000
LEAST_BEYOND: Final = 10


def beyond(quantile: float, count: int) -> int:
    """How many of `count` samples lie beyond a percentile, on the side of its tail: 10 of 1,000 beyond p99."""
    tail = min(quantile, 1 - quantile)
    # rounded, as (1 - 0.9) * 100 is 9.999999999999998
    return math.floor(round(tail * count, 6))


def is_thin(statistic: str, count: int) -> bool:
    """Whether a percentile of `count` samples rests on a handful of them: fewer than 10 lie beyond it.

    A median needs 20 samples, p95 200, p99 1,000. The extremes p0 and p100 are single samples by their meaning, and
    never thin; nor is min, mean, max or stddev.
    """
    quantile = percentile_of(statistic)
    return quantile is not None and 0 < quantile < 1 and beyond(quantile, count) < LEAST_BEYOND


class Distribution:
    """Samples in ns, whole numbers of 0 to 2⁶³ - 1.

    Up to 50,000 of them are kept, and every statistic is exact. Beyond, they are folded into a histogram: count, mean,
    stddev, min and max stay exact, percentiles are off by a tenth of a percent at most, and memory stays bounded.
    """

    def __init__(self) -> None:
        self._values: array[int] | None = array("q")
        self._ordered = True
        self._histogram: Histogram | None = None

    @classmethod
    def of(cls, samples: Iterable[int]) -> Distribution:
        """The distribution of samples given in any order."""
        distribution = cls()
        distribution.add(array("q", samples))
        return distribution

    @classmethod
    def folded(cls, histogram: Histogram) -> Distribution:
        """The distribution of what a histogram has counted, which is then its own."""
        distribution = cls()
        distribution._values, distribution._histogram = None, histogram
        return distribution

    def __len__(self) -> int:
        return self.histogram().count if self._values is None else len(self._values)

    @property
    def is_exact(self) -> bool:
        """Whether every sample is still known."""
        return self._values is not None

    def add(self, values: array[int]) -> None:
        """Take in samples, an array of 64-bit integers in any order, none below 0."""
        if self._values is not None and len(self._values) + len(values) <= EXACT_MOST:
            self._values.extend(values)
            self._ordered = False
            self._histogram = None
        else:
            self._fold().add_all(values)

    def merge(self, other: Distribution) -> None:
        """Take in all samples of another one, which is not changed."""
        if other._values is not None:
            self.add(other._values)
        else:
            self._fold().merge(other.histogram())

    def histogram(self) -> Histogram:
        """The samples by bucket. It is the distribution's own: to be read, saved or merged, not to be changed."""
        if self._histogram is None:
            self._histogram = Histogram()
            self._histogram.add_all(self._values or array("q"))
        return self._histogram

    def statistic(self, name: str) -> float:
        """The statistic called min, mean, median, max, stddev or pN.

        Raises:
            ValueError: there are no samples, or no such statistic.
        """
        quantile = percentile_of(name)
        return self.histogram().statistic(name) if quantile is None else self.percentile(quantile)

    def percentile(self, quantile: float) -> float:
        """Linear interpolation between order statistics, position (n - 1)·q.

        Source: Hyndman & Fan (1996), "Sample quantiles in statistical packages", definition 7.

        Raises:
            ValueError: there are no samples.
        """
        ordered = self._in_order()
        if not ordered:
            return self.histogram().percentile(quantile)
        position = (len(ordered) - 1) * quantile
        below = math.floor(position)
        share = position - below
        low = ordered[below]
        # one sample is returned as it is: interpolating with itself could round
        return low if share == 0 else low + (ordered[below + 1] - low) * share

    def _in_order(self) -> array[int] | None:
        if self._values and not self._ordered:
            self._values = array("q", sorted(self._values))
            self._ordered = True
        return self._values

    def _fold(self) -> Histogram:
        histogram = self.histogram()
        self._values = None
        return histogram
