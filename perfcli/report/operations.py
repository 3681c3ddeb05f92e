"""The operations of a run or of one of its phases, slowest first, and what went wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.metrics.statistics import is_thin
from perfcli.report.blocks import BAD, QUIET, Column
from perfcli.report.figures import HINT, figure, name
from perfcli.report.layout import INDENT, FittingTable
from perfcli.results import LatencySummary, OperationResult, PhaseResult, RunResult

STATISTICS: Final = {
    "mean": "mean_ns",
    "p50": "p50_ns",
    "p90": "p90_ns",
    "p95": "p95_ns",
    "p99": "p99_ns",
    "p99.9": "p99_9_ns",
    "max": "max_ns",
    "min": "min_ns",
    "stddev": "stddev_ns",
}
_FIRST_TO_GO: Final = ("stddev", "min", "p90", "p99.9", "p50", "p95", "rate", "p99", "failed", "max", "ok")
_COLUMNS: Final = (
    Column("operation", "prose", least=14),
    *map(Column, ("ok", "failed", "skipped", "rate", *STATISTICS)),
)
_SERVICE_TIME: Final = f"{INDENT}service time"
_TELLING_DIFFERENCE: Final = 0.05

Measured = RunResult | PhaseResult
"""What has operations, iterations and a duration: a whole run, or a phase of it."""


def is_open(phase: PhaseResult) -> bool:
    """Whether iterations arrived at their own time, however long those before them took."""
    return phase.offered_per_s is not None or phase.schedule_lag is not None


def slowest_first(operations: Sequence[OperationResult]) -> list[OperationResult]:
    """By mean latency: those that never succeeded on top, those that were never tried at the end."""

    def slowness(operation: OperationResult) -> float:
        if operation.latency is None:
            return float("inf") if operation.failed else -1.0
        return operation.latency.mean_ns

    return sorted(operations, key=slowness, reverse=True)


def render_operations(part: Measured, *, from_due_time: bool = False) -> Iterator[RenderableType]:
    """The table of operations, with their total where there are several.

    Args:
        from_due_time: whether their latency counts from a time they were due at: then the service time is shown too.
    """
    several = len(part.operations) > 1
    shown = [*slowest_first(part.operations), *([part.total] if several else [])]
    rows: list[list[Text]] = []
    for operation in shown:
        label = "total" if operation is part.total else operation.name
        rows.append(_row(operation, label, measured=part.duration_ns is not None))
        if operation.service_time and (from_due_time or waiting_shows(operation)):
            rows.append(_service_time_row(operation, operation.service_time))
    totals = 0 if not several else 2 if rows[-1][0].plain == _SERVICE_TIME else 1
    yield FittingTable(_COLUMNS, rows, first_to_go=_FIRST_TO_GO, totals=totals)


def render_errors(operations: Sequence[OperationResult]) -> Iterator[RenderableType]:
    """Failed operations by kind, the commonest first."""
    kinds = [(count, operation.name, kind) for operation in operations for kind, count in operation.errors.items()]
    kinds.sort(key=lambda kind: -kind[0])
    rows = [[name(operation), name(kind), figure(count, units.format_count, BAD)] for count, operation, kind in kinds]
    if rows:
        yield FittingTable((Column("failed operation", "prose"), Column("error", "prose"), Column("count")), rows)


def latency(statistic: str, summary: LatencySummary | None, samples: int = 0) -> Text:
    """One statistic of a summary, marked as a hint where too few samples lie beyond it.

    Args:
        samples: how many there are, of a result whose summaries do not tell.
    """
    if summary is None:
        return figure(None, units.format_duration)
    value_ns = getattr(summary, STATISTICS[statistic])
    if is_thin(statistic, summary.count or samples):
        return Text(HINT + units.format_duration(value_ns), QUIET)
    return figure(value_ns, units.format_duration)


def waiting_shows(operation: OperationResult) -> bool:
    """Whether waiting for a vu shows: below 5 % of the mean and of p99 latency and service time are the same to us."""
    waited, served = operation.latency, operation.service_time
    if waited is None or served is None:
        return False
    pairs = ((waited.mean_ns, served.mean_ns), (waited.p99_ns, served.p99_ns))
    return any(abs(longer - shorter) > _TELLING_DIFFERENCE * longer for longer, shorter in pairs)


def _row(operation: OperationResult, label: str, *, measured: bool) -> list[Text]:
    rate = operation.throughput_per_s if measured and operation.attempts else None
    return [
        name(label),
        figure(operation.ok, units.format_count),
        figure(operation.failed, units.format_count, BAD if operation.failed else ""),
        Text(units.format_count(operation.skipped)) if operation.skipped else Text(),
        figure(rate, units.format_rate),
        *(latency(statistic, operation.latency, operation.ok) for statistic in STATISTICS),
    ]


def _service_time_row(operation: OperationResult, service_time: LatencySummary) -> list[Text]:
    blank = [Text()] * (len(_COLUMNS) - len(STATISTICS) - 1)
    return [
        Text(_SERVICE_TIME, QUIET),
        *blank,
        *(latency(statistic, service_time, operation.ok) for statistic in STATISTICS),
    ]
