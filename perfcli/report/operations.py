"""Operations as blocks: what they did, how long they took, how they failed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.figures import counter_metrics
from perfcli.metrics.distribution import LEAST_BEYOND, is_thin
from perfcli.report.blocks import BAD, QUIET, SPARK, Block, Code, Column, Plot, Section, Table
from perfcli.report.drawings import HEIGHTS, Bar, Bars, Columns, Point, edges
from perfcli.report.layout import INDENT
from perfcli.report.wording import HINT, counted, figure, name
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
SHORT_STATISTICS: Final = ("p50", "p95", "p99", "max")
"""Those of a brief report."""

THIN: Final = (HINT, Text(f"rough: fewer than {LEAST_BEYOND} samples lie beyond it"))
"""What the sign before a percentile means."""

_COLUMNS: Final = (
    Column("operation", "prose", least=14),
    *map(Column, ("ok", "failed", "skipped", "rate", *STATISTICS)),
)
_FIRST_TO_GO: Final = ("stddev", "min", "p90", "p99.9", "skipped", "rate", "mean", "failed", "max", "ok")
_BRIEF_COLUMNS: Final = (
    Column("operation", "prose", least=22),
    *map(Column, ("ok", "failed", "skipped", "rate", *SHORT_STATISTICS)),
    Column("distribution", "word"),
)
_BRIEF_FIRST_TO_GO: Final = ("distribution", "skipped", "rate", "max", "ok")
_SERVICE_TIME: Final = "service time"
_SERVICE_TIME_MEANS: Final = Text("from the actual start of an operation; latency counts from the intended start")
_TELLING_DIFFERENCE: Final = 0.05
_CELLS: Final = 12
_MARKED: Final = {"p50": "p50_ns", "p95": "p95_ns", "p99": "p99_ns"}
_LEAST_SECONDS: Final = 20

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


def operations_table(part: Measured, *, from_due_time: bool = False) -> Table:
    """Every statistic of each operation, with their total if there are several.

    Args:
        from_due_time: whether their latency counts from a time they were due at: then the service time is shown too.
    """
    several = len(part.operations) > 1
    shown = [*slowest_first(part.operations), *([part.total] if several else [])]
    rows: list[list[Text]] = []
    for operation in shown:
        label = Text("total") if operation is part.total else name(operation.name)
        amounts = _amounts(operation, part, always_failed=True)
        rows.append([label, *amounts, *_latencies(operation, operation.latency, STATISTICS)])
        if operation.service_time and (from_due_time or waiting_shows(operation)):
            served = _latencies(operation, operation.service_time, STATISTICS)
            rows.append([Text(f"{INDENT}{_SERVICE_TIME}", QUIET), *[Text()] * 4, *served])
    is_served = rows and rows[-1][0].plain.strip() == _SERVICE_TIME
    return Table(
        _COLUMNS,
        rows,
        "operations",
        totals=0 if not several else 2 if is_served else 1,
        first_to_go=_FIRST_TO_GO,
        legend=[THIN, (_SERVICE_TIME, _SERVICE_TIME_MEANS)],
    )


def brief_operations_table(part: Measured) -> Table:
    """A line for each operation, with the distribution of its latency drawn on one scale for all of them."""
    scale = _scale(part.operations)
    rows = [
        [
            name(operation.name),
            *_amounts(operation, part),
            *_latencies(operation, operation.latency, SHORT_STATISTICS),
            distribution(operation, scale),
        ]
        for operation in slowest_first(part.operations)
    ]
    return Table(_BRIEF_COLUMNS, rows, "operations", first_to_go=_BRIEF_FIRST_TO_GO, legend=[THIN])


def failures_table(operations: Sequence[OperationResult]) -> Table:
    """Failed operations by kind, the commonest first."""
    kinds = [(count, operation.name, kind) for operation in operations for kind, count in operation.errors.items()]
    kinds.sort(key=lambda kind: -kind[0])
    rows = [[name(operation), name(kind), figure(count, units.format_count, BAD)] for count, operation, kind in kinds]
    return Table(
        [Column("failed operation", "prose"), Column("error", "prose"), Column("count")], rows, "failed operations"
    )


def failure_examples(result: RunResult) -> list[Block]:
    """One failure of each kind in full."""
    return [Code(example, label=kind) for kind, example in result.error_examples.items()]


def latency(statistic: str, summary: LatencySummary | None, samples: int = 0) -> Text:
    """One statistic of a summary, marked as a hint where too few samples lie beyond it.

    Args:
        samples: how many there are, of a result whose summaries do not tell.
    """
    if summary is None:
        return figure(None, units.format_duration)
    return hinted(statistic, getattr(summary, STATISTICS[statistic]), summary.count or samples)


def hinted(statistic: str, value_ns: float | None, samples: int) -> Text:
    """A statistic of so many samples, marked as a hint where too few of them lie beyond it."""
    if value_ns is None or not is_thin(statistic, samples):
        return figure(value_ns, units.format_duration)
    return Text(HINT + units.format_duration(value_ns), QUIET)


def waiting_shows(operation: OperationResult) -> bool:
    """Whether waiting for a vu shows: below 5 % of the mean and of p99 latency and service time are the same to us."""
    waited, served = operation.latency, operation.service_time
    if waited is None or served is None:
        return False
    pairs = ((waited.mean_ns, served.mean_ns), (waited.p99_ns, served.p99_ns))
    return any(abs(longer - shorter) > _TELLING_DIFFERENCE * longer for longer, shorter in pairs)


def if_any(count: int, style: str = "") -> Text:
    """A count, or nothing for 0."""
    return Text(units.format_count(count), style) if count else Text()


def rate_of(operation: OperationResult, part: Measured) -> Text:
    """The throughput of an operation that was tried, in a part that was measured."""
    known = part.duration_ns is not None and operation.attempts
    return figure(operation.throughput_per_s if known else None, units.format_rate)


def distribution(operation: OperationResult, scale: tuple[float, float] | None) -> Text:
    """The latencies of an operation, each cell a column of its histogram, over a logarithmic scale.

    The last cell holds all beyond, so that a few outliers do not squeeze the others into one.
    """
    if scale is None or not operation.histogram_ns:
        return Text()
    low, high = scale
    cells = [0] * _CELLS
    for floor, count in operation.histogram_ns.items():
        place = (math.log(max(1, floor)) - low) / (high - low) if high > low else 0.5
        cells[max(0, min(_CELLS - 1, int(place * _CELLS)))] += count
    most = max(cells)
    drawn = "".join(HEIGHTS[math.ceil(count / most * len(HEIGHTS)) - 1] if count else " " for count in cells)
    return Text(drawn.rstrip(), SPARK)


def plots(result: RunResult) -> Iterator[Plot]:
    """A histogram and a time line of each operation, the slowest first; nothing of one that never succeeded."""
    faults = [(fault.at_ns, fault.at_ns + fault.lasted_ns) for fault in result.faults if fault.lasted_ns is not None]
    for operation in slowest_first(result.operations):
        if operation.latency is None or not operation.histogram_ns:
            continue
        how_many = counted(operation.ok, "successful operation")
        title = Text.assemble(name(operation.name, "bold"), (f"  latency of {how_many}", QUIET))
        yield Plot(title, Bars(_bars(operation)))
        if points := _points(operation.name, result):
            columns = Columns(points, result.duration_ns or points[-1].at_ns + 1, units.format_duration, faults)
            of_faults = ", faults bold on the axis" if faults else ""
            yield Plot(Text(f"{INDENT}mean latency over time{of_faults}", QUIET), columns)


def _scale(operations: Sequence[OperationResult]) -> tuple[float, float] | None:
    """The logarithms of the smallest latency and of the largest p99."""
    floors = [floor for operation in operations for floor in operation.histogram_ns]
    most = [operation.latency.p99_ns for operation in operations if operation.latency]
    return (math.log(max(1, min(floors))), math.log(max(1.0, *most))) if floors and most else None


def _amounts(operation: OperationResult, part: Measured, *, always_failed: bool = False) -> Iterator[Text]:
    """Ok, failed, skipped and rate."""
    failed = operation.failed
    yield figure(operation.ok, units.format_count)
    yield figure(failed, units.format_count, BAD if failed else "") if failed or always_failed else Text()
    yield if_any(operation.skipped)
    yield rate_of(operation, part)


def _latencies(operation: OperationResult, summary: LatencySummary | None, statistics: Iterable[str]) -> Iterator[Text]:
    return (latency(statistic, summary, operation.ok) for statistic in statistics)


def _bars(operation: OperationResult) -> list[Bar]:
    """Bars between the smallest and the largest latency; what lies on an edge belongs to the bar above it."""
    counts, latency = operation.histogram_ns, operation.latency
    assert latency is not None
    total, bounds = sum(counts.values()), edges(min(counts), max(counts))
    bars = []
    for low, high in pairwise(bounds):
        count = sum(number for floor, number in counts.items() if low <= floor < high)
        marks = [mark for mark, field in _MARKED.items() if low <= getattr(latency, field) < high]
        bars.append(Bar(units.format_duration(low), count, *_figures(count, total), " ".join(marks)))
    return bars


def _figures(count: int, total: int) -> tuple[str, str]:
    return (units.format_count(count), f"{count / total:.1%}") if count else ("", "")


def _points(operation: str, result: RunResult) -> list[Point]:
    """Mean latency by time: of each second, or where they are few, of the parts the load was cut into."""
    seconds = [each for each in result.seconds_by_operation.get(operation, []) if each.mean_ns is not None]
    if len(seconds) >= _LEAST_SECONDS:
        return [Point(each.second * units.NS_PER_S, each.mean_ns or 0.0) for each in seconds]
    return [Point(part.start_ns, part.mean_ns) for part in result.slices.get(operation, [])]


_OWN_COLUMNS: Final = (
    Column("own operation", "prose", least=14),
    Column("preparation"),
    Column("counter", "word"),
    Column("sum"),
    Column("per operation"),
)


def own_operations_section(operations: Sequence[OperationResult]) -> list[Section]:
    """A table of the operations that prepare or count; none without such."""
    rows = [row for operation in operations for row in _own_rows(operation)]
    table = Table(_OWN_COLUMNS, rows, "own operations", first_to_go=("sum", "preparation"))
    return [Section("own operations", [table], brief=[table])] if rows else []


def _own_rows(operation: OperationResult) -> Iterator[list[Text]]:
    # of a function that is timed as a whole nothing is preparation
    prepares = bool(operation.preparation_ns)
    lead = [name(operation.name), figure(operation.preparation_ns, units.format_duration) if prepares else Text()]
    metrics = counter_metrics({counter: each.unit for counter, each in operation.counters.items()})
    for counter, each in operation.counters.items():
        of_sum, of_mean = metrics[counter].unit, metrics[f"{counter}_per_op"].unit
        total = figure(each.sum, partial(units.format_quantity, of_sum))
        yield [*lead, name(counter), total, figure(each.per_op, partial(units.format_quantity, of_mean))]
        lead = [Text(), Text()]
    if prepares and not operation.counters:
        yield [*lead, Text(), Text(), Text()]
