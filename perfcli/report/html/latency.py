"""How long operations took: their distribution, and the curve of their percentiles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from perfcli import units
from perfcli.figures import percentile_of
from perfcli.metrics.distribution import LEAST_BEYOND, is_thin
from perfcli.metrics.histogram import Histogram
from perfcli.report.html.chart import COLOURS, Drawing, Limit, Trace, axis, duration_axis, judged_limits, label, line
from perfcli.report.operations import STATISTICS, is_open
from perfcli.results import TOTAL, OperationResult, PhaseResult, RunResult

_BINS_PER_DECADE: Final = 20
_STEPS_PER_NINE: Final = 12
_MARKED: Final = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
_OF_SUMMARY: Final = {name: field for name, field in STATISTICS.items() if name == "max" or percentile_of(name)}
_OVER_VUS: Final = ("p50", "p95", "p99")
_THIN_NOTE: Final = f"Dotted where fewer than {LEAST_BEYOND} samples lie beyond."

Point = tuple[float, float, str]


def latency_charts(result: RunResult) -> list[Drawing]:
    """Of each operation in one colour: which latencies are common, and which are seldom; and what more vus do."""
    measured = [operation for operation in result.operations if operation.histogram_ns]
    shares = [_distribution(operation, index) for index, operation in enumerate(measured)]
    return [
        Drawing(
            "Latency distribution",
            "Share of an operation's samples at each latency. Two humps mean two paths through the engine.",
            shares,
            {
                "xaxis": duration_axis("latency", shares, "x"),
                "yaxis": axis("share of samples", tickformat=".0%", rangemode="tozero"),
            },
        ),
        _percentiles(result, measured),
        _over_vus(result),
    ]


def _percentiles(result: RunResult, measured: Sequence[OperationResult]) -> Drawing:
    """The curves of the run's operations, with a triangle for each limit on a percentile of one of them."""
    latency_limits = [limit for limit in judged_limits(result, "latency") if _is_on_curve(limit)]
    curves = {operation.name: operation.histogram_ns for operation in measured}
    if len(measured) > 1 and any(not limit.operation for limit in latency_limits):
        curves[TOTAL] = dict(sum((Counter(each.histogram_ns) for each in measured), Counter()))
    of_all = measured[0].name if len(measured) == 1 else TOTAL
    marks = [
        limit.mark((_place(limit.statistic, sum(curves[judged].values())), _seconds(limit.result.limit)))
        for limit in latency_limits
        if (judged := limit.operation or of_all) in curves
    ]
    served, served_marks = _service_times(result)
    return percentile_chart("Percentiles", list(curves.items()), [*served, *marks, *served_marks])


def _is_on_curve(limit: Limit) -> bool:
    """Whether it judges one point of a curve of the whole run: a percentile or the maximum, without a window."""
    is_point = limit.statistic == "max" or percentile_of(limit.statistic) is not None
    return is_point and limit.phase is None and not limit.parsed.is_of_part


def _place(statistic: str, count: int) -> float:
    """Where a statistic stands on the axis of percentiles; a maximum at the end of its curve."""
    quantile = percentile_of(statistic)
    return _nines(min(1.0 if quantile is None else quantile, 1 - 1 / max(2, count)))


def _service_times(result: RunResult) -> tuple[list[Trace], list[Trace]]:
    """The service times that limits judge, at the percentiles that a result has, and the limits."""
    lines: dict[str, Trace] = {}
    marks = []
    for limit in judged_limits(result, "service_time"):
        operations = {each.name: each for each in result.operations} | {"": result.total}
        operation = operations.get(limit.operation)
        if operation is None or operation.service_time is None or not _is_on_curve(limit):
            continue
        if limit.statistic not in _OF_SUMMARY:
            continue
        name = f"{limit.operation or TOTAL}: service time"
        points = [
            (_place(statistic, operation.ok), _seconds(ns), f"{name} {statistic} {units.format_duration(ns)}")
            for statistic, field in _OF_SUMMARY.items()
            for ns in [getattr(operation.service_time, field)]
        ]
        lines[name] = line(
            name, points, len(result.operations) + 1 + len(lines), mode="lines+markers", line={"dash": "dash"}
        )
        marks.append(limit.mark((_place(limit.statistic, operation.ok), _seconds(limit.result.limit))))
    return list(lines.values()), marks


def _seconds(ns: float) -> float:
    return max(1.0, ns) / units.NS_PER_S


