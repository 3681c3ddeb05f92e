"""The operations of a run, slowest first, and what went wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.metrics.catalog import percentile_of
from perfcli.report.figures import BAD, QUIET, figure, name
from perfcli.report.layout import INDENT, Column, FittingTable, Hanging
from perfcli.results import LatencySummary, OperationResult, RunResult

_STATISTICS: Final = {
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
    *map(Column, ("ok", "failed", "rate", *_STATISTICS)),
)

LEAST_BEYOND: Final = 10
"""Samples that must lie beyond a percentile for it to be more than a hint."""

_HINT: Final = "~"
_TELLING_DIFFERENCE: Final = 0.05


def slowest_first(operations: Sequence[OperationResult]) -> list[OperationResult]:
    """By mean latency: those that never succeeded on top, those that were never tried at the end."""

    def slowness(operation: OperationResult) -> float:
        if operation.latency is None:
            return float("inf") if operation.failed else -1.0
        return operation.latency.mean_ns

    return sorted(operations, key=slowness, reverse=True)


def render_operations(result: RunResult) -> Iterator[RenderableType]:
    """The table of operations, with their total where there are several."""
    several = len(result.operations) > 1
    shown = [*slowest_first(result.operations), *([result.total] if several else [])]
    rows: list[list[Text]] = []
    for operation in shown:
        is_total = operation is result.total
        rows.append(_row(operation, "total" if is_total else operation.name, measured=result.duration_ns is not None))
        if operation.service_time and _differs(operation.latency, operation.service_time):
            rows.append(_service_time_row(operation.service_time, operation.ok))
    yield FittingTable(_COLUMNS, rows, first_to_go=_FIRST_TO_GO, last_is_total=several)
    if any(cell.plain.startswith(_HINT) for row in rows for cell in row[1:]):
        yield _hint_explained()


def render_errors(operations: Sequence[OperationResult]) -> Iterator[RenderableType]:
    """Failed operations by kind, the commonest first."""
    kinds = [(count, operation.name, kind) for operation in operations for kind, count in operation.errors.items()]
    kinds.sort(key=lambda kind: -kind[0])
    rows = [[name(operation), name(kind), figure(count, units.format_count, BAD)] for count, operation, kind in kinds]
    if rows:
        yield FittingTable((Column("failed operation", "prose"), Column("error", "prose"), Column("count")), rows)


def _row(operation: OperationResult, label: str, *, measured: bool) -> list[Text]:
    rate = operation.throughput_per_s if measured and operation.attempts else None
    return [
        name(label),
        figure(operation.ok, units.format_count),
        figure(operation.failed, units.format_count, BAD if operation.failed else ""),
        figure(rate, units.format_rate),
        *_latencies(operation.latency, operation.ok),
    ]


def _service_time_row(service_time: LatencySummary, samples: int) -> list[Text]:
    return [Text(f"{INDENT}service time", QUIET), Text(), Text(), Text(), *_latencies(service_time, samples)]


def _latencies(summary: LatencySummary | None, samples: int) -> list[Text]:
    return [_latency(title, getattr(summary, field, None), samples) for title, field in _STATISTICS.items()]


def _latency(statistic: str, value_ns: float | None, samples: int) -> Text:
    if value_ns is None or is_supported(statistic, samples):
        return figure(value_ns, units.format_duration)
    return Text(_HINT + units.format_duration(value_ns), QUIET)


def is_supported(statistic: str, samples: int) -> bool:
    """Whether enough samples lie beyond a percentile: 20 samples for a p50, 1,000 for a p99."""
    quantile = percentile_of(statistic)
    return quantile is None or round(samples * (1 - quantile), 6) >= LEAST_BEYOND


def _hint_explained() -> Hanging:
    meaning = f"a hint only: fewer than {LEAST_BEYOND} samples lie beyond this percentile"
    return Hanging(Text(f"{INDENT}{_HINT} ", QUIET), Text(meaning, QUIET))


def _differs(latency: LatencySummary | None, service_time: LatencySummary) -> bool:
    """Whether waiting for a vu shows: below 5 % of the mean and of p99 the two are the same to a reader."""
    if latency is None:
        return False
    pairs = ((latency.mean_ns, service_time.mean_ns), (latency.p99_ns, service_time.p99_ns))
    return any(abs(waited - served) > _TELLING_DIFFERENCE * waited for waited, served in pairs)
