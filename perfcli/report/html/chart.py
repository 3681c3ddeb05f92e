"""What plotly draws: charts with their axes, lines and limits, in plotly's own terms.

A limit is a threshold that was judged, drawn on the statistic that it judges and for as long as it held: a line of
long dashes and dots between two triangles, or a triangle alone; nothing else looks like that. A triangle points to the
side where values must lie.
"""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rich.text import Text

from perfcli import units
from perfcli.figures import counters_of
from perfcli.report.blocks import Chart
from perfcli.report.thresholds import describe
from perfcli.report.wording import one_line, without_surrogates
from perfcli.results import PhaseResult, RunResult, ThresholdResult
from perfcli.thresholds import Threshold, ThresholdError, parse_threshold

COLOURS: Final = ("#3b82f6", "#f97316", "#a855f7", "#0aa5c2", "#ec4899", "#8b6f47", "#6366f1", "#5f8a8b")
"""Of middle lightness, so that each can be seen on white and on black; green, red and amber are those of limits."""

DASHES: Final = ("solid", "dash", "longdash", "dashdot")
QUIET_COLOUR: Final = "#808a94"

_CLEAR: Final = "rgba(0,0,0,0)"
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
HEIGHT: Final = 320
TOP_MARGIN: Final = 22
"""Above the plot, in pixels; there stand the names of phases."""

_LONGEST_NAME: Final = 40
_LEAST_MARKS: Final = 3
_DIGITS: Final = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    tuple(digit / 10 for digit in range(10, 100)),
)
"""Within each power of ten, the fewest first."""

_ALMOST_ONE: Final = 1 - 1e-9
_TIME_UNITS: Final = ((1.0, " s"), (1e3, " ms"), (1e6, " µs"), (1e9, " ns"))

_LIMIT_COLOURS: Final = {"pass": "#1a9e4b", "fail": "#e02d3c", "miss": "#d08700"}
_UPPER: Final = ("<", "<=")
_LOWER: Final = (">", ">=")
_OF_DATA: Final = 3.0
_OF_DATA_ON_LOG: Final = 30.0

Trace = dict[str, Any]
Axis = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart in plotly's own terms.

    Args:
        note: one sentence on how to read it.
        traces: those without any point are left out; a chart without traces is not shown.
        layout: beyond what all charts share: at least `xaxis` and `yaxis`.
    """

    title: str
    note: str
    traces: Sequence[Trace]
    layout: dict[str, Any]

    @property
    def figure(self) -> dict[str, Any]:
        """What plotly takes."""
        return {"data": [trace for trace in self.traces if trace["x"]], "layout": _SHARED | self.layout}

    @property
    def block(self) -> Chart:
        """The block of a report."""
        return Chart(self.title, lambda: self.figure, Text(self.note))


_SHARED: Final = {
    "autosize": True,
    "height": HEIGHT,
    "margin": {"l": 8, "r": 12, "t": TOP_MARGIN, "b": 8},
    "paper_bgcolor": _CLEAR,
    "plot_bgcolor": _CLEAR,
    "font": {"family": _FONT, "size": 12},
    "hovermode": "closest",
    "showlegend": True,
    "legend": {"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0, "x": 0, "itemwidth": 30},
}


def label(text: str, longest: int = sys.maxsize) -> str:
    """A name for plotly, which would obey tags in it: on one line, cut where it is too long, and escaped."""
    shown = without_surrogates(one_line(text))
    return html.escape(shown if len(shown) <= longest else f"{shown[: longest - 1]}…", quote=False)


def line(name: str, points: Iterable[tuple[float | str, float | None, str]], index: int = 0, **more: Any) -> Trace:
    """A line through points, each with what is told of it; None for y interrupts it.

    Args:
        index: of the line within its chart: its colour, and its dashes beyond as many lines as there are colours.
    """
    drawn = list(points)
    style = {"color": COLOURS[index % len(COLOURS)], "width": 2, "dash": DASHES[index // len(COLOURS) % len(DASHES)]}
    trace: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": label(name, _LONGEST_NAME),
        "x": [x for x, _, _ in drawn],
        "y": [None if y is None else float(f"{y:.7g}") for _, y, _ in drawn],
        "text": [label(told) for _, _, told in drawn],
        "hovertemplate": "%{text}<extra></extra>",
        **more,
    }
    trace["line"] = style | more.get("line", {})
    return trace


def axis(title: str, **more: Any) -> Axis:
    """An axis with few, plain marks."""
    return {
        "title": {"text": label(title), "standoff": 6, "font": {"size": 12}},
        "automargin": True,
        "nticks": 7,
        "ticklabelstandoff": 4,
        "zeroline": False,
        **more,
    }


def duration_axis(title: str, traces: Iterable[Trace], side: Literal["x", "y"] = "y") -> Axis:
    """A logarithmic axis for the durations, in seconds, of traces; marks at round ones, few enough for a phone."""
    known = [value for trace in traces for value in trace[side] if value is not None and value > 0]
    marks = round_values(min(known, default=1e-6), max(known, default=1.0))
    texts = [units.format_number(mark * factor) + unit for mark in marks for factor, unit in [_unit_of(mark)]]
    return axis(title, type="log", tickvals=marks, ticktext=texts)


def round_values(low: float, high: float) -> list[float]:
    """Marks of a logarithmic axis: the powers of ten, with their doubles and fives where those are too few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in _DIGITS:
        marks = [digit * 10.0**power for power in powers for digit in digits]
        if len([mark for mark in marks if low <= mark <= high]) >= _LEAST_MARKS:
            break
    return marks


