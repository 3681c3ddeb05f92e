"""What the engine's process used over time: memory with its fitted slope, CPU, the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final

from perfcli import units
from perfcli.report.html.backdrop import backdrop
from perfcli.report.html.chart import Drawing, Trace, axis, in_view, judged_limits, line, size_axis, span_of
from perfcli.report.wording import share, signed
from perfcli.results import MonitorSample, RunResult

_MOST_POINTS: Final = 600
_CHANGE: Final = signed(units.format_size)
_SETTLING: Final = 0.3
_LEAST_SECONDS: Final = 5
_PARTS: Final = 20
_SHORTEST_S: Final = 0.1
_LEAST_BYTES: Final = 1_000

Readings = Sequence[MonitorSample]


def process_charts(result: RunResult) -> list[Drawing]:
    """Memory, CPU and database, as read from outside while the load ran."""
    ends_ns = result.duration_ns or 0
    readings = [each for each in result.monitor if 0 <= each.at_ns <= ends_ns]
    when = backdrop(result)
    return [
        _memory_chart(result, readings, when),
        _cpu_chart(result, readings, when),
        _disk_chart(result, readings, when),
    ]


def _memory_chart(result: RunResult, readings: Readings, when: dict[str, Any]) -> Drawing:
    drawn = list(_memory(result, readings))
    baseline, harness = result.memory.baseline_rss, result.memory.harness_rss
    offsets = {"memory.growth": 0}
    if baseline is not None and harness is not None:
        offsets["memory.peak"] = harness - baseline
    shown, beyond = _limits(result, drawn, offsets)
    note = "RSS and USS (unshared memory) since the load began. Dashed: the slope fitted to RSS over the operations."
    y_axis = size_axis("growth")
    if all(abs(value or 0) < _LEAST_BYTES for trace in [*drawn, *shown] for value in trace["y"]):
        # else marks would be thousandths of a byte
        y_axis["range"] = [-_LEAST_BYTES, _LEAST_BYTES]
    return Drawing("Memory growth over time", note + beyond, [*drawn, *shown], {**when, "yaxis": y_axis})


def _cpu_chart(result: RunResult, readings: Readings, when: dict[str, Any]) -> Drawing:
    duration_s = (result.duration_ns or 0) / units.NS_PER_S
    width_s = 1.0 if duration_s >= _LEAST_SECONDS else max(duration_s / _PARTS, _SHORTEST_S)
    means = list(_cpu(readings, width_s, duration_s))
    cpu = line("CPU", means, line={"shape": "hv"})
    shown, beyond = _limits(result, [cpu], {"cpu.mean": 0})
    stretch = units.format_duration(width_s * units.NS_PER_S)
    note = f"The mean of each {stretch}; 100% is one core, all engine processes together."
    axis_ = axis("CPU", tickformat=".0%", rangemode="tozero")
    return Drawing("CPU over time", note + beyond, [cpu, *shown], {**when, "yaxis": axis_})


def _cpu(readings: Readings, width_s: float, duration_s: float) -> Iterator[tuple[float, float, str]]:
    """The mean of each stretch of time, weighted by the time of each reading; the last point ends the last one."""
    used: dict[int, list[float]] = {}
    for before, each in pairwise(readings):
        if each.cpu is not None:
            sums = used.setdefault(int((before.at_ns + each.at_ns) / 2 / units.NS_PER_S / width_s), [0.0, 0.0])
            sums[0] += each.cpu * (each.at_ns - before.at_ns)
            sums[1] += each.at_ns - before.at_ns
    point = None
    for place, (cpu_ns, length_ns) in sorted(used.items()):
        if length_ns:
            at_s = place * width_s
            point = at_s, cpu_ns / length_ns, f"CPU {share(cpu_ns / length_ns)} from {at_s:.3g} s on"
            yield point
    if point is not None:
        yield min(duration_s, point[0] + width_s), *point[1:]


def _disk_chart(result: RunResult, readings: Readings, when: dict[str, Any]) -> Drawing:
    """Two axes, one above the other: a log of some megabytes would hide what the file does, or the other way."""
    shown = _thinned(readings, lambda each: each.database_bytes)
    database = _series("database", shown, lambda each: each.database_bytes, units.format_size)
    shown = _thinned(readings, lambda each: each.wal_bytes)
    wal = _series("WAL", shown, lambda each: each.wal_bytes, units.format_size, 1) | {"yaxis": "y2"}
    size_limits, size_beyond = _limits(result, [database], {"database.size": 0})
    wal_limits, wal_beyond = _limits(result, [wal], {"wal.max": 0})
    layout = {
        **when,
        "yaxis": size_axis("database") | {"rangemode": "tozero", "domain": [0.56, 1], "nticks": 4},
        "yaxis2": size_axis("WAL") | {"rangemode": "tozero", "domain": [0, 0.44], "nticks": 4},
    }
    layout["xaxis"] = {**layout["xaxis"], "anchor": "y2"}
    traces = [database, wal, *size_limits, *(each | {"yaxis": "y2"} for each in wal_limits)]
    note = "The database file, and below it the write-ahead log, each on its own axis."
    return Drawing("Database size over time", note + size_beyond + wal_beyond, traces, layout)


def _limits(result: RunResult, drawn: Sequence[Trace], offsets: dict[str, int]) -> tuple[list[Trace], str]:
    """The limits on these metrics; an offset leads from a metric to what is drawn."""
    pairs = [
        (limit, limit.line(limit.result.limit + offsets[limit.parsed.metric.name]))
        for limit in judged_limits(result, *offsets)
    ]
    return in_view(pairs, drawn)


def _thinned(readings: Readings, read: Callable[[MonitorSample], float | None]) -> Readings:
    """Where there are many readings, the lowest and the highest of each stretch: no peak gets lost."""
    known = [each for each in readings if read(each) is not None]
    width = -(-2 * len(known) // _MOST_POINTS)
    if width <= 2:
        return known
    kept = []
    for first in range(0, len(known), width):
        part = sorted(known[first : first + width], key=lambda each: read(each) or 0)
        kept += sorted({part[0].at_ns: part[0], part[-1].at_ns: part[-1]}.values(), key=lambda each: each.at_ns)
    return kept


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
        yield _series("RSS", _thinned(readings, lambda each: each.rss), lambda each: each.rss - rss, _CHANGE)
        yield from _fit(result, readings, rss)
    if uss is not None:
        seldom = _thinned(readings, lambda each: each.uss)
        unshared = _series("USS", seldom, lambda each: None if each.uss is None else each.uss - uss, _CHANGE, 1)
        yield unshared | {"mode": "lines+markers", "marker": {"size": 4}}  # it is read seldom: marks show when


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
    points = [(each.at_ns / units.NS_PER_S, intercept + slope * each.operations, told) for each in _ends(fitted)]
    yield line(f"slope {told}", points, 2, line={"dash": "dash", "width": 2.5})


def _ends(readings: Readings) -> Readings:
    """Evenly thinned, the last one kept."""
    return [*readings[: -1 : -(-len(readings) // _MOST_POINTS)], readings[-1]]


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
