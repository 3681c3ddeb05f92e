"""A histogram of characters: a line for each bar, with its count, its share and what falls into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from perfcli.report.blocks import QUIET
from perfcli.report.layout import INDENT
from perfcli.report.terminal import is_plain

_DRAWN: Final = "▏▎▍▌▋▊▉█"
_PLAIN: Final = ".#"
_MOST_CELLS: Final = 60
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
        glyphs = _PLAIN if is_plain(console) or options.ascii_only else _DRAWN
        label, count, share, marks = (
            max(map(len, column)) for column in zip(*((bar.label, *bar[2:]) for bar in self._bars), strict=True)
        )
        taken = label + count + share + marks + 6 * len(INDENT)
        cells = max(1, min(_MOST_CELLS, options.max_width - taken))
        longest = max(bar.length for bar in self._bars)
        for bar in self._bars:
            line = Text.assemble(
                f"{INDENT * 2}{bar.label:>{label}}{INDENT}",
                (f"{drawn(bar.length / (longest or 1), cells, glyphs):<{cells}}", _STYLE),
                f"{INDENT}{bar.how_many:>{count}}{INDENT}{bar.how_much:>{share}}{INDENT}",
                (bar.marks, QUIET),
            )
            line.rstrip()
            yield line


def drawn(fraction: float, cells: int, glyphs: str) -> str:
    """A bar of so much of the cells: full ones, and a last one that is the nearest part; at least the smallest part."""
    steps = len(glyphs)
    parts = round(fraction * cells * steps)
    parts = max(1, parts) if fraction > 0 else 0
    full, rest = divmod(parts, steps)
    return glyphs[-1] * full + (glyphs[rest - 1] if rest else "")
