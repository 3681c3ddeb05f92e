"""What happened when: latency, throughput, errors and vus, with phases and faults behind them and limits across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from perfcli import units
from perfcli.report.html.backdrop import backdrop
from perfcli.report.html.chart import (
    Drawing,
    Limit,
    Trace,
    axis,
    duration_axis,
    in_view,
    judged_limits,
    label,
    line,
    runs_alone,
)
from perfcli.report.html.rates import errors_chart, has_seconds, is_part, step_of, throughput_chart
from perfcli.results import TOTAL, LoadSlice, PhaseResult, RunResult, SecondOfLoad

_HARDLY: Final = 0.005
_OF_SECONDS: Final = {"p50": "solid", "p99": "dot", "p95": "dash", "mean": "dashdot", "max": "longdash"}
"""The statistics that a second knows, each with its dashes."""

_IN_WORDS: Final = {
    "solid": "solid",
    "dot": "dotted",
    "dash": "dashed",
    "dashdot": "dash-dotted",
    "longdash": "in long dashes",
}
_ALWAYS: Final = ("p50", "p99")
_OF_SLICES: Final = {"p50": "median_ns", "mean": "mean_ns"}
_PART: Final = "part of a second"

Point = tuple[float, float | None, str]


def load_charts(result: RunResult) -> list[Drawing]:
    """Latency, throughput, errors and vus over the time of the measurement."""
    when = backdrop(result)
    return [_latency(result, when), throughput_chart(result, when), errors_chart(result, when), _vus(result, when)]


def _latency(result: RunResult, when: dict[str, Any]) -> Drawing:
    by_seconds = has_seconds(result)
    limits = list(_drawable(result, by_seconds=by_seconds))
    if by_seconds:
        judged = [(limit.operation, limit.statistic) for limit in limits]
        drawn = list(_latency_by_second(result, judged))
        lines = ", ".join(f"{name} {_IN_WORDS[dash]}" for name, dash in _OF_SECONDS.items() if _is_drawn(name, judged))
        note = f"Each second: {lines}. A hollow mark is {_PART}."
    else:
        judged = [(_only(result, limit.operation), limit.statistic) for limit in limits]
        drawn = list(_latency_by_slice(result, judged))
        note = "The median of each fortieth of the samples."
    if any(fault.lasted_ns is not None for fault in result.faults):
        note += " Red: faults."
    pairs = [(limit, limit.line(max(1.0, limit.result.limit) / units.NS_PER_S)) for limit in limits]
    shown, beyond = in_view(pairs, drawn, log=True)
    traces = [*drawn, *shown]
    return Drawing("Latency over time", note + beyond, traces, {**when, "yaxis": duration_axis("latency", traces)})


def _is_drawn(statistic: str, judged: Sequence[tuple[str, str]]) -> bool:
    return statistic in _ALWAYS or any(each == statistic for _, each in judged)


def _drawable(result: RunResult, *, by_seconds: bool) -> Iterator[Limit]:
    """The limits on a latency that the chart has over time."""
    for limit in judged_limits(result, "latency"):
        parsed = limit.parsed
        if not runs_alone(limit, result) or parsed.span or (parsed.window and parsed.window.kind == "within"):
            continue
        operation = _only(result, limit.operation)
        if by_seconds:
            seconds = result.seconds_by_operation.get(limit.operation, []) if limit.operation else result.seconds
            known = limit.statistic in _OF_SECONDS and any(getattr(e, f"{limit.statistic}_ns") for e in seconds)
        else:
            known = limit.statistic in _OF_SLICES and operation in result.slices
        if known:
            yield limit


def _only(result: RunResult, operation: str) -> str:
    """The operation of a limit on all of them, if there is but one."""
    return operation or (next(iter(result.slices)) if len(result.slices) == 1 else "")


def _latency_by_second(result: RunResult, judged: Sequence[tuple[str, str]]) -> Iterator[Trace]:
    several = len(result.seconds_by_operation) > 1
    series = dict(result.seconds_by_operation)
    single = next(iter(series), "")
    wanted = [(operation if operation or several else single, statistic) for operation, statistic in judged]
    asked = {name: [each for each in _OF_SECONDS if each in _ALWAYS or (name, each) in wanted] for name in series}
    if several and (of_all := [each for each in _OF_SECONDS if ("", each) in wanted]):
        series[TOTAL], asked[TOTAL] = result.seconds, of_all
    for index, (name, seconds) in enumerate(series.items()):
        for place, statistic in enumerate(asked[name]):
            style = {"dash": _OF_SECONDS[statistic], "width": 2 if statistic == "p50" else 1.3}
            points = list(_unbroken(name, statistic, seconds))
            sizes = [0] * len(points)
            if points and is_part(seconds[-1], seconds):
                sizes[-1] = 8
            yield line(
                name,
                points,
                index,
                mode="lines+markers",
                legendgroup=label(name),
                showlegend=place == 0,
                line=style,
                marker={"size": sizes, "symbol": "circle-open"},
            )


def _unbroken(name: str, statistic: str, seconds: Sequence[SecondOfLoad]) -> Iterator[Point]:
    """A point for each second; none where no operation succeeded, so that the line has a gap there."""
    step = step_of(seconds)
    last_is_part = bool(seconds) and is_part(seconds[-1], seconds)
    before = None
    for each in seconds:
        ns = getattr(each, f"{statistic}_ns")
        if ns is None or (before is not None and each.second - before > step):
            yield (before or each.second) + 0.5 * step, None, ""
        if ns is not None:
            part = f", {_PART}" if last_is_part and each is seconds[-1] else ""
            yield _at(each.second, ns, f"{name} {statistic} {units.format_duration(ns)}, second {each.second}{part}")
        before = each.second


def _latency_by_slice(result: RunResult, judged: Sequence[tuple[str, str]]) -> Iterator[Trace]:
    for index, (name, slices) in enumerate(result.slices.items()):
        for statistic, field in _OF_SLICES.items():
            if statistic == "p50" or (name, statistic) in judged:
                yield line(
                    name if statistic == "p50" else f"{name} {statistic}",
                    _slice_points(name, statistic, field, slices),
                    index,
                    mode="lines+markers",
                    marker={"size": 5},
                    line={"dash": _OF_SECONDS[statistic], "width": 2 if statistic == "p50" else 1.3},
                )


def _slice_points(name: str, statistic: str, field: str, slices: Sequence[LoadSlice]) -> Iterator[Point]:
    for each in slices:
        ns, at = getattr(each, field), units.format_duration(each.start_ns)
        yield _at(each.start_ns / units.NS_PER_S, ns, f"{name} {statistic} {units.format_duration(ns)} at {at}")


def _at(second: float, ns: float, told: str) -> Point:
    return second, max(1.0, ns) / units.NS_PER_S, told


def _vus(result: RunResult, when: dict[str, Any]) -> Drawing:
    """Vus as planned, and how many operations were going on in the mean: by Little's law, time spent a second."""
    planned = _planned_vus(result.phases, result)
    going_on = []
    if has_seconds(result):
        seconds = result.seconds[: -1 if is_part(result.seconds[-1], result.seconds) else None]
        going_on = [
            (each.second, busy, f"{busy:.3g} operations in progress, second {each.second}")
            for each in seconds
            for busy in [each.ok * (each.mean_ns or 0.0) / each.length_ns]
        ]
    traces = [
        line("vus", planned, line={"shape": "hv"}),
        line("in progress", going_on, 1, line={"shape": "hv", "width": 1.5}),
    ]
    is_open = any(phase.offered_line for phase in result.phases)
    note = "Planned vus, and the mean number of operations in progress in each second, from their latencies."
    if is_open:
        note += " With an arrival rate, vus is the maximum, and operations in progress may be waiting for a vu."
    shown = traces if going_on or len({y for _, y, _ in planned}) > 1 else []
    return Drawing("Active vus", note, shown, {**when, "yaxis": axis("vus", rangemode="tozero")})


