"""How long operations took: their distribution, and the curve of their percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from perfcli import units
from perfcli.figures import percentile_of
from perfcli.metrics.histogram import Histogram
from perfcli.metrics.statistics import LEAST_BEYOND
from perfcli.report.html.chart import (
    COLOURS,
    Chart,
    Trace,
    axis,
    duration_axis,
    label,
    line,
)
from perfcli.report.html.limits import LatencyLimit, latency_limits
from perfcli.results import OperationResult, RunResult

_BINS_PER_DECADE: Final = 20
_STEPS_PER_NINE: Final = 12
_MARKED: Final = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
_THIN_NOTE: Final = f"Dotted where fewer than {LEAST_BEYOND} samples lie beyond."

Point = tuple[float, float, str]


def latency_charts(result: RunResult) -> list[Chart]:
    """Of each operation in one colour: which latencies are common, and which are seldom."""
    measured = [operation for operation in result.operations if operation.histogram_ns]
    curves = [(operation.name, operation.histogram_ns) for operation in measured]
    shares = [_distribution(operation, index) for index, operation in enumerate(measured)]
    return [
        Chart(
            "Latency distribution",
            "The share of an operation's samples at each latency; two humps are two ways through the engine.",
            shares,
            {
                "xaxis": duration_axis("latency", shares, "x"),
                "yaxis": axis("share of samples", tickformat=".0%", rangemode="tozero"),
            },
        ),
        percentile_chart("Percentiles", curves, _marks(each for each in latency_limits(result) if each.of_all)),
    ]


def percentile_chart(
    title: str, curves: Sequence[tuple[str, Mapping[int, int]]], limits: Iterable[Trace] = ()
) -> Chart:
    """One curve for each name and its histogram in ns."""
    drawn = [trace for index, (name, counts) in enumerate(curves) for trace in _curve(name, counts, index)]
    traces = [*drawn, *limits]
    nines = axis(
        "percentile",
        tickvals=[_nines(quantile) for quantile in _MARKED],
        ticktext=[f"{100 * quantile:g}" for quantile in _MARKED],
        fixedrange=True,
    )
    note = f"So many percent of the samples took no longer; each nine has the same room. {_THIN_NOTE}"
    return Chart(title, note, traces, {"xaxis": nines, "yaxis": duration_axis("latency", traces)})


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
    return (
        nines,
        max(1.0, latency_ns) / units.NS_PER_S,
        f"{name}: p{100 * quantile:.5g} {units.format_duration(latency_ns)}",
    )


def _marks(limits: Iterable[LatencyLimit]) -> Iterator[Trace]:
    """A mark where the curve of a percentile must not be above it."""
    for limit in limits:
        quantile = percentile_of(limit.statistic)
        if quantile is not None and quantile < 1:
            yield line(
                limit.expr,
                [(_nines(quantile), limit.limit_s, limit.expr)],
                mode="markers",
                marker={"symbol": "triangle-down", "size": 11, "color": limit.colour},
            )
