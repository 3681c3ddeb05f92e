"""Every metric a threshold can name, with its unit and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from perfcli.units import Unit

STATISTICS: Final = ("min", "mean", "median", "max", "stddev")
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?|100)", re.ASCII)


def percentile_of(statistic: str) -> float | None:
    """The quantile in 0..1 that "p99.9" or "median" asks for; None for another statistic."""
    if statistic == "median":
        return 0.5
    match = _PERCENTILE.fullmatch(statistic)
    return float(match[1]) / 100 if match else None


def is_statistic(text: str) -> bool:
    """Whether `text` is a statistic of a distribution: min, mean, median, max, stddev or pN."""
    return text in STATISTICS or percentile_of(text) is not None


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured quantity: its unit, whether it needs a statistic, and whether an operation has its own."""

    name: str
    unit: Unit
    meaning: str
    needs_statistic: bool = False
    per_operation: bool = False


_ALL = (
    Metric("latency", Unit.DURATION, "from the intended start of an operation to its end", True, True),
    Metric("service_time", Unit.DURATION, "from the actual start of an operation to its end", True, True),
    Metric("success_rate", Unit.PERCENTAGE, "operations that answered rightly, of all", per_operation=True),
    Metric("error_rate", Unit.PERCENTAGE, "operations that failed, of all", per_operation=True),
    Metric("timeouts", Unit.COUNT, "operations that failed by timing out", per_operation=True),
    Metric("throughput", Unit.RATE, "successful operations per second of measured time", per_operation=True),
    Metric("iterations", Unit.COUNT, "passes over the flow that were completed"),
    Metric("dropped_iterations", Unit.COUNT, "passes that were due but never started"),
    Metric("duration", Unit.DURATION, "measured time, warm-up left out"),
    Metric("memory.growth", Unit.SIZE, "RSS after the load less RSS at the baseline after warm-up"),
    Metric("memory.peak", Unit.SIZE, "highest RSS while measuring, less what the harness itself holds"),
    Metric("memory.per_pet", Unit.SIZE, "RSS added since the engine opened, per pet in its active cache"),
    Metric("memory.slope", Unit.SIZE_PER_OPERATION, "Theil–Sen slope of RSS over operations"),
    Metric("memory.after_cleanup", Unit.SIZE, "RSS above the baseline once the cache is cleared"),
    Metric(
        "degradation",
        Unit.PERCENTAGE,
        "median latency of the last fifth of the operations against the first fifth",
        per_operation=True,
    ),
    Metric("cpu.mean", Unit.PERCENTAGE, "mean CPU use of the engine process; 100% is one core"),
    Metric("cpu.max", Unit.PERCENTAGE, "highest CPU use of the engine process over half a second"),
    Metric("lost_writes", Unit.COUNT, "writes the engine acknowledged that its database does not hold"),
    Metric("db_errors", Unit.COUNT, "operations that failed in the database, busy answers apart"),
)

METRICS: Final = {metric.name: metric for metric in _ALL}