def _planned_vus(phases: Sequence[PhaseResult], result: RunResult) -> list[tuple[float, float, str]]:
    """All phases together; nothing if one of them does not know (results of older versions)."""
    changes: dict[float, int] = {}
    for phase in phases:
        if phase.began_ns is None or phase.duration_ns is None:
            continue
        if not phase.vus_line:
            return []
        before = 0
        lasts_ns = _until_next(phase.began_ns + phase.duration_ns, result) - phase.began_ns
        for at_ns, vus in [*(each for each in phase.vus_line if each[0] < phase.duration_ns), (lasts_ns, 0)]:
            at_s = (phase.began_ns + at_ns) / units.NS_PER_S
            changes[at_s] = changes.get(at_s, 0) + vus - before
            before = vus
    points, vus = [], 0
    for at_s in sorted(changes):
        vus += changes[at_s]
        points.append((at_s, float(vus), f"{vus} vus from {at_s:.3g} s on"))
    return points


def _until_next(ends_ns: int, result: RunResult) -> int:
    """When a phase ends, or when the next one begins if that is hardly later: no dip of a moment."""
    hardly_ns = (result.duration_ns or 0) * _HARDLY
    later = [each.began_ns for each in result.phases if each.began_ns and 0 <= each.began_ns - ends_ns <= hardly_ns]
    return min(later, default=ends_ns)