def _over_vus(result: RunResult) -> Drawing:
    """The percentiles of all operations of each phase over its vus; empty unless steady phases differ in their vus."""
    phases = sorted((phase for phase in result.phases if _is_steady(phase)), key=lambda phase: phase.vus)
    limits = [
        limit
        for limit in judged_limits(result, "latency")
        if limit.phase and not limit.operation and not limit.parsed.is_of_part and limit.statistic in STATISTICS
    ]
    shown = [each for each in STATISTICS if each in _OVER_VUS or any(limit.statistic == each for limit in limits)]
    title = "Latency over vus"
    vus = [phase.vus for phase in phases]
    is_family = len(set(vus)) == len(vus) > 1
    if not is_family or len({tuple(each.name for each in phase.operations) for phase in phases}) > 1:
        return Drawing(title, "", [], {})
    curves = [_over_vus_line(statistic, phases, index) for index, statistic in enumerate(shown)]
    traces = [
        *curves,
        *(limit.mark((limit.phase.vus, _seconds(limit.result.limit))) for limit in limits if limit.phase),
    ]
    ticks = axis("vus", type="log", tickvals=vus, ticktext=[units.format_count(each) for each in vus])
    note = "All operations of each phase. Hollow: too few samples."
    return Drawing(title, note, traces, {"xaxis": ticks, "yaxis": duration_axis("latency", traces)})


def _is_steady(phase: PhaseResult) -> bool:
    """Whether as many vus worked all the time, each as fast as the engine let it."""
    return phase.total.latency is not None and not is_open(phase) and len(phase.vus_line) < 2


def _over_vus_line(statistic: str, phases: Sequence[PhaseResult], index: int) -> Trace:
    points, symbols = [], []
    for phase in phases:
        assert phase.total.latency is not None
        ns = getattr(phase.total.latency, STATISTICS[statistic])
        points.append((phase.vus, _seconds(ns), f"{statistic} {units.format_duration(ns)} with {phase.vus} vus"))
        symbols.append("circle-open" if is_thin(statistic, phase.total.ok) else "circle")
    return line(statistic, points, index, mode="lines+markers", marker={"size": 7, "symbol": symbols})


def percentile_chart(
    title: str, curves: Sequence[tuple[str, Mapping[int, int]]], limits: Iterable[Trace] = ()
) -> Drawing:
    """One curve for each name and its histogram in ns."""
    drawn = [trace for index, (name, counts) in enumerate(curves) for trace in _curve(name, counts, index)]
    traces = [*drawn, *limits]
    nines = axis(
        "percentile",
        tickvals=[_nines(quantile) for quantile in _MARKED],
        ticktext=[f"{100 * quantile:g}" for quantile in _MARKED],
        fixedrange=True,
    )
    note = f"The latency that this percentage of samples did not exceed. The axis stretches towards 100%. {_THIN_NOTE}"
    return Drawing(title, note, traces, {"xaxis": nines, "yaxis": duration_axis("latency", traces)})


def _distribution(operation: OperationResult, index: int) -> Trace:
    return line(
        operation.name,
        _shares(operation),
        index,
        fill="tozeroy",
        fillcolor=_faint(COLOURS[index % len(COLOURS)]),
        line={"shape": "hv", "width": 1.5},
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def _shares(operation: OperationResult) -> Iterator[Point]:
    """The share of the samples in each bin of a twentieth of a decade, and 0 beyond the ends."""
    counts: dict[int, int] = {}
    for floor_ns, count in operation.histogram_ns.items():
        bin_ = math.floor(math.log10(max(1, floor_ns)) * _BINS_PER_DECADE)
        counts[bin_] = counts.get(bin_, 0) + count
    total = sum(counts.values())
    for bin_ in range(min(counts), max(counts) + 2):
        low_ns, high_ns = (10 ** (each / _BINS_PER_DECADE) for each in (bin_, bin_ + 1))
        share = counts.get(bin_, 0) / total
        span = f"{units.format_duration(low_ns)} to {units.format_duration(high_ns)}"
        yield low_ns / units.NS_PER_S, share, f"{operation.name}: {units.format_percentage(share)} took {span}"


def _nines(quantile: float) -> float:
    """Where a quantile stands on an axis that gives each further nine the same room."""
    return -math.log10(1 - quantile)


def _curve(name: str, counts: Mapping[int, int], index: int) -> list[Trace]:
    """The curve as far as samples bear it, and the rest of it dotted."""
    histogram = Histogram.from_counts(counts)
    if not histogram.count:
        return []
    borne = _nines(1 - min(LEAST_BEYOND / histogram.count, 1.0)) if histogram.count > LEAST_BEYOND else 0.0
    last = _nines(1 - 1 / histogram.count) if histogram.count > 1 else 0.0
    firm = [_point(name, histogram, at) for at in _steps(0.0, borne)]
    thin = [_point(name, histogram, at) for at in _steps(borne, last)]
    return [
        line(name, firm, index, legendgroup=label(name)),
        line(name, thin, index, legendgroup=label(name), showlegend=False, line={"dash": "dot", "width": 1.5}),
    ]


def _steps(first: float, last: float) -> list[float]:
    parts = max(1, math.ceil((last - first) * _STEPS_PER_NINE))
    return [first + (last - first) * part / parts for part in range(parts + 1)]


def _point(name: str, histogram: Histogram, nines: float) -> Point:
    quantile = 1 - 10**-nines
    latency_ns = histogram.percentile(quantile)
    return nines, _seconds(latency_ns), f"{name}: p{100 * quantile:.5g} {units.format_duration(latency_ns)}"
