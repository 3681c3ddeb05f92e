"""Drawings of characters: a line of heights, bars, columns over time, and where the bars of a histogram begin."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count, pairwise
from statistics import median, quantiles
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from perfcli import units
from perfcli.report.blocks import QUIET
from perfcli.report.layout import INDENT, is_plain

MARK: Final = "^"
HEIGHTS: Final = "▁▂▃▄▅▆▇█"
PLAIN_HEIGHTS: Final = "_.-~=+*#"
_LEAST_SPAN: Final = 0.2
"""Of the median: a smaller span is drawn as if it were this, so that noise does not look like mountains."""

_FENCE: Final = 3.0
_MOST_CELLS: Final = 120


class Sparkline:
    """The figures from left to right, each a character of its height; several share one where there is no room.

    Args:
        values: the figures, at least one, oldest first.
        marks: indexes of figures that get a mark below.
    """

    def __init__(self, values: Sequence[float], marks: Collection[int] = ()) -> None:
        self._values = values
        self._marks = marks

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The line, and one of marks where there are any."""
        room = max(1, min(_MOST_CELLS, options.max_width - len(INDENT * 2) - 1))
        glyphs = PLAIN_HEIGHTS if is_plain(console) or options.ascii_only else HEIGHTS
        yield Text(INDENT * 2 + sparkline(self._values, min(room, len(self._values)), glyphs))
        if self._marks:
            yield Text(INDENT * 2 + self._marked(min(room, len(self._values))))

    def _marked(self, cells: int) -> str:
        at = {index * cells // len(self._values) for index in self._marks}
        return "".join(MARK if cell in at else " " for cell in range(cells)).rstrip()


def sparkline(values: Sequence[float], cells: int, glyphs: str) -> str:
    """The figures in so many cells, at most one for each; of several in a cell their median.

    Figures far out (three interquartile ranges beyond the quartiles, Tukey 1977) are drawn as the highest or lowest,
    so that one of them does not flatten the rest.
    """
    low, high = _scale(values)
    bounds = [cell * len(values) // cells for cell in range(cells + 1)]
    heights = (median(values[first:last]) for first, last in pairwise(bounds))
    steps = len(glyphs) - 1
    return "".join(glyphs[min(steps, max(0, round((height - low) / (high - low) * steps)))] for height in heights)


def _scale(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if len(values) > 1:
        first, _, third = quantiles(values, n=4, method="inclusive")
        fence = _FENCE * (third - first)
        low, high = (max(low, first - fence), min(high, third + fence)) if fence else (low, high)
    least_span = _LEAST_SPAN * abs(median(values)) or 1.0
    missing = max(0.0, least_span - (high - low))
    return low - missing / 2, high + missing / 2


def sparkline_with_gaps(values: Sequence[float | None], *, plain: bool) -> str:
    """The figures in a cell each; a blank for one that is not known."""
    known = [value for value in values if value is not None]
    glyphs = PLAIN_HEIGHTS if plain else HEIGHTS
    if not any(known):
        glyphs = glyphs[0]  # a rate of nothing is low, though all seconds are alike
    line = iter(sparkline(known, len(known), glyphs)) if known else iter("")
    return "".join(" " if value is None else next(line) for value in values)


_PARTS: Final = "▏▎▍▌▋▊▉█"
_PLAIN_PARTS: Final = ".#"
_MOST_BAR_CELLS: Final = 60
_STYLE: Final = "cyan"


class Bar(NamedTuple):
    """One line: where it begins, how long it is to be, and what stands behind it."""

    label: str
    length: float
    how_many: str
    how_much: str
    marks: str


class Bars:
    """The bars from top to bottom; the longest takes the room there is, and none that counts anything is invisible."""

    def __init__(self, bars: Sequence[Bar]) -> None:
        self._bars = bars

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Labels to the right, bars, then counts to the right and marks."""
        glyphs = _PLAIN_PARTS if is_plain(console) or options.ascii_only else _PARTS
        label, count, share, marks = (
            max(map(len, column)) for column in zip(*((bar.label, *bar[2:]) for bar in self._bars), strict=True)
        )
        taken = label + count + share + marks + 6 * len(INDENT)
        cells = max(1, min(_MOST_BAR_CELLS, options.max_width - taken))
        longest = max(bar.length for bar in self._bars)
        for bar in self._bars:
            line = Text.assemble(
                f"{INDENT * 2}{bar.label:>{label}}{INDENT}",
                (f"{bar_of(bar.length / (longest or 1), cells, glyphs):<{cells}}", _STYLE),
                f"{INDENT}{bar.how_many:>{count}}{INDENT}{bar.how_much:>{share}}{INDENT}",
                (bar.marks, QUIET),
            )
            line.rstrip()
            yield line


def bar_of(fraction: float, cells: int, glyphs: str) -> str:
    """A bar of so much of the cells: full ones, and a last one that is the nearest part; at least the smallest part."""
    steps = len(glyphs)
    parts = round(fraction * cells * steps)
    parts = max(1, parts) if fraction > 0 else 0
    full, rest = divmod(parts, steps)
    return glyphs[-1] * full + (glyphs[rest - 1] if rest else "")


MOST_BINS: Final = 14
_WIDE: Final = 10
"""From this ratio of the largest to the smallest value on, bars grow by a factor."""

_SERIES: Final[Sequence[Sequence[float]]] = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5))
"""Within each power of ten, the finest first."""


def edges(smallest: int, largest: int) -> list[int]:
    """The edges of at most 14 bars, ascending; the first is at most `smallest`, the last more than `largest`.

    Both are whole numbers ≥ 0.
    """
    is_wide = largest >= _WIDE * max(1, smallest)
    finest_first = _growing(smallest, largest) if is_wide else _even(smallest, largest)
    return next(found for found in finest_first if len(found) <= MOST_BINS + 1)


def _even(smallest: int, largest: int) -> Iterator[list[int]]:
    for power in count():
        for digit in (1, 2, 5):
            step = digit * 10**power
            first = smallest // step
            wanted = range(first, min(largest // step, first + MOST_BINS + 1) + 2)
            yield [step * number for number in wanted]


def _growing(smallest: int, largest: int) -> Iterator[list[int]]:
    digits = len(str(largest))
    for series in _SERIES:
        rounded = {round(each * 10**power) for power in range(digits + 1) for each in series}
        yield _needed(sorted({0, *rounded}), smallest, largest)
    for stride in count(1):
        yield _needed([0, *(10**power for power in range(0, digits + stride, stride))], smallest, largest)


def _needed(found: Sequence[int], smallest: int, largest: int) -> list[int]:
    """Those from the last one at or below `smallest` to the first one above `largest`."""
    first = max(edge for edge in found if edge <= smallest)
    last = min(edge for edge in found if edge > largest)
    return [edge for edge in found if first <= edge <= last]


_COLUMN_HEIGHTS: Final = " ▁▂▃▄▅▆▇█"
_PLAIN_COLUMN: Final = " .:#"
_LINES: Final = 5
_MOST_COLUMN_CELLS: Final = 80


class Point(NamedTuple):
    """A value, which holds from its time to the next point's."""

    at_ns: int
    value: float


class Columns:
    """Points from left to right; where several share a column, the highest is drawn, so that no peak is lost.

    Args:
        points: at least one, ascending by time.
        end_ns: when the last one is over.
        write: how a value is written beside the axis.
        marked: from and to, in ns: there the axis is bold.
    """

    def __init__(
        self,
        points: Sequence[Point],
        end_ns: int,
        write: Callable[[float], str],
        marked: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._points = points
        self._end_ns = max(end_ns, points[-1].at_ns + 1)
        self._write = write
        self._marked = marked

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The columns, the highest value at the top of the axis, and the time below."""
        plain = is_plain(console) or options.ascii_only
        top = max(point.value for point in self._points)
        labels = [self._write(top), *[""] * (_LINES - 1)]
        lead = max(map(len, (*labels, "0")))
        cells = max(1, min(_MOST_COLUMN_CELLS, options.max_width - lead - len(INDENT) * 3))
        heights = [value / top if top > 0 else 0.0 for value in self.by_column(cells)]
        for label, line in zip(
            labels, stacked(heights, _LINES, _PLAIN_COLUMN if plain else _COLUMN_HEIGHTS), strict=True
        ):
            yield _line(f"{label:>{lead}}", "|" if plain else "│", line, _STYLE)
        yield _line(f"{0:>{lead}}", "+" if plain else "└", self._axis(cells, *("-=" if plain else "─━")), QUIET)
        yield Text(" " * (lead + len(INDENT) * 3) + _times(self._end_ns, cells), QUIET)

    def by_column(self, cells: int) -> list[float]:
        """The highest value in each of so many equal parts of the time; 0 before the first point."""
        starts = [point.at_ns for point in self._points]
        bounds = [cell * self._end_ns // cells for cell in range(cells + 1)]
        # of a part also the point that began before it, as it still holds
        firsts = [max(0, bisect_right(starts, bound) - 1) for bound in bounds[:-1]]
        ends = [bisect_right(starts, bound - 1) for bound in bounds[1:]]
        parts = (self._points[first:end] for first, end in zip(firsts, ends, strict=True))
        return [max((point.value for point in part), default=0.0) for part in parts]

    def _axis(self, cells: int, thin: str, bold: str) -> str:
        axis = [thin] * cells
        for begins_ns, ends_ns in self._marked:
            first = min(cells - 1, begins_ns * cells // self._end_ns)
            last = min(cells, max(first + 1, -(-ends_ns * cells // self._end_ns)))
            axis[first:last] = bold * (last - first)
        return "".join(axis)


def stacked(heights: Sequence[float], lines: int, glyphs: str) -> list[str]:
    """Columns of 0 to 1, as so many lines from top to bottom; what is more than 0 has at least the smallest glyph."""
    steps = len(glyphs) - 1
    parts = [max(1, round(height * lines * steps)) if height > 0 else 0 for height in heights]
    return [
        "".join(glyphs[min(steps, max(0, part - below * steps))] for part in parts)
        for below in range(lines - 1, -1, -1)
    ]


def _line(label: str, axis: str, drawn: str, style: str) -> Text:
    line = Text.assemble(INDENT * 2, label, (f" {axis}", QUIET), (drawn, style))
    line.rstrip()
    return line


def _times(end_ns: int, cells: int) -> str:
    last = units.format_duration(end_ns)
    return f"0{last:>{max(len(last) + 1, cells - 1)}}"
