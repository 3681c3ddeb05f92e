"""What happened when: latency and throughput, with phases behind them and limits across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from perfcli import units
from perfcli.report.html.chart import COLOURS, QUIET_COLOUR, Chart, Trace, axis, duration_axis, label, limit_line, line
from perfcli.report.html.limits import latency_limits, span_of, throughput_limits
from perfcli.results import RunResult, SecondOfLoad

_LEAST_SECONDS: Final = 5
_BINS: Final = 20
_SHADES: Final = ("rgba(128,138,148,0.16)", "rgba(128,138,148,0.05)")
_LEAST_SHARE: Final = 0.12
_LONGEST_LABEL: Final = 16
_SHORTEST_SECOND_NS: Final = units.NS_PER_S // 2

Point = tuple[float, float, str]


def load_charts(result: RunResult) -> list[Chart]:
    """Latency and throughput over the time of the measurement."""
    when = {"xaxis": time_axis(), **phases(result)}
    by_seconds = _has_seconds(result)
    of = "second: its median, dotted its p99" if by_seconds else "fortieth of the samples: its median"
    limits = [limit_line(each.expr, each.span_s, each.limit_s, each.colour) for each in latency_limits(result)]
    latencies = [*(_latency_by_second(result) if by_seconds else _latency_by_slice(result)), *limits]
    return [
        Chart(
            "Latency over time",
            f"Of each {of}. Level lines are thresholds.",
            latencies,
            {**when, "yaxis": duration_axis("latency", latencies)},
        ),
        Chart(
            "Throughput over time",
            "Operations a second that answered rightly; dashed what was due in open phases.",
            [
                _throughput(result, by_seconds=by_seconds),
                *_failures(result),
                *_offered(result),
                *throughput_limits(result),
            ],
            {**when, "yaxis": axis("operations/s", rangemode="tozero", tickformat="~s")},
        ),
    ]


def time_axis() -> dict[str, Any]:
    """Seconds since the measurement began."""
    return axis("seconds of load", ticksuffix="s")


def phases(result: RunResult) -> dict[str, Any]:
    """Of several phases: a shade behind each, with its name where there is room."""
    if len(result.phases) < 2:
        return {}
    spans = [(phase.name, *span_of(phase.name, result)) for phase in result.phases if phase.duration_ns is not None]
    whole = max((end for _, _, end in spans), default=0.0)
    shapes = [
        {
            "type": "rect",
            "layer": "below",
            "line": {"width": 0},
            "fillcolor": _SHADES[index % 2],
            "xref": "x",
            "x0": start,
            "x1": end,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
        }
        for index, (_, start, end) in enumerate(spans)
    ]
    titles = [
        {
            "text": label(name, _LONGEST_LABEL),
            "showarrow": False,
            "xref": "x",
            "x": start,
            "xanchor": "left",
            "yref": "paper",
            "y": 1,
            "yanchor": "bottom",
        }
        for name, start, end in spans
        if end - start >= _LEAST_SHARE * whole
    ]
    return {"shapes": shapes, "annotations": titles}


def _has_seconds(result: RunResult) -> bool:
    """Whether seconds tell more than slices do: there are several, and each knows its percentiles."""
    return len(result.seconds) >= _LEAST_SECONDS and any(map(any, result.seconds_by_operation.values()))


def _latency_by_second(result: RunResult) -> Iterator[Trace]:
    for index, (name, seconds) in enumerate(result.seconds_by_operation.items()):
        for statistic, style in (("p50", {}), ("p99", {"dash": "dot", "width": 1.2})):
            known = [(each, getattr(each, f"{statistic}_ns")) for each in seconds]
            points = [
                _at(each.second, ns, f"{name} {statistic} {units.format_duration(ns)}, second {each.second}")
                for each, ns in known
                if ns is not None
            ]
            yield line(name, points, index, legendgroup=label(name), showlegend=statistic == "p50", line=style)


def _latency_by_slice(result: RunResult) -> Iterator[Trace]:
    for index, (name, slices) in enumerate(result.slices.items()):
        yield line(
            name,
            [
                _at(
                    each.start_ns / units.NS_PER_S,
                    each.median_ns,
                    f"{name} p50 {units.format_duration(each.median_ns)} at {units.format_duration(each.start_ns)}",
                )
                for each in slices
            ],
            index,
            mode="lines+markers",
            marker={"size": 5},
        )


def _at(second: float, ns: float, told: str) -> Point:
    return second, max(1.0, ns) / units.NS_PER_S, told


def _throughput(result: RunResult, *, by_seconds: bool) -> Trace:
    rates = _rates_by_second(result) if by_seconds or not result.slices else _rates_by_slice(result)
    points = [(at, rate, f"{units.format_rate(rate)} at {at:.3g} s") for at, rate in rates]
    points += [(span_of("", result)[1], *points[-1][1:])] if points else []
    return line("ok", points, line={"shape": "hv"})


def _rates_by_second(result: RunResult) -> list[tuple[float, float]]:
    return [(float(each.second), each.ok * units.NS_PER_S / each.length_ns) for each in _whole_seconds(result)]


def _whole_seconds(result: RunResult) -> Sequence[SecondOfLoad]:
    """The seconds without a short rest at the end, whose rate would look like a collapse or a leap."""
    seconds = result.seconds
    return seconds[:-1] if len(seconds) > 1 and seconds[-1].length_ns < _SHORTEST_SECOND_NS else seconds


def _rates_by_slice(result: RunResult) -> list[tuple[float, float]]:
    """Of a load of few seconds: each slice's samples spread evenly up to the next slice, counted in twentieths."""
    if not result.duration_ns:
        return []
    width_ns = result.duration_ns / _BINS
    counts = [0.0] * _BINS
    for slices in result.slices.values():
        starts = (
            [*(each.start_ns for each in slices), max(result.duration_ns, slices[-1].start_ns + 1)] if slices else []
        )
        for each, (start, end) in zip(slices, pairwise(starts), strict=True):
            for index in range(_BINS):
                shared = min(end, (index + 1) * width_ns) - max(start, index * width_ns)
                counts[index] += each.count * max(0.0, shared) / max(1, end - start)
    return [
        (index * width_ns / units.NS_PER_S, count * units.NS_PER_S / width_ns) for index, count in enumerate(counts)
    ]


