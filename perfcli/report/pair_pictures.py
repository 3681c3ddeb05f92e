"""The picture of the pairs: for each metric one line, with a sign for each pair, the estimate and its interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from perfcli.ab.result import Change, MetricComparison
from perfcli.report.blocks import QUIET
from perfcli.report.change import change_style, worst_first
from perfcli.report.layout import INDENT, PROSE_WIDTH, Hanging, is_plain
from perfcli.report.wording import name, one_line

_HEADLINE_METRIC: Final = "time"
_MOST_LINES: Final = 6
_LEAST_CELLS: Final = 30
_CELLS_PER_TICK: Final = 9
_FENCE: Final = 2.0
"""Interquartile ranges beyond the quartiles, where outliers begin."""
_SPARE_SHARE: Final = 0.04


@dataclass(frozen=True, slots=True)
class _Signs:
    few: str
    several: str
    many: str
    estimate: str
    bar: str
    left: str
    right: str
    zero: str
    margin: str

    def density(self, pairs: int) -> str:
        return self.few if pairs == 1 else self.several if pairs <= 3 else self.many

    def legend(self) -> str:
        return (
            f"{self.few} one pair, {self.several} two or three, {self.many} more; {self.estimate} the estimate, "
            f"{self.left}{self.bar * 2}{self.right} its interval, {self.zero} no change, {self.margin} the margin, "
            "< > pairs beyond"
        )


_DRAWN: Final = _Signs("·", "•", "●", "◆", "─", "├", "┤", "│", "┊")
_PLAIN: Final = _Signs("o", "8", "@", "#", "-", "[", "]", "|", ":")


@dataclass(frozen=True, slots=True)
class _Axis:
    """Changes (0.1 is 10 % more) on a row of character cells."""

    low: float
    high: float
    cells: int

    def cell(self, change: float) -> int:
        """The cell of a change; of one beyond the ends, the last."""
        at = round((change - self.low) / (self.high - self.low) * (self.cells - 1))
        return min(self.cells - 1, max(0, at))

    def ticks(self) -> list[float]:
        """Round changes, far enough from one another to bear their labels."""
        least = (self.high - self.low) * _CELLS_PER_TICK / self.cells
        power = 10.0 ** math.floor(math.log10(least))
        step = next(power * digit for digit in (1, 2, 5, 10, 20) if power * digit >= least)
        return [step * tick for tick in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


class PairPicture:
    """The pairs of the metrics worth a look: the time, and whatever is not simply unchanged.

    Metrics of one margin share an axis. On a console without colour it is ASCII; where too narrow, there is none.
    """

    def __init__(self, metrics: Sequence[MetricComparison]) -> None:
        self._metrics = worth_a_picture(metrics)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Each axis below its lines, and last what the signs mean."""
        signs = _PLAIN if is_plain(console) or options.ascii_only else _DRAWN
        width = min(options.max_width, PROSE_WIDTH + 2 * _LEAST_CELLS)
        room = width - 2 * len(INDENT) - _LEAST_CELLS
        fitting = [metric for metric in self._metrics if cell_len(one_line(metric.name)) <= room]
        if not fitting:
            return
        labels = max(cell_len(one_line(metric.name)) for metric in fitting)
        cells = width - 2 * len(INDENT) - labels
        for _, panel in groupby(sorted(fitting, key=lambda metric: metric.margin), key=lambda metric: metric.margin):
            yield from _panel(list(panel), labels, cells, signs)
        yield Hanging(Text(INDENT), Text(signs.legend(), QUIET))


def worth_a_picture(metrics: Sequence[MetricComparison]) -> list[MetricComparison]:
    """The time first, then those that changed or may have, the worst first; none whose pairs all agree."""
    asked = [each for each in metrics if each.name == _HEADLINE_METRIC or each.change is not Change.NO_CHANGE]
    varied = [each for each in worst_first(asked) if _changes(each)[:1] != _changes(each)[-1:]]
    return sorted(varied, key=lambda metric: metric.name != _HEADLINE_METRIC)[:_MOST_LINES]


