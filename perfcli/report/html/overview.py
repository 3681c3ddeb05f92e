"""Several results side by side: one line each with a link, and the percentile curves of what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from perfcli import units
from perfcli.regression.result import AbResult
from perfcli.report.figures import figure, signed, verdict_word
from perfcli.report.html.chart import Chart, render_charts
from perfcli.report.html.comparison import change_of, reasons_of
from perfcli.report.html.latency import percentile_chart
from perfcli.report.html.markup import Content, Markup, element, joined, table, without_directories
from perfcli.report.operations import slowest_first
from perfcli.report.run import outcome
from perfcli.report.saved import Reported
from perfcli.results import RunResult

Row = Sequence[Content]
_COLUMNS: Final = ("<", "<result", "rate", "p50", "p99", "max", "succeeded", "memory growth", "<why")


def render_overview(anchored: Mapping[str, Reported]) -> Markup:
    """All results by their anchors; nothing for a single one."""
    if len(anchored) < 2:
        return Markup()
    rows = [_row(f"{number}. ", anchor, result) for number, (anchor, result) in enumerate(anchored.items(), start=1)]
    title = element("h2", "Overview", id="overview")
    return element("section", title, table("overview", _COLUMNS, rows), _overlays(anchored.values()), class_="overview")


def _row(number: str, anchor: str, result: Reported) -> Row:
    if isinstance(result, AbResult):
        link = element("a", f"{number}{result.scenario} (ab)", href=f"#{anchor}")
        return change_of(result), link, *[None] * 6, _first(reasons_of(result))
    total, latency = result.total, result.total.latency
    return (
        verdict_word(result.verdict),
        element("a", f"{number}{result.name}", href=f"#{anchor}"),
        figure(total.throughput_per_s if total.attempts else None, units.format_rate),
        figure(latency.p50_ns if latency else None, units.format_duration),
        figure(latency.p99_ns if latency else None, units.format_duration),
        figure(latency.max_ns if latency else None, units.format_duration),
        figure(total.success_rate, units.format_percentage),
        figure(result.memory.growth, signed(units.format_size)),
        _first(result.reasons or [outcome(result)]),
    )


def _first(reasons: Sequence[str]) -> str:
    first, *more = map(without_directories, reasons)
    return f"{first} (and {len(more)} more)" if more else first


def _overlays(results: Iterable[Reported]) -> Markup:
    runs = [(number, each) for number, each in enumerate(results, start=1) if isinstance(each, RunResult)]
    names = dict.fromkeys(each.name for _, run in runs for each in slowest_first(run.operations))
    charts = [chart for name in names if (chart := _overlay(name, runs)) is not None]
    if not charts:
        return Markup()
    return joined([element("h3", "The same operations side by side"), render_charts(charts)])


def _overlay(operation: str, runs: Sequence[tuple[int, RunResult]]) -> Chart | None:
    """The curves of an operation in each of the runs that have it; None of one that only one has."""
    curves = [
        (f"{number}. {run.name}", each.histogram_ns)
        for number, run in runs
        for each in run.operations
        if each.name == operation and each.histogram_ns
    ]
    return percentile_chart(f"{operation}: percentiles of each run", curves) if len(curves) > 1 else None
