"""A quantity over time, drawn with characters: columns on an axis that begins at 0."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from perfcli import units
from perfcli.report.blocks import QUIET
from perfcli.report.layout import INDENT
from perfcli.report.terminal import is_plain

_DRAWN: Final = " ▁▂▃▄▅▆▇█"
_PLAIN: Final = " .:#"
_LINES: Final = 5
_MOST_CELLS: Final = 80
_STYLE: Final = "cyan"


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
    """

    def __init__(self, points: Sequence[Point], end_ns: int, write: Callable[[float], str]) -> None:
        self._points = points
        self._end_ns = max(end_ns, points[-1].at_ns + 1)
        self._write = write

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The columns, the highest value at the top of the axis, and the time below."""
        plain = is_plain(console) or options.ascii_only
        top = max(point.value for point in self._points)
        labels = [self._write(top), *[""] * (_LINES - 1)]
        lead = max(map(len, (*labels, "0")))
        cells = max(1, min(_MOST_CELLS, options.max_width - lead - len(INDENT) * 3))
        heights = [value / top if top > 0 else 0.0 for value in self.by_column(cells)]
        for label, line in zip(labels, stacked(heights, _LINES, _PLAIN if plain else _DRAWN), strict=True):
            yield _line(f"{label:>{lead}}", "|" if plain else "│", line, _STYLE)
        yield _line(f"{0:>{lead}}", "+" if plain else "└", ("-" if plain else "─") * cells, QUIET)
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
