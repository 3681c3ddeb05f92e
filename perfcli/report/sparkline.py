"""A series of figures in one line of characters, with marks below it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import median, quantiles
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from perfcli.report.layout import INDENT
from perfcli.report.terminal import is_plain

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
        lead: what stands in the lines before it.
    """

    def __init__(self, values: Sequence[float], marks: Collection[int] = (), *, lead: str = INDENT * 2) -> None:
        self._values = values
        self._marks = marks
        self._lead = lead

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The line, and one of marks where there are any."""
        room = max(1, min(_MOST_CELLS, options.max_width - len(self._lead) - 1))
        glyphs = PLAIN_HEIGHTS if is_plain(console) or options.ascii_only else HEIGHTS
        yield Text(self._lead + drawn(self._values, min(room, len(self._values)), glyphs))
        if self._marks:
            yield Text(self._lead + self._marked(min(room, len(self._values))))

    def _marked(self, cells: int) -> str:
        at = {index * cells // len(self._values) for index in self._marks}
        return "".join(MARK if cell in at else " " for cell in range(cells)).rstrip()


def drawn(values: Sequence[float], cells: int, glyphs: str) -> str:
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


def drawn_with_gaps(values: Sequence[float | None], *, plain: bool) -> str:
    """The figures in a cell each; a blank for one that is not known."""
    known = [value for value in values if value is not None]
    glyphs = PLAIN_HEIGHTS if plain else HEIGHTS
    if not any(known):
        glyphs = glyphs[0]  # a rate of nothing is low, though all seconds are alike
    line = iter(drawn(known, len(known), glyphs)) if known else iter("")
    return "".join(" " if value is None else next(line) for value in values)
