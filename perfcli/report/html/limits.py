"""Thresholds in charts: only those that were judged, each on the statistic it judges, for as long as it held.

A limit is a line of long dashes and dots between two triangles, or a triangle alone; nothing else looks like that.
A triangle points to the side where values must lie.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from perfcli import units
from perfcli.report.html.chart import Trace, line
from perfcli.report.thresholds import describe
from perfcli.results import PhaseResult, RunResult, ThresholdResult
from perfcli.thresholds import Threshold, ThresholdError, parse_threshold

_COLOURS: Final = {"pass": "#1a9e4b", "fail": "#e02d3c", "miss": "#d08700"}
_UPPER: Final = ("<", "<=")
_LOWER: Final = (">", ">=")
_OF_DATA: Final = 3.0
_OF_DATA_ON_LOG: Final = 30.0

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
        return _COLOURS[self.result.outcome]

    def _marker(self, size: int) -> dict[str, Any]:
        symbol = "triangle-down" if self.parsed.op in _UPPER else "triangle-up" if self.parsed.op in _LOWER else "x"
        return {"symbol": symbol, "size": size, "color": self._colour}


_LIMIT: Final[dict[str, Any]] = {"cliponaxis": False, "meta": "limit"}


def judged_limits(result: RunResult, *metrics: str) -> Iterator[Limit]:
    """The thresholds on these metrics that were judged."""
    for threshold in result.thresholds:
        if threshold.outcome not in _COLOURS or threshold.observed is None:
            continue
        try:
            parsed = parse_threshold(threshold.expr)
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
