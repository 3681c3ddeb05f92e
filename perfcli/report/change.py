"""How a change from one engine to another is written and drawn: its interval, a sentence, the picture of the pairs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from perfcli import units
from perfcli.ab.result import Change, MetricComparison
from perfcli.report.blocks import QUIET
from perfcli.report.layout import INDENT, PROSE_WIDTH, Hanging, is_plain
from perfcli.report.wording import (
    A_FACTOR,
    FROM_ZERO,
    UNKNOWN,
    change_style,
    name,
    one_line,
    percent,
    ratio_interval,
    signed,
)

GRAVEST_FIRST: Final = (Change.REGRESSION, Change.INCONCLUSIVE, Change.IMPROVEMENT, Change.NO_CHANGE)

_BYTES: Final = signed(units.format_size)
_COUNTED: Final = ("statements", "errors")


def worst_first(metrics: Iterable[MetricComparison]) -> list[MetricComparison]:
    """By what became of them; otherwise in the order they are given."""
    return sorted(metrics, key=lambda metric: GRAVEST_FIRST.index(metric.change))


def surest_first(metrics: Iterable[MetricComparison]) -> list[MetricComparison]:
    """Exact counts, then by how far a change lies beyond its margin, in lengths of its own interval."""
    return sorted(metrics, key=_sureness, reverse=True)


def _sureness(metric: MetricComparison) -> tuple[bool, float]:
    is_better = metric.change is Change.IMPROVEMENT
    bound = metric.upper if is_better else metric.lower
    if bound is None:
        return False, -math.inf
    is_exact = len(set(metric.differences)) == 1 or metric.unit in _COUNTED
    beyond = (1 - metric.ratio if is_better else metric.ratio - 1) - metric.margin
    length = abs(metric.ratio - bound)
    return is_exact, beyond / length if length and math.isfinite(length) else math.inf


def is_same(metric: MetricComparison) -> bool:
    """Whether both engines gave the same value in every pair."""
    return metric.base == metric.candidate and not any(metric.differences)


def value(metric: MetricComparison, measured: float) -> str:
    """A measured value of a metric with its unit."""
    if not math.isfinite(measured):
        return UNKNOWN
    if metric.unit == "ns":
        return units.format_duration(measured)
    if metric.unit == "errors":
        return units.format_percentage(measured)
    return units.format_size(measured) if metric.unit == "bytes" else units.format_number(measured)


def amount(metric: MetricComparison) -> str:
    """By how much the candidate differs: a percentage, where the base is no 0."""
    if is_same(metric):
        return "same"
    if _is_about_zero(metric):
        return _BYTES(metric.candidate - metric.base)
    return FROM_ZERO if _is_from_zero(metric) else percent(metric.ratio)


def interval(metric: MetricComparison) -> str:
    """ "+10.1 to +14.0%"; one bound where the other is not known."""
    if not metric.base:
        return UNKNOWN
    if _is_about_zero(metric):
        ends = ["" if bound is None else _BYTES((bound - 1) * metric.base) for bound in (metric.lower, metric.upper)]
        return " to ".join(ends) if all(ends) else UNKNOWN
    return ratio_interval(metric.lower, metric.upper, certain="in every pair")


def sentence(metric: MetricComparison) -> str:
    """What became of a metric, with how sure that is: "load_pet.p50 is 12.3% slower (+10.1 to +14.0%)"."""
    who = one_line(metric.name)
    if is_same(metric):
        return f"{who} is the same"
    how_sure = f" ({known})" if (known := interval(metric)) != UNKNOWN else ""
    if metric.change is Change.INCONCLUSIVE:
        return f"{who} {_what_it_may_be(metric)}{how_sure}"
    if metric.change is Change.NO_CHANGE:
        return f"{who} {amount(metric)}{how_sure}"
    if _is_from_zero(metric) or _is_about_zero(metric) or not metric.ratio < A_FACTOR:
        return f"{who} is {value(metric, metric.candidate)}, in the base {value(metric, metric.base)}{how_sure}"
    return f"{who} is {_compared(metric, metric.ratio)}{how_sure}"


def _what_it_may_be(metric: MetricComparison) -> str:
    if metric.upper is None:
        return "may have changed: too few pairs to bound it"
    if not metric.base:
        return f"may be more than the {value(metric, 0.0)} of the base"
    if metric.upper >= A_FACTOR:
        return f"may be {percent(metric.upper)} as {_worse_and_better(metric)[2]}"
    return f"may be up to {_compared(metric, metric.upper)}"


def _is_about_zero(metric: MetricComparison) -> bool:
    """Whether bytes are so few that a percentage of them would say nothing."""
    return metric.unit == "bytes" and min(metric.base, metric.candidate) < metric.floor


def _is_from_zero(metric: MetricComparison) -> bool:
    return metric.base == 0 != metric.candidate


def _compared(metric: MetricComparison, ratio: float) -> str:
    worse, better, _ = _worse_and_better(metric)
    return f"{percent(ratio).lstrip('+-')} {better if ratio < 1 else worse}"


def _worse_and_better(metric: MetricComparison) -> tuple[str, str, str]:
    return ("slower", "faster", "slow") if metric.unit == "ns" else ("higher", "lower", "high")


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
