"""The figures of a run that people ask for first."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import BAD
from perfcli.report.figures import UNKNOWN, counted, figure, signed
from perfcli.report.html.markup import Content, Markup, element
from perfcli.report.operations import slowest_first
from perfcli.results import RunResult

Tile = tuple[str, Text, Content]
"""A label, a figure, and what else to know of it."""


def render_tiles(result: RunResult) -> Markup | None:
    """Throughput, latency, what is slowest, failures, memory: those that are known."""
    known = [_tile(*tile) for tile in _tiles(result) if tile[1].plain != UNKNOWN]
    return element("dl", *known, class_="tiles") if known else None


def _tiles(result: RunResult) -> Iterator[Tile]:
    yield "throughput", figure(result.total.throughput_per_s or None, units.format_rate), _measured(result)
    if latency := result.total.latency:
        yield "median latency", figure(latency.p50_ns, units.format_duration), "p50 of all operations"
        yield "p99 latency", figure(latency.p99_ns, units.format_duration), "of all operations"
    slowest = next((each for each in slowest_first(result.operations) if each.latency), None)
    if slowest and slowest.latency and len(result.operations) > 1:
        yield "slowest operation", figure(slowest.latency.mean_ns, units.format_duration), f"mean of {slowest.name}"
    yield "succeeded", figure(result.total.success_rate, units.format_percentage), _failed(result)
    yield "memory growth", figure(result.memory.growth, signed(units.format_size)), _slope(result)


def _tile(label: str, value: Text, more: Content) -> Markup:
    return element(
        "div", element("dt", label), element("dd", value), element("dd", more, class_="more") if more else None
    )


def _measured(result: RunResult) -> str:
    took = units.format_duration(result.duration_ns or 0)
    return f"{counted(result.iterations, 'iteration')} in {took}"


def _failed(result: RunResult) -> Text:
    failed = result.total.failed
    return Text(
        f"{units.format_count(failed)} of {counted(result.total.attempts, 'operation')} failed", BAD if failed else ""
    )


def _slope(result: RunResult) -> str | None:
    slope = result.memory.slope_bytes_per_operation
    return None if slope is None else signed(units.format_size_per_operation)(slope)
