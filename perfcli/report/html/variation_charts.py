"""The variations of a sweep side by side: latency, rate and memory over the values of a swept key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from perfcli import units
from perfcli.errors import ExitCode
from perfcli.report.html.chart import Axis, Drawing, Trace, axis, duration_axis, label, line, size_axis
from perfcli.report.summary import STATISTICS, SweptRuns, are_numbers
from perfcli.results import RunResult, Variation, value_text, variation_text

_LOG_FROM: Final = 20
"""From this ratio of the largest value to the smallest on, the axis of values is logarithmic."""

_MARKERS: Final = ("x", "circle")
_NOTE: Final = "One point per variation; a cross marks a variation that did not pass."


class _Line(NamedTuple):
    """The runs that share the values of all keys but that of the axis."""

    name: str
    runs: Sequence[RunResult]


def sweep_charts(sweep: SweptRuns) -> Iterator[Drawing]:
    """Charts over the key with the most numbers, else with the most values; none if no key has two values."""
    variations = [run.variation for run in sweep.runs]
    key = key_of_axis(variations)
    if len({value_text(each[key]) for each in variations}) < 2:
        return
    lines, x_axis = _lines(sweep, key), axis_of_values(variations, key)
    yield _latency_chart(key, lines, x_axis)
    yield _chart(
        f"Rate by {key}", key, lines, _rate, {"xaxis": x_axis, "yaxis": axis("operations/s", rangemode="tozero")}
    )
    yield _chart(f"Peak memory by {key}", key, lines, _peak, {"xaxis": x_axis, "yaxis": size_axis("peak RSS")})


def key_of_axis(variations: Sequence[Variation]) -> str:
    """The key with the most numbers, else with the most values."""

    def rank(key: str) -> tuple[bool, int]:
        distinct = len({value_text(each[key]) for each in variations})
        return are_numbers(each[key] for each in variations) and distinct > 1, distinct

    return max(variations[0], key=rank)


def _lines(sweep: SweptRuns, key: str) -> list[_Line]:
    groups: dict[str, list[RunResult]] = {}
    for run in sweep.runs:
        others = {name: value for name, value in run.variation.items() if name != key}
        groups.setdefault(variation_text(others), []).append(run)
    if are_numbers(run.variation[key] for run in sweep.runs):
        for runs in groups.values():
            runs.sort(key=lambda run: float(run.variation[key]))
    return [_Line(name, runs) for name, runs in groups.items()]


def axis_of_values(variations: Sequence[Variation], key: str) -> Axis:
    """The axis of a swept key: of numbers, else of categories in their order."""
    if not are_numbers(each[key] for each in variations):
        ordered = dict.fromkeys(label(value_text(each[key])) for each in variations)
        return axis(key, type="category", categoryorder="array", categoryarray=list(ordered))
    values = sorted({float(each[key]) for each in variations})
    is_log = values[0] > 0 and values[-1] >= _LOG_FROM * values[0]
    texts = [units.format_number(value) for value in values]
    return axis(key, type="log" if is_log else "linear", tickvals=values, ticktext=texts)


def _latency_chart(key: str, lines: Sequence[_Line], x_axis: Axis) -> Drawing:
    """All percentiles of a single line, the p95 of several."""
    shown = STATISTICS if len(lines) == 1 else ("p95",)
    traces = [
        _trace(each.name if len(lines) > 1 else statistic, key, each.runs, _latency(statistic), index)
        for index, (each, statistic) in enumerate((each, statistic) for each in lines for statistic in shown)
    ]
    what = "Latency" if len(lines) == 1 else "p95 of the latency"
    layout = {"xaxis": x_axis, "yaxis": duration_axis("latency", traces)}
    return Drawing(f"{what} by {key}", f"Of all operations together. {_NOTE}", traces, layout)


Value = Callable[[RunResult], tuple[float | None, str]]
"""What is drawn of a run, and how it is written."""


def _chart(title: str, key: str, lines: Sequence[_Line], value: Value, layout: dict[str, Any]) -> Drawing:
    traces = [_trace(each.name, key, each.runs, value, index) for index, each in enumerate(lines)]
    return Drawing(title, _NOTE, traces, layout | {"showlegend": len(lines) > 1})


def _trace(name: str, key: str, runs: Sequence[RunResult], value: Value, index: int) -> Trace:
    drawn = list(map(value, runs))
    return {
        **line(name, [], index, mode="lines+markers", marker=_markers(runs), cliponaxis=False),
        "x": [place_of(run.variation[key]) for run in runs],
        "y": [None if y is None else float(f"{y:.7g}") for y, _ in drawn],
        "text": [
            label(f"{variation_text(run.variation)}: {written}") for run, (_, written) in zip(runs, drawn, strict=True)
        ],
    }


def _markers(runs: Sequence[RunResult]) -> dict[str, Any]:
    return {"symbol": [_MARKERS[run.exit_code == ExitCode.PASS] for run in runs], "size": 9}


def place_of(value: str | int | float | bool) -> float | str:
    """Where a value stands on its axis: a number; else the name of a category."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else label(value_text(value))


def _latency(statistic: str) -> Value:
    def value(run: RunResult) -> tuple[float | None, str]:
        latency_ns = getattr(run.total.latency, f"{statistic}_ns", None)
        if latency_ns is None:
            return None, f"no {statistic}"
        return latency_ns / units.NS_PER_S, f"{statistic} {units.format_duration(latency_ns)}"

    return value


def _rate(run: RunResult) -> tuple[float | None, str]:
    rate = run.total.throughput_per_s if run.duration_ns else None
    return rate, "no rate" if rate is None else units.format_rate(rate)


def _peak(run: RunResult) -> tuple[float | None, str]:
    peak = run.memory.peak
    return peak, "no reading of memory" if peak is None else units.format_size(peak)
