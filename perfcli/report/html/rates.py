"""How much a second: throughput by operation, and failures, with the limits on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from perfcli import units
from perfcli.report.html.chart import (
    QUIET_COLOUR,
    Drawing,
    Limit,
    Trace,
    axis,
    in_view,
    judged_limits,
    line,
    runs_alone,
    span_of,
)
from perfcli.results import TOTAL, RunResult, SecondOfLoad

_LEAST_SECONDS: Final = 5
_BINS: Final = 20
_SHORTEST_PART: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Second:
    """A second of counts; the short rest at the end of a load belongs to the one before."""

    start_s: float
    length_s: float
    ok: int = 0
    failed: int = 0
    is_part: bool = False

    @property
    def words(self) -> str:
        return f"second {self.start_s:g}" + (f" ({self.length_s:.3g} s of it)" if self.is_part else "")


def has_seconds(result: RunResult) -> bool:
    """Whether seconds tell more than slices do: there are several, and each knows its percentiles."""
    return len(result.seconds) >= _LEAST_SECONDS and any(map(any, result.seconds_by_operation.values()))


def step_of(seconds: Sequence[SecondOfLoad]) -> float:
    """How far apart seconds of load are: more than one in a load of hours."""
    return max(1.0, -(-max((each.length_ns for each in seconds), default=0) // units.NS_PER_S))


def is_part(each: SecondOfLoad, seconds: Sequence[SecondOfLoad]) -> bool:
    """Whether it is shorter than the others are."""
    return each.length_ns < max(units.NS_PER_S, *(other.length_ns for other in seconds))


def throughput_chart(result: RunResult, when: dict[str, Any]) -> Drawing:
    """Operations a second that succeeded, each and all of them, and what was due."""
    names = list(result.seconds_by_operation) or list(result.slices)
    by_operation = [
        trace for index, name in enumerate(names) if (trace := _rate(result, name, index)) and len(names) > 1
    ]
    total = _rate(result, "", 0 if len(names) < 2 else len(names))
    drawn = [*by_operation, *([total] if total else []), *_rolled_rates(result)]
    offered = list(_offered(result))
    pairs = [
        (limit, limit.line(limit.result.limit))
        for limit in judged_limits(result, "throughput")
        if runs_alone(limit, result)
    ]
    shown, beyond = in_view(pairs, [*drawn, *offered])
    open_note = " Dashed: iterations that were due." if offered else ""
    return Drawing(
        "Throughput over time",
        f"Successful operations a second.{open_note}{beyond}",
        [*drawn, *offered, *shown],
        {**when, "yaxis": axis("operations/s", rangemode="tozero", tickformat="~s")},
    )


def _rate(result: RunResult, operation: str, index: int) -> Trace:
    name = operation or (TOTAL if len(result.seconds_by_operation or result.slices) > 1 else "throughput")
    if has_seconds(result) or not result.slices:
        seconds = _whole_seconds(result, operation)
        return _steps(name, [(each, each.ok / each.length_s) for each in seconds], index, units.format_rate)
    rates = _rates_by_slice(result, [operation] if operation else list(result.slices))
    points = [(at, rate, f"{name}: {units.format_rate(rate)} at {at:.3g} s") for at, rate in rates]
    points += [(span_of("", result)[1], *points[-1][1:])] if points else []
    return line(name, points, index, line={"shape": "hv"})


def _steps(name: str, rates: Sequence[tuple[_Second, float]], index: int, write: Any, **more: Any) -> Trace:
    """A level for each second; what is no whole second has a hollow mark."""
    points = [(each.start_s, rate, f"{name}: {write(rate)}, {each.words}") for each, rate in rates]
    sizes = [8 if each.is_part else 0 for each, _ in rates]
    if rates:
        last, rate = rates[-1]
        points.append((last.start_s + last.length_s, rate, points[-1][2]))
        sizes.append(0)
    style = {"shape": "hv", **more.pop("line", {})}
    marker = {"size": sizes, "symbol": "circle-open"}
    return line(name, points, index, mode="lines+markers", line=style, marker=marker, **more)


def _whole_seconds(result: RunResult, operation: str = "") -> list[_Second]:
    """Every second of the load, those without any operation too.

    A rest of less than half a second counts with the second before: its own rate would look like a collapse or a leap.
    """
    if not result.seconds:
        return []
    step = step_of(result.seconds)
    counted = result.seconds_by_operation.get(operation, []) if operation else result.seconds
    by_start = {each.second: each for each in counted}
    ends_s = span_of("", result)[1] or result.seconds[-1].second + result.seconds[-1].length_ns / units.NS_PER_S
    starts = {each.second for each in result.seconds}
    starts |= set(range(0, result.seconds[-1].second, round(step))) if step == 1 else set()
    seconds = []
    for start, following in pairwise([*sorted(starts), ends_s]):
        length_s = following - start
        each = by_start.get(int(start))
        ok, failed = (each.ok, each.failed) if each else (0, 0)
        seconds.append(_Second(float(start), max(1e-9, length_s), ok, failed, is_part=length_s < step))
    *before, last = seconds
    if before and last.length_s < _SHORTEST_PART * step:
        whole = before[-1]
        both = _Second(
            whole.start_s, whole.length_s + last.length_s, whole.ok + last.ok, whole.failed + last.failed, is_part=True
        )
        return [*before[:-1], both]
    return seconds


def _rolled_rates(result: RunResult) -> Iterator[Trace]:
    """The rate over each window that a limit judges, drawn at its end."""
    for limit in judged_limits(result, "throughput"):
        window = limit.parsed.window
        if window is None or window.kind != "within" or not runs_alone(limit, result) or not has_seconds(result):
            continue
        first_s, last_s = limit.span_s
        inside = [e for e in _whole_seconds(result, limit.operation) if first_s <= e.start_s < last_s]
        width = max(1, round(window.length_ns / units.NS_PER_S / step_of(result.seconds)))
        name = f"{limit.operation or 'throughput'} over {units.format_duration(window.length_ns)}"
        points = []
        for end in range(width, len(inside) + 1):
            part = inside[end - width : end]
            rate = sum(each.ok for each in part) / sum(each.length_s for each in part)
            ends_s = part[-1].start_s + part[-1].length_s
            points.append((ends_s, rate, f"{name}: {units.format_rate(rate)} up to {ends_s:.3g} s"))
        yield line(name, points, 5, line={"dash": "dot", "width": 2})


def _rates_by_slice(result: RunResult, operations: Sequence[str]) -> list[tuple[float, float]]:
    """Of a load of few seconds: each slice's samples spread evenly up to the next slice, counted in twentieths."""
    if not result.duration_ns:
        return []
    width_ns = result.duration_ns / _BINS
    counts = [0.0] * _BINS
    for slices in map(result.slices.__getitem__, operations):
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


