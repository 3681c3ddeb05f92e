"""The pairs of a comparison as a strip for each metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from perfcli.ab.result import MetricComparison
from perfcli.report.change import percent, sentence
from perfcli.report.html.chart import COLOURS, Drawing, Trace, axis, label, line
from perfcli.report.pairs import axis_range, margin_shown, worth_a_picture

_ROW_HEIGHT: Final = 58
_FRAME_HEIGHT: Final = 130
_SPREAD: Final = 0.24
_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_LONGEST_NAME: Final = 22
_MOST: Final = 700.0
"""Logarithm of about the largest number there is."""

_SYMBOLS: Final = ("triangle-left", "circle", "triangle-right")


def pairs_chart(metrics: Sequence[MetricComparison]) -> Drawing:
    """A row for each metric worth a look: its pairs, its estimate with the interval, and the margin as a shade."""
    shown = list(reversed(worth_a_picture(metrics)))
    ends = axis_range(shown)
    ticks = axis("", tickvals=list(range(len(shown))), ticktext=[label(each.name, _LONGEST_NAME) for each in shown])
    layout: dict[str, Any] = {
        "height": _FRAME_HEIGHT + _ROW_HEIGHT * len(shown),
        "xaxis": axis("candidate against base", tickformat="+.0%", zeroline=True, range=list(ends)),
        "yaxis": ticks | {"range": [-0.6, len(shown) - 0.4], "fixedrange": True},
        "shapes": [_margin(each, row) for row, each in enumerate(shown)],
    }
    note = (
        "Each dot is a pair: to the right the candidate was slower or took more; a triangle lies beyond the edge, "
        "and says where if you point at it. Shaded: changes within the margin."
    )
    traces = [*_intervals(shown), _dots(shown, *ends), _estimates(shown)]
    return Drawing("Differences of the pairs", note, traces, layout)


def _dots(metrics: Sequence[MetricComparison], low: float, high: float) -> Trace:
    """Spread by the golden ratio, so that dots of one value lie apart, and in every report alike."""
    points, symbols = [], []
    for row, each in enumerate(metrics):
        for pair, change in enumerate(map(partial(_change, each), each.differences), start=1):
            place = row + _SPREAD * (2 * (pair * _GOLDEN % 1) - 1)
            points.append((min(high, max(low, change)), place, f"{each.name}, pair {pair}: {percent(1 + change)}"))
            symbols.append(_SYMBOLS[1 + (change > high) - (change < low)])
    sizes = [7 if symbol == _SYMBOLS[1] else 13 for symbol in symbols]
    marker = {"size": sizes, "opacity": 0.75, "color": COLOURS[0], "symbol": symbols}
    return line("a pair", points, mode="markers", marker=marker, cliponaxis=False)


def _change(metric: MetricComparison, difference: float) -> float:
    return metric.ratio_of(min(difference, _MOST)) - 1


def _intervals(metrics: Sequence[MetricComparison]) -> Iterator[Trace]:
    for row, each in enumerate(metrics):
        ends = [(bound or each.ratio) - 1 for bound in (each.lower, each.upper)]
        if all(map(math.isfinite, ends)):
            points = [(end, row, sentence(each)) for end in ends]
            yield line("interval", points, showlegend=False, line={"color": COLOURS[1], "width": 4})


def _estimates(metrics: Sequence[MetricComparison]) -> Trace:
    points = [(each.ratio - 1, row, sentence(each)) for row, each in enumerate(metrics) if math.isfinite(each.ratio)]
    marker = {"symbol": "diamond", "size": 13, "color": COLOURS[1], "line": {"width": 1, "color": "#ffffff"}}
    return line("estimate with its interval", points, mode="markers", marker=marker)


def _margin(metric: MetricComparison, row: int) -> dict[str, Any]:
    return {
        "type": "rect",
        "layer": "below",
        "line": {"width": 0},
        "fillcolor": "rgba(128,138,148,0.2)",
        "x0": -margin_shown(metric),
        "x1": margin_shown(metric),
        "y0": row - 0.4,
        "y1": row + 0.4,
    }
