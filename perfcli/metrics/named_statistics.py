"""The statistics of a distribution, by the names that thresholds, tables and results give them."""

from __future__ import annotations

import re
from typing import Final

STATISTICS: Final = {
    "min": "min_ns",
    "mean": "mean_ns",
    "median": "p50_ns",
    "p50": "p50_ns",
    "p90": "p90_ns",
    "p95": "p95_ns",
    "p99": "p99_ns",
    "p99.9": "p99_9_ns",
    "max": "max_ns",
    "stddev": "stddev_ns",
}
"""Those that every result holds, each with its field of a LatencySummary."""

_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?|100)", re.ASCII)


def percentile_of(statistic: str) -> float | None:
    """The quantile in 0..1 that "p99.9" or "median" asks for; None for another statistic."""
    if statistic == "median":
        return 0.5
    match = _PERCENTILE.fullmatch(statistic)
    return float(match[1]) / 100 if match else None


def is_statistic(text: str) -> bool:
    """Whether `text` is a statistic of a distribution: one of STATISTICS, or any pN up to p100."""
    return text in STATISTICS or percentile_of(text) is not None