def _unit_of(seconds: float) -> tuple[float, str]:
    """What makes whole figures of it: 1e6 and µs."""
    return next((each for each in _TIME_UNITS if seconds * each[0] >= _ALMOST_ONE), _TIME_UNITS[-1])


def size_axis(title: str) -> Axis:
    """An axis of sizes in bytes."""
    return axis(title, tickformat="~s", ticksuffix="B")


Span = tuple[float, float]
"""From and to, in seconds since the measurement began."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold that was judged, in base units of its metric.

    Args:
        phase: that it judges; None: the whole run, or the only phase of it.
        span_s: the time it holds for.
    """

    result: ThresholdResult
    parsed: Threshold
    phase: PhaseResult | None
    span_s: Span

    @property
    def text(self) -> str:
        """As it is written, after the name of its phase."""
        return describe(self.result)

    @property
    def operation(self) -> str:
        """The operation that it judges; empty: all together."""
        return self.parsed.operation

    @property
    def statistic(self) -> str:
        """Of a distribution, e.g. p95."""
        return "p50" if self.parsed.statistic == "median" else self.parsed.statistic

    def line(self, value: float, **more: Any) -> Trace:
        """A level line over its time, at a value in the units of the axis."""
        points = [(at, value, self.text) for at in self.span_s]
        style = {"color": self._colour, "width": 1.5, "dash": "longdashdot"}
        return line(self.text, points, mode="lines+markers", line=style, marker=self._marker(9), **_LIMIT, **more)

    def mark(self, *places: tuple[float, float]) -> Trace:
        """A triangle at each place (x, y)."""
        points = [(x, y, self.text) for x, y in places]
        return line(self.text, points, mode="markers", marker=self._marker(12), **_LIMIT)

    @property
    def _colour(self) -> str:
        return _LIMIT_COLOURS[self.result.outcome]

    def _marker(self, size: int) -> dict[str, Any]:
        symbol = "triangle-down" if self.parsed.op in _UPPER else "triangle-up" if self.parsed.op in _LOWER else "x"
        return {"symbol": symbol, "size": size, "color": self._colour}


_LIMIT: Final[dict[str, Any]] = {"cliponaxis": False, "meta": "limit"}


def judged_limits(result: RunResult, *metrics: str) -> Iterator[Limit]:
    """The thresholds on these metrics that were judged."""
    for threshold in result.thresholds:
        if threshold.outcome not in _LIMIT_COLOURS or threshold.observed is None:
            continue
        try:
            parsed = parse_threshold(threshold.expr, counters_of(result))
        except ThresholdError:
            continue  # of a later version: its table shows it, as it stands
        if parsed.metric.name in metrics:
            several = len(result.phases) > 1
            phase = next((each for each in result.phases if several and each.name == threshold.phase), None)
            yield Limit(threshold, parsed, phase, span_of(phase.name if phase else "", result))


def runs_alone(limit: Limit, result: RunResult) -> bool:
    """Whether nothing beside its phase did what it judges: else a second holds samples that it does not judge."""
    if limit.phase is None:
        return True
    others = [
        phase
        for phase in result.phases
        if phase is not limit.phase
        and (not limit.operation or any(each.name == limit.operation for each in phase.operations))
    ]
    first_s, last_s = limit.span_s
    spans = [span_of(phase.name, result) for phase in others if phase.duration_ns is not None]
    return not any(begin_s < last_s and first_s < end_s for begin_s, end_s in spans)


def in_view(
    limits: Sequence[tuple[Limit, Trace]], drawn: Collection[Trace], *, log: bool = False
) -> tuple[list[Trace], str]:
    """The lines of limits that are near enough to the data to be drawn, and a sentence on the others."""
    values = [y for trace in drawn for y in trace["y"] if y is not None]
    most = max(values, default=0.0) * (_OF_DATA_ON_LOG if log else _OF_DATA)
    shown = [trace for _, trace in limits if trace["y"] and trace["y"][0] <= most]
    beyond = [limit.text for limit, trace in limits if trace["y"] and trace["y"][0] > most]
    return shown, f" Far above the chart: {', '.join(beyond)}." if beyond else ""


def span_of(phase_name: str, result: RunResult) -> Span:
    """When a phase ran; the whole run for no phase, or for one that never began."""
    for phase in result.phases:
        if phase.name == phase_name and phase.began_ns is not None and phase.duration_ns is not None:
            return phase.began_ns / units.NS_PER_S, (phase.began_ns + phase.duration_ns) / units.NS_PER_S
    return 0.0, (result.duration_ns or 0) / units.NS_PER_S
