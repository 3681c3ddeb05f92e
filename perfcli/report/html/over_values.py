"""Charts over a load, with the law of scaling, and over the values of a swept key: rate, latency, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from perfcli import units
from perfcli.errors import ExitCode
from perfcli.metrics.distribution import is_thin
from perfcli.report.blocks import Section
from perfcli.report.html.chart import COLOURS, Axis, Drawing, Trace, axis, duration_axis, label, line, size_axis
from perfcli.report.scaling import scaling_document
from perfcli.report.summary import STATISTICS, SweptRuns, are_numbers
from perfcli.results import RunResult, Variation, value_text, variation_text
from perfcli.usl.scaling_result import Law, LoadPoint, ScalingResult

_LOG_FROM: Final = 20
"""From this ratio of the largest value to the smallest on, the axis of values is logarithmic."""

_MARKERS: Final = ("x", "circle")
_NOTE: Final = "One point per variation; a cross marks a variation that did not pass."
_BAND: Final = "rgba(249,115,22,0.18)"
_HEADROOM: Final = 1.25


class _Line(NamedTuple):
    """The runs that share the values of all keys but that of the axis."""

    name: str
    runs: Sequence[RunResult]


def sweep_charts(sweep: SweptRuns) -> Iterator[Drawing]:
    """Charts over the key with the most numbers, else with the most values; none if no key has two values."""
    variations = [run.variation for run in sweep.runs]
    key = key_of_axis(variations)
    if len({value_text(each[key]) for each in variations}) < 2:
        return
    lines, x_axis = _lines(sweep, key), axis_of_values(variations, key)
    yield _latency_chart(key, lines, x_axis)
    yield _chart(
        f"Rate by {key}", key, lines, _rate, {"xaxis": x_axis, "yaxis": axis("operations/s", rangemode="tozero")}
    )
    yield _chart(f"Peak memory by {key}", key, lines, _peak, {"xaxis": x_axis, "yaxis": size_axis("peak RSS")})


def key_of_axis(variations: Sequence[Variation]) -> str:
    """The key with the most numbers, else with the most values."""

    def rank(key: str) -> tuple[bool, int]:
        distinct = len({value_text(each[key]) for each in variations})
        return are_numbers(each[key] for each in variations) and distinct > 1, distinct

    return max(variations[0], key=rank)


def _lines(sweep: SweptRuns, key: str) -> list[_Line]:
    groups: dict[str, list[RunResult]] = {}
    for run in sweep.runs:
        others = {name: value for name, value in run.variation.items() if name != key}
        groups.setdefault(variation_text(others), []).append(run)
    if are_numbers(run.variation[key] for run in sweep.runs):
        for runs in groups.values():
            runs.sort(key=lambda run: float(run.variation[key]))
    return [_Line(name, runs) for name, runs in groups.items()]


def axis_of_values(variations: Sequence[Variation], key: str) -> Axis:
    """The axis of a swept key: of numbers, else of categories in their order."""
    if not are_numbers(each[key] for each in variations):
        ordered = dict.fromkeys(label(value_text(each[key])) for each in variations)
        return axis(key, type="category", categoryorder="array", categoryarray=list(ordered))
    values = sorted({float(each[key]) for each in variations})
    is_log = values[0] > 0 and values[-1] >= _LOG_FROM * values[0]
    texts = [units.format_number(value) for value in values]
    return axis(key, type="log" if is_log else "linear", tickvals=values, ticktext=texts)


def _latency_chart(key: str, lines: Sequence[_Line], x_axis: Axis) -> Drawing:
    """All percentiles of a single line, the p95 of several."""
    shown = STATISTICS if len(lines) == 1 else ("p95",)
    traces = [
        _trace(each.name if len(lines) > 1 else statistic, key, each.runs, _latency(statistic), index)
        for index, (each, statistic) in enumerate((each, statistic) for each in lines for statistic in shown)
    ]
    what = "Latency" if len(lines) == 1 else "p95 of the latency"
    layout = {"xaxis": x_axis, "yaxis": duration_axis("latency", traces)}
    return Drawing(f"{what} by {key}", f"Of all operations together. {_NOTE}", traces, layout)


Value = Callable[[RunResult], tuple[float | None, str]]
"""What is drawn of a run, and how it is written."""


def _chart(title: str, key: str, lines: Sequence[_Line], value: Value, layout: dict[str, Any]) -> Drawing:
    traces = [_trace(each.name, key, each.runs, value, index) for index, each in enumerate(lines)]
    return Drawing(title, _NOTE, traces, layout | {"showlegend": len(lines) > 1})


def _trace(name: str, key: str, runs: Sequence[RunResult], value: Value, index: int) -> Trace:
    points = [
        (place_of(run.variation[key]), y, f"{variation_text(run.variation)}: {written}")
        for run in runs
        for y, written in [value(run)]
    ]
    marker = {"symbol": [_MARKERS[run.exit_code == ExitCode.PASS] for run in runs], "size": 9}
    return line(name, points, index, mode="lines+markers", marker=marker, cliponaxis=False)


def place_of(value: str | int | float | bool) -> float | str:
    """Where a value stands on its axis: a number; else the name of a category."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else label(value_text(value))


def _latency(statistic: str) -> Value:
    def value(run: RunResult) -> tuple[float | None, str]:
        latency_ns = getattr(run.total.latency, f"{statistic}_ns", None)
        if latency_ns is None:
            return None, f"no {statistic}"
        return latency_ns / units.NS_PER_S, f"{statistic} {units.format_duration(latency_ns)}"

    return value


def _rate(run: RunResult) -> tuple[float | None, str]:
    rate = run.total.throughput_per_s if run.duration_ns else None
    return rate, "no rate" if rate is None else units.format_rate(rate)


def _peak(run: RunResult) -> tuple[float | None, str]:
    peak = run.memory.peak
    return peak, "no reading of memory" if peak is None else units.format_size(peak)


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
    traces = [_over_load(statistic, result.points, of, index) for index, statistic in enumerate(("p50", "p95", "p99"))]
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


def _over_load(statistic: str, points: list[LoadPoint], of: str, index: int) -> Trace:
    known = [(point, ns) for point in points if (ns := getattr(point, f"{statistic}_ns")) is not None]
    told = [
        (point.load, max(1.0, ns) / units.NS_PER_S, f"{statistic} {units.format_duration(ns)} at {point.load} {of}")
        for point, ns in known
    ]
    symbols = ["circle-open" if is_thin(statistic, point.ok) else "circle" for point, _ in known]
    return line(statistic, told, index, mode="lines+markers", marker={"size": 7, "symbol": symbols})
