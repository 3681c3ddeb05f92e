"""The latency of each operation as pictures of characters: how it is spread, and how it went on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import QUIET, Plot
from perfcli.report.drawings import Bar, Bars, Columns, Point, edges
from perfcli.report.figures import counted, name
from perfcli.report.layout import INDENT
from perfcli.report.operations import slowest_first
from perfcli.results import OperationResult, RunResult

_MARKED: Final = {"p50": "p50_ns", "p95": "p95_ns", "p99": "p99_ns"}
_LEAST_SECONDS: Final = 20


def plots(result: RunResult) -> Iterator[Plot]:
    """A histogram and a time line of each operation, the slowest first; nothing of one that never succeeded."""
    for operation in slowest_first(result.operations):
        if operation.latency is None or not operation.histogram_ns:
            continue
        how_many = counted(operation.ok, "successful operation")
        title = Text.assemble(name(operation.name, "bold"), (f"  latency of {how_many}", QUIET))
        yield Plot(title, Bars(_bars(operation)))
        if points := _points(operation.name, result):
            columns = Columns(points, result.duration_ns or points[-1].at_ns + 1, units.format_duration)
            yield Plot(Text(f"{INDENT}mean latency over time", QUIET), columns)


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