def errors_chart(result: RunResult, when: dict[str, Any]) -> Drawing:
    """Failures a second of each operation that has any, and the rates that are judged; empty without a failure."""
    names = [name for name, seconds in result.seconds_by_operation.items() if any(each.failed for each in seconds)]
    if not any(each.failed for each in result.seconds):
        return Drawing("Errors over time", "", [], {})
    traces = [
        _steps(name or "failed", [(e, e.failed / e.length_s) for e in _whole_seconds(result, name)], index, _per_s)
        for index, name in enumerate(names or [""])
    ]
    layout: dict[str, Any] = {**when, "yaxis": axis("errors/s", rangemode="tozero")}
    limits = [each for each in judged_limits(result, "error_rate", "success_rate") if runs_alone(each, result)]
    note = "Failed operations a second."
    if limits:
        traces += _judged_shares(result, limits, first=len(traces))
        note += " Below, dashed: the judged shares."
        layout["yaxis"] |= {"domain": [0.56, 1], "nticks": 4}
        layout["yaxis2"] = axis("share", tickformat="~%", domain=[0, 0.44], nticks=4)
        layout["xaxis"] = {**layout["xaxis"], "anchor": "y2"}
    return Drawing("Errors over time", note, traces, layout)


def _per_s(rate: float) -> str:
    return f"{rate:.3g} failed/s"


def _judged_shares(result: RunResult, limits: Sequence[Limit], *, first: int) -> Iterator[Trace]:
    drawn = dict.fromkeys((each.operation, each.parsed.metric.name) for each in limits)
    for index, (operation, metric) in enumerate(drawn, start=first):
        shares = [
            (each, (each.failed if metric == "error_rate" else each.ok) / (each.ok + each.failed))
            for each in _whole_seconds(result, operation)
            if each.ok + each.failed
        ]
        name = f"{operation} {metric}".strip().replace("_rate", " rate")
        yield _steps(name, shares, index, units.format_percentage, yaxis="y2", line={"dash": "dash", "width": 1.5})
    yield from (each.line(each.result.limit, yaxis="y2") for each in limits)


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