def _changes(metric: MetricComparison) -> list[float]:
    ratios = (metric.ratio_of(each) for each in metric.differences if math.isfinite(each) and each < 700)
    return sorted(ratio - 1 for ratio in ratios if math.isfinite(ratio))


def _panel(metrics: Sequence[MetricComparison], labels: int, cells: int, signs: _Signs) -> Iterator[Text]:
    axis = _Axis(*axis_range(metrics), cells)
    for metric in metrics:
        label = name(metric.name)
        label.pad_right(labels - label.cell_len)
        line = Text.assemble(INDENT, label, INDENT, _line(metric, axis, signs))
        line.rstrip()
        yield line
    yield Text(INDENT + " " * labels + INDENT + _scale(axis), QUIET)


def axis_range(metrics: Sequence[MetricComparison]) -> tuple[float, float]:
    """Room for nothing, the margin either side, each estimate with its interval, and all but the outermost pairs."""
    shown = [0.0]
    for metric in metrics:
        known = [change for change in _known_changes(metric) if change is not None]
        margin = margin_shown(metric)
        shown += [-margin, margin, *known, *_without_outliers(_changes(metric))]
    spare = (max(shown) - min(shown)) * _SPARE_SHARE or 0.01
    return min(shown) - spare, max(shown) + spare


def margin_shown(metric: MetricComparison) -> float:
    """The margin as a share of the base, where what is compared is what lies above a floor."""
    return metric.margin * (1 + metric.floor / metric.base) if metric.floor and metric.base else metric.margin


def _known_changes(metric: MetricComparison) -> list[float | None]:
    """The lower bound, the upper one and the estimate."""
    ratios = (metric.lower, metric.upper, metric.ratio)
    return [ratio - 1 if ratio is not None and math.isfinite(ratio) else None for ratio in ratios]


def _without_outliers(changes: Sequence[float]) -> Sequence[float]:
    quarter = len(changes) // 4
    first, third = changes[quarter], changes[-1 - quarter]
    reach = _FENCE * (third - first)
    return [change for change in changes if first - reach <= change <= third + reach]


def _line(metric: MetricComparison, axis: _Axis, signs: _Signs) -> Text:
    """What is drawn later stands in front: bar, marks, pairs, ends of the bar, estimate."""
    style = change_style(metric.change)
    drawn = dict.fromkeys(range(axis.cells), (" ", ""))
    first, last, estimate = (None if known is None else axis.cell(known) for known in _known_changes(metric))
    bar = range(first or 0, axis.cells if last is None else last + 1)
    drawn |= dict.fromkeys(bar, (signs.bar, style))
    drawn |= {axis.cell(side * margin_shown(metric)): (signs.margin, QUIET) for side in (-1, 1)}
    drawn[axis.cell(0)] = (signs.zero, QUIET)
    drawn |= {cell: (sign, "") for cell, sign in _pairs(metric, axis, signs)}
    in_front = ((first, signs.left), (last, signs.right), (estimate, signs.estimate))
    drawn |= {cell: (sign, style) for cell, sign in in_front if cell is not None}
    return Text.assemble(*drawn.values())


def _pairs(metric: MetricComparison, axis: _Axis, signs: _Signs) -> Iterator[tuple[int, str]]:
    changes = _changes(metric)
    within = Counter(axis.cell(change) for change in changes if axis.low <= change <= axis.high)
    yield from ((cell, signs.density(pairs)) for cell, pairs in within.items())
    if changes[0] < axis.low:
        yield 0, "<"
    if changes[-1] > axis.high:
        yield axis.cells - 1, ">"


def _scale(axis: _Axis) -> str:
    """The labels of the ticks, each with its middle below its place."""
    written = ""
    for tick in axis.ticks():
        label = f"{100 * tick:+.6g}%" if abs(tick) > 1e-9 else "0"
        start = axis.cell(tick) - len(label) // 2
        if start >= len(written) + (1 if written else 0) and start + len(label) <= axis.cells:
            written = written.ljust(start) + label
    return written
