"""Thresholds as lines and marks in charts: limits on latency and on throughput, with the time they hold for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from perfcli import units
from perfcli.report.html.chart import BAD_COLOUR, GOOD_COLOUR, QUIET_COLOUR, Trace, limit_line
from perfcli.report.thresholds import describe
from perfcli.results import RunResult, ThresholdResult
from perfcli.thresholds import Threshold, ThresholdError, parse_threshold

Span = tuple[float, float]
"""From and to, in seconds since the measurement began."""


@dataclass(frozen=True, slots=True)
class LatencyLimit:
    """A threshold on latency.

    Args:
        statistic: it judges, such as p95.
        colour: what it is drawn in; red if it does not hold.
        span_s: the time of the phase it judges, or of the whole run.
        of_all: whether it judges all samples of the run, and not those of one phase of several.
    """

    expr: str
    statistic: str
    limit_s: float
    colour: str
    span_s: Span
    of_all: bool


def latency_limits(result: RunResult) -> Iterator[LatencyLimit]:
    """The thresholds on latency, each with its span."""
    for threshold, parsed in _on("latency", result):
        yield LatencyLimit(
            describe(threshold),
            parsed.statistic or "",
            threshold.limit / units.NS_PER_S,
            _colour(threshold),
            span_of(threshold.phase, result),
            of_all=not threshold.phase or len(result.phases) == 1,
        )


def throughput_limits(result: RunResult) -> Iterator[Trace]:
    """The thresholds on the throughput of all operations, as lines."""
    for threshold, parsed in _on("throughput", result):
        if not parsed.operation:
            span = span_of(threshold.phase, result)
            yield limit_line(describe(threshold), span, threshold.limit, _colour(threshold))


def span_of(phase_name: str, result: RunResult) -> Span:
    """When a phase ran; the whole run for no phase, or for one that never began."""
    for phase in result.phases:
        if phase.name == phase_name and phase.began_ns is not None and phase.duration_ns is not None:
            return phase.began_ns / units.NS_PER_S, (phase.began_ns + phase.duration_ns) / units.NS_PER_S
    return 0.0, (result.duration_ns or 0) / units.NS_PER_S


def _colour(threshold: ThresholdResult) -> str:
    if not threshold.judged:
        return QUIET_COLOUR
    return GOOD_COLOUR if threshold.passed else BAD_COLOUR


def _on(metric: str, result: RunResult) -> Iterator[tuple[ThresholdResult, Threshold]]:
    for threshold in result.thresholds:
        try:
            parsed = parse_threshold(threshold.expr)
        except ThresholdError:
            continue  # of a later version: its table tells it, as it stands
        if parsed.metric.name == metric:
            yield threshold, parsed
