"""Throughput and latency over load: what was measured, the law with its band, and percentiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from perfcli import units
from perfcli.metrics.distribution import is_thin
from perfcli.report.blocks import Section
from perfcli.report.html.chart import COLOURS, Axis, Drawing, Trace, axis, duration_axis, line
from perfcli.report.scaling import scaling_document
from perfcli.usl.scaling_result import Law, LoadPoint, ScalingResult

_BAND: Final = "rgba(249,115,22,0.18)"
_HEADROOM: Final = 1.25


def scaling_article(result: ScalingResult) -> Iterator[Section]:
    """All that a console prints, with its charts behind the answer."""
    verdict, *others = scaling_document(result)
    yield verdict
    yield Section("throughput and latency", [chart.block for chart in scaling_charts(result)])
    yield from others


def scaling_charts(result: ScalingResult) -> Iterator[Drawing]:
    """Throughput with the law, and latency; none without a run."""
    if not result.points:
        return
    of, loads = result.of, [point.load for point in result.points]
    ticks = axis(of, tickvals=loads, ticktext=[units.format_count(load) for load in loads])
    yield _throughput(result, of, ticks)
    traces = [_percentile(statistic, result.points, of, index) for index, statistic in enumerate(("p50", "p95", "p99"))]
    note = "All blocks together. Hollow: too few samples."
    yield Drawing(f"Latency over {of}", note, traces, {"xaxis": ticks, "yaxis": duration_axis("latency", traces)})


def _throughput(result: ScalingResult, of: str, ticks: Axis) -> Drawing:
    law = list(_law(result.law, of)) if result.law else []
    dots = [
        (point.load, per_s, f"{point.load} {of}, block {block}: {units.format_rate(per_s)}")
        for point in result.points
        for block, per_s in enumerate(point.blocks_per_s, start=1)
    ]
    means = [
        (point.load, point.throughput_per_s, f"{point.load} {of}: {units.format_rate(point.throughput_per_s)}")
        for point in result.points
    ]
    traces = [
        *law,
        line("a block", dots, mode="markers", marker={"size": 5, "opacity": 0.5, "color": COLOURS[0]}),
        line("mean", means, mode="markers", marker={"size": 10, "symbol": "diamond", "color": COLOURS[0]}),
    ]
    # a band without bounds must not flatten what was measured
    highest = max(per_s for _, per_s, _ in dots)
    layout = {"xaxis": ticks, "yaxis": axis("operations/s", range=[0, _HEADROOM * highest])}
    return Drawing(f"Throughput over {of}", _note(result), traces, layout)


def _note(result: ScalingResult) -> str:
    if result.law is None:
        return "No law is fitted."
    fit = "" if result.law.holds else " The engine does not follow it."
    return f"The line is the Universal Scalability Law, fitted to the means, with its 95% band.{fit}"


def _law(law: Law, of: str) -> Iterator[Trace]:
    """The lower edge of the band, the upper one filled down to it, and the curve."""
    ends = [(at, lower, upper) for at, _, lower, upper in law.curve if upper is not None]
    edge = {"hoverinfo": "skip", "line": {"width": 0}}
    yield line("band", [(at, lower, "") for at, lower, _ in ends], 1, showlegend=False, **edge)
    yield line("95% band", [(at, upper, "") for at, _, upper in ends], 1, fill="tonexty", fillcolor=_BAND, **edge)
    yield line(
        "the law",
        [(at, fit, f"by the law {units.format_rate(fit)} at {at:.1f} {of}") for at, fit, _, _ in law.curve],
        1,
    )


def _percentile(statistic: str, points: list[LoadPoint], of: str, index: int) -> Trace:
    known = [(point, ns) for point in points if (ns := getattr(point, f"{statistic}_ns")) is not None]
    told = [
        (point.load, max(1.0, ns) / units.NS_PER_S, f"{statistic} {units.format_duration(ns)} at {point.load} {of}")
        for point, ns in known
    ]
    symbols = ["circle-open" if is_thin(statistic, point.ok) else "circle" for point, _ in known]
    return line(statistic, told, index, mode="lines+markers", marker={"size": 7, "symbol": symbols})
