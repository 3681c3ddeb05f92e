"""Exact statistics of a set of samples."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perfcli.metrics.catalog import percentile_of

REPORTED_PERCENTILES = ("p50", "p90", "p95", "p99", "p99.9")


@dataclass(frozen=True, slots=True)
class Distribution:
    """Samples in ascending order, with the statistics of all of them (no sampling, no buckets)."""

    ordered: Sequence[int]

    @classmethod
    def of(cls, samples: Iterable[int]) -> Distribution:
        """The distribution of samples, whole numbers of up to 64 bits, given in any order."""
        # an array: a list would take five times the memory for as long as the distribution lives
        return cls(array("q", sorted(samples)))

    def __len__(self) -> int:
        return len(self.ordered)

    def statistic(self, name: str) -> float:
        """The statistic called min, mean, median, max, stddev or pN.

        Raises:
            ValueError: there are no samples, or no such statistic.
        """
        if not self.ordered:
            raise ValueError("no samples")
        quantile = percentile_of(name)
        if quantile is not None:
            return self.percentile(quantile)
        if name == "min":
            return self.ordered[0]
        if name == "max":
            return self.ordered[-1]
        if name == "mean":
            return self.mean
        if name == "stddev":
            return self.stddev
        raise ValueError(f"no statistic is called {name!r}")

    @property
    def mean(self) -> float:
        """The arithmetic mean, from an exact sum."""
        return sum(self.ordered) / len(self.ordered)

    @property
    def stddev(self) -> float:
        """The sample standard deviation (n - 1); 0 for a single sample."""
        if len(self.ordered) < 2:
            return 0.0
        mean = self.mean
        return math.sqrt(math.fsum((x - mean) ** 2 for x in self.ordered) / (len(self.ordered) - 1))

    def percentile(self, quantile: float) -> float:
        """Linear interpolation between order statistics, position (n - 1)·q.

        Source: Hyndman & Fan (1996), "Sample quantiles in statistical packages", definition 7.
        """
        position = (len(self.ordered) - 1) * quantile
        below = math.floor(position)
        share = position - below
        low = self.ordered[below]
        # one sample is returned as it is: interpolating with itself could round
        return low if share == 0 else low + (self.ordered[below + 1] - low) * share
