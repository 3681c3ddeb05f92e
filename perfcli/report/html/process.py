"""What the engine's process used over time: memory with its fitted slope, CPU, the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any, Final

from perfcli import units
from perfcli.report.figures import share, signed
from perfcli.report.html.chart import Chart, Trace, axis, line, size_axis
from perfcli.report.html.limits import span_of
from perfcli.report.html.over_time import phases, time_axis
from perfcli.results import MonitorSample, RunResult

_MOST_POINTS: Final = 600
_CHANGE: Final = signed(units.format_size)
_SETTLING: Final = 0.3

Readings = Sequence[MonitorSample]


def process_charts(result: RunResult) -> list[Chart]:
    """Memory, CPU and database, as read from outside while the load ran."""
    readings = _while_measured(result)
    when: dict[str, Any] = {"xaxis": time_axis(), **phases(result)}
    return [
        Chart(
            "Memory growth over time",
            "Since the load began: RSS, and USS, which no other process shares. Dashed the slope fitted to RSS "
            "over the operations.",
            list(_memory(result, readings)),
            {**when, "yaxis": size_axis("growth")},
        ),
        Chart(
            "CPU over time",
            "100 % is one core, all engine processes together.",
            [_series("CPU", readings, lambda each: each.cpu, share)],
            {**when, "yaxis": axis("CPU", tickformat=".0%", rangemode="tozero")},
        ),
        Chart(
            "Database size over time",
            "The file, and the write-ahead log beside it.",
            [
                _series("database", readings, lambda each: each.database_bytes, units.format_size),
                _series("WAL", readings, lambda each: each.wal_bytes, units.format_size, 1),
            ],
            {**when, "yaxis": size_axis("size") | {"rangemode": "tozero"}},
        ),
    ]


def _while_measured(result: RunResult) -> Readings:
    """The readings of the measurement, thinned evenly where there are many."""
    ends_ns = result.duration_ns or 0
    within = [each for each in result.monitor if 0 <= each.at_ns <= ends_ns]
    return within[:: -(-len(within) // _MOST_POINTS) or 1]


def _series(
    name: str,
    readings: Readings,
    read: Callable[[MonitorSample], float | None],
    write: Callable[[float], str],
    index: int = 0,
) -> Trace:
    known = [(each.at_ns / units.NS_PER_S, value) for each in readings if (value := read(each)) is not None]
    return line(name, [(at, value, f"{name} {write(value)} at {at:.3g} s") for at, value in known], index)


def _memory(result: RunResult, readings: Readings) -> Iterator[Trace]:
    memory = result.memory
    rss, uss = (memory.baseline_rss, memory.baseline_uss)
    if rss is not None:
        yield _series("RSS", readings, lambda each: each.rss - rss, _CHANGE)
        yield from _fit(result, readings, rss)
    if uss is not None:
        unshared = _series("USS", readings, lambda each: None if each.uss is None else each.uss - uss, _CHANGE, 1)
        yield unshared | {"mode": "lines+markers"}  # it is read seldom: marks show when


def _fit(result: RunResult, readings: Readings, baseline: int) -> Iterator[Trace]:
    """The slope through the median of what it leaves: memory as the operations alone would make it grow.

    The intercept is that of W. J. Conover, Practical Nonparametric Statistics, 1980: the median residual.
    """
    leak = result.memory.leak
    slope = leak.slope if leak else result.memory.slope_bytes_per_operation
    fitted = _settled(_of_longest_phase(result, readings)) if leak else readings
    if slope is None or len(fitted) < 2:
        return
    intercept = median(each.rss - baseline - slope * each.operations for each in fitted)
    told = signed(units.format_size_per_operation)(slope)
    if leak:
        told += f", at least {units.format_size_per_operation(leak.lower_bound)}"
    points = [(each.at_ns / units.NS_PER_S, intercept + slope * each.operations, told) for each in fitted]
    yield line(f"slope {told}", points, 4, line={"dash": "dash", "width": 2.5})


def _of_longest_phase(result: RunResult, readings: Readings) -> Readings:
    """Those that the rule for leaks was applied to (docs/methodology.md)."""
    longest = max(result.phases, key=lambda phase: phase.duration_ns or 0, default=None)
    if longest is None:
        return readings
    first_s, last_s = span_of(longest.name, result)
    return [each for each in readings if first_s <= each.at_ns / units.NS_PER_S <= last_s]


def _settled(readings: Readings) -> Readings:
    """Without the first 30 % of the operations, which that rule drops."""
    if not readings:
        return []
    first, last = readings[0].operations, readings[-1].operations
    return [each for each in readings if each.operations >= first + _SETTLING * (last - first)]