def _failures(result: RunResult) -> Iterator[Trace]:
    failed = [(each.second, each.failed * units.NS_PER_S / each.length_ns) for each in _whole_seconds(result)]
    if any(rate for _, rate in failed):
        points = [(at, rate, f"{units.format_rate(rate)} failed, second {at}") for at, rate in failed]
        yield line("failed", points, line={"shape": "hv", "color": COLOURS[4]})


def _offered(result: RunResult) -> Iterator[Trace]:
    """What was due in open phases, in iterations: operations are as many where an iteration is one."""
    for phase in result.phases:
        if not phase.offered_line or phase.began_ns is None:
            continue
        points = [
            (
                (phase.began_ns + at_ns) / units.NS_PER_S,
                per_s,
                f"{phase.name}: {units.format_rate(per_s)} iterations due at {units.format_duration(at_ns)}",
            )
            for at_ns, per_s in _until(phase.offered_line, phase.duration_ns)
        ]
        yield line(f"{phase.name}: offered", points, line={"color": QUIET_COLOUR, "dash": "dash", "width": 1.5})


def _until(slope: Sequence[tuple[int, float]], end_ns: int | None) -> Iterator[tuple[int, float]]:
    """A line as far as a load came that was cut short."""
    for (from_ns, from_per_s), (to_ns, to_per_s) in pairwise(slope):
        if end_ns is None or from_ns >= end_ns:
            return
        share = min(1.0, (end_ns - from_ns) / (to_ns - from_ns)) if to_ns > from_ns else 1.0
        yield from_ns, from_per_s
        yield round(from_ns + (to_ns - from_ns) * share), from_per_s + (to_per_s - from_per_s) * share
