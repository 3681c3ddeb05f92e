"""Every metric a threshold can name, with its unit and what it means."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Literal

from perfcli.units import Unit

STATISTICS: Final = ("min", "mean", "median", "max", "stddev")
OnTime = Literal["no", "yes", "partly"]
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
    """One measured quantity: its unit, whether it needs a statistic, and of what it is known.

    Every metric is known of a whole run; some also of each operation, or of each phase.

    Args:
        depends_on_time: whether a machine that is busy with other work changes it; partly: only its timeouts and busy
            errors do.
        least: no value is below it.
        most: no value is above it.
    """

    name: str
    unit: Unit
    meaning: str
    needs_statistic: bool = False
    per_operation: bool = False
    per_phase: bool = False
    depends_on_time: OnTime = "no"
    least: float = 0.0
    most: float = math.inf


def _of_operation(
    name: str,
    unit: Unit,
    meaning: str,
    *,
    needs_statistic: bool = False,
    depends_on_time: OnTime = "yes",
    least: float = 0.0,
    most: float = math.inf,
) -> Metric:
    return Metric(name, unit, meaning, needs_statistic, True, True, depends_on_time, least, most)


def _of_phase(
    name: str,
    unit: Unit,
    meaning: str,
    *,
    needs_statistic: bool = False,
    depends_on_time: OnTime = "yes",
    most: float = math.inf,
) -> Metric:
    return Metric(name, unit, meaning, needs_statistic, False, True, depends_on_time, most=most)


_ALL = (
    _of_operation("latency", Unit.DURATION, "from the intended start of an operation to its end", needs_statistic=True),
    _of_operation(
        "service_time", Unit.DURATION, "from the actual start of an operation to its end", needs_statistic=True
    ),
    _of_operation(
        "success_rate",
        Unit.PERCENTAGE,
        "operations that answered rightly, of all",
        depends_on_time="partly",
        most=1,
    ),
    _of_operation(
        "error_rate",
        Unit.PERCENTAGE,
        "operations that failed, of all",
        depends_on_time="partly",
        most=1,
    ),
    _of_operation("timeouts", Unit.COUNT, "operations that failed by timing out"),
    _of_operation(
        "throughput", Unit.RATE, "successful operations per second of planned time, or of measured time if longer"
    ),
    _of_operation(
        "degradation",
        Unit.PERCENTAGE,
        "median latency of the last fifth of the operations against the first fifth, the machine's own change left out",
        least=-1,
    ),
    _of_operation(
        "growth.ratio",
        Unit.NUMBER,
        "median latency in the last tenth by size (pets stored, or length of a session) over that in the first",
    ),
    _of_operation(
        "growth.exponent",
        Unit.NUMBER,
        "power of that size with which latency grows; 0 is constant, 1 is linear",
        least=-math.inf,
    ),
    _of_phase("iterations", Unit.COUNT, "passes over the flow that were completed"),
    _of_phase("dropped_iterations", Unit.COUNT, "passes that were due but never started"),
    _of_phase("interrupted_iterations", Unit.COUNT, "passes that were cut off when the graceful stop was over"),
    _of_phase(
        "schedule_lag", Unit.DURATION, "from the time an iteration was due to its actual start", needs_statistic=True
    ),
    _of_phase("offered_rate", Unit.RATE, "iterations that were due per second, of an arrival rate"),
    _of_phase("achieved_rate", Unit.RATE, "iterations that were done per second, of an arrival rate"),
    _of_phase("delivery", Unit.PERCENTAGE, "achieved rate over offered rate", most=1),
    _of_phase("duration", Unit.DURATION, "measured time, warm-up left out"),
    Metric(
        "memory.growth",
        Unit.SIZE,
        "RSS after the load less RSS at the baseline after warm-up",
        least=-math.inf,
    ),
    Metric(
        "memory.peak", Unit.SIZE, "highest RSS while measuring, less what the harness itself holds", least=-math.inf
    ),
    Metric(
        "memory.per_pet", Unit.SIZE, "RSS added since the engine opened, per pet in its active cache", least=-math.inf
    ),
    Metric(
        "memory.slope",
        Unit.SIZE_PER_OPERATION,
        "Theil–Sen slope of RSS over operations",
        least=-math.inf,
    ),
    Metric(
        "memory.leak",
        Unit.SIZE_PER_OPERATION,
        "RSS that each operation adds for good, by its lower confidence bound; 0 where growth is not proven",
    ),
    Metric(
        "memory.after_cleanup",
        Unit.SIZE,
        "RSS above the baseline once the cache is cleared",
        least=-math.inf,
    ),
    Metric(
        "cpu.mean",
        Unit.PERCENTAGE,
        "mean CPU use of the engine process; 100% is one core",
        depends_on_time="yes",
    ),
    Metric(
        "cpu.max",
        Unit.PERCENTAGE,
        "highest CPU use of the engine process over half a second",
        depends_on_time="yes",
    ),
    Metric("lost_writes", Unit.COUNT, "writes the engine acknowledged that its database, or a read, does not show"),
    Metric("duplicate_writes", Unit.COUNT, "writes that the database holds more often than the engine was asked for"),
    Metric("lost_updates", Unit.COUNT, "acknowledged changes of a pet that do not show in its sum"),
    Metric("fidelity.differences", Unit.COUNT, "fields of pets that a new process reads otherwise than answered"),
    _of_phase(
        "torn_reads",
        Unit.COUNT,
        "reads of a pet or a history in a state that was never saved",
        depends_on_time="no",
    ),
    _of_phase(
        "db_errors",
        Unit.COUNT,
        "operations that failed in the database, busy answers apart",
        depends_on_time="no",
    ),
    _of_phase("busy_errors", Unit.COUNT, "operations that failed because the database was busy or locked"),
    _of_phase(
        "stale_errors",
        Unit.COUNT,
        "operations that were refused because others had saved the pet meanwhile",
        depends_on_time="no",
    ),
    Metric("io.written_per_op", Unit.SIZE, "bytes that the engine process wrote, per operation"),
    Metric("io.fsyncs_per_op", Unit.NUMBER, "times the engine process had the disk flushed, per operation"),
    Metric("statements_per_op", Unit.NUMBER, "SQL statements the engine ran, per operation"),
    Metric("engine.shutdown_time", Unit.DURATION, "time the engine took to shut down", depends_on_time="yes"),
    Metric("engine.threads_left", Unit.COUNT, "threads of the engine that outlive its shutdown"),
    Metric("engine.files_left", Unit.COUNT, "stray files the engine left in its working directory or by its database"),
    Metric("engine.connections_left", Unit.COUNT, "open descriptors of the database that outlive the shutdown"),
    Metric("log.errors", Unit.COUNT, "records of level ERROR and above that the engine logged"),
    Metric("stray_output", Unit.SIZE, "what the engine printed to stdout and stderr"),
)

METRICS: Final = {metric.name: metric for metric in _ALL}
