"""The two shapes of a report: a table that fits its width, and a paragraph that hangs from its label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.table import Table as Grid
from rich.text import Text

from perfcli.report.blocks import QUIET, Table

INDENT: Final = "  "
PROSE_WIDTH: Final = 100
"""Columns of running text, where the terminal has more: longer lines are hard to read."""

_GAP: Final = 2
_LONGEST_WORD: Final = 34
"""Cells of a name or path for whose sake columns are left out before it is broken."""


def _ruled(line: str) -> Box:
    blank, rule = "    ", f" {line}{line} "
    return Box("\n".join((blank, blank, rule, blank, rule, blank, blank, blank)), ascii=line.isascii())


_RULED: Final = _ruled("─")
_RULED_PLAIN: Final = _ruled("-")


class FittingTable:
    """A table that leaves out columns, the least telling first, until every figure fits the width.

    A column with nothing in it is left out too. Rules set the titles and the totals apart if it is `ruled`.
    """

    def __init__(self, table: Table, *, ruled: bool = True) -> None:
        self._shown = table
        self._ruled = ruled

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table as far as it fits, indented, without blanks at the ends of lines."""
        width = max(1, options.max_width - len(INDENT))
        grid = self._grid(self.places_that_fit(options.max_width), _RULED_PLAIN if is_plain(console) else _RULED)
        for line in console.render_lines(grid, options.update(width=width, height=None), pad=False):
            yield Segment(INDENT)
            yield from _trimmed(line)
            yield Segment.line()

    def _grid(self, places: Sequence[int], box: Box) -> Grid:
        grid = Grid(
            box=box if self._ruled else None,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1 if self._ruled else _GAP, 0, 0),
            header_style=QUIET,
            border_style=QUIET,
        )
        for place in places:
            column = self._shown.columns[place]
            grid.add_column(
                Text(column.title),
                justify="right" if column.kind == "figure" else "left",
                no_wrap=column.kind != "prose",
                overflow="fold",
            )
        for index, row in enumerate(self._shown.rows, start=1):
            closes_section = index == len(self._shown.rows) - self._shown.totals
            grid.add_row(*(row[place] for place in places), end_section=self._ruled and closes_section)
        return grid

    def places_that_fit(self, width: int) -> list[int]:
        """The columns that are shown on a console of that width."""
        kept = self._shown.shown()
        least = {place: self._least_width(place) for place in kept}
        for title in self._shown.first_to_go:
            if sum(least[place] + _GAP for place in kept) - _GAP <= max(1, width - len(INDENT)):
                break
            kept = [place for place in kept if self._shown.columns[place].title != title]
        return kept

    def _least_width(self, place: int) -> int:
        column = self._shown.columns[place]
        cells = [row[place] for row in self._shown.rows]
        widest = max([len(column.title), *(cell.cell_len for cell in cells)])
        if column.kind != "prose":
            return widest
        words = (cell_len(word) for cell in cells for word in cell.plain.split())
        return min(widest, max(column.least, min(_LONGEST_WORD, max(words, default=0))))


def _trimmed(line: Sequence[Segment]) -> Iterator[Segment]:
    end = len(line)
    while end and not line[end - 1].text.rstrip(" "):
        end -= 1
    yield from line[: max(0, end - 1)]
    if end:
        yield Segment(line[end - 1].text.rstrip(" "), line[end - 1].style)


class Hanging:
    """A paragraph that starts beside its lead and stays clear of it on the lines that follow."""

    def __init__(self, lead: Text, body: Text, *, widest: int = PROSE_WIDTH) -> None:
        self._lead = lead
        self._body = body
        self._widest = widest

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The paragraph; a lead too long to stand beside has lines of its own. Unbroken where nothing may wrap."""
        if options.no_wrap:
            clear = Text("\n" + " " * self._lead.cell_len)
            yield Text.assemble(self._lead, clear.join(self._body.split("\n")))
            return
        width = max(1, min(options.max_width, self._widest))
        lead = self._lead
        if lead.cell_len > width // 2:
            yield from lead.wrap(console, width, overflow="fold")
            lead = Text(INDENT * 2 if width > 2 * len(INDENT) else "")
        blank = Text(" " * lead.cell_len)
        for index, line in enumerate(self._body.wrap(console, width - lead.cell_len, overflow="fold")):
            whole = Text.assemble(lead if index == 0 else blank, line)
            whole.rstrip()
            yield whole


class ShellCommand:
    """A command to copy; where it does not fit, it is broken as a shell takes it."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The command on one line, or a line for each option."""
        fits = len(INDENT * 2) + cell_len(self._command) <= options.max_width
        yield Text(INDENT * 2 + (self._command if fits else self._command.replace(" --", f" \\\n{INDENT * 3}--")))


def labelled(lines: Iterable[tuple[str, Text]]) -> list[Hanging]:
    """Indented paragraphs, each after its label, all starting in one column."""
    written = list(lines)
    width = max((len(label) for label, _ in written), default=0)
    return [Hanging(Text(f"{INDENT}{label:<{width}}{INDENT}", QUIET), body) for label, body in written]


def listed(items: Iterable[Text]) -> list[Hanging]:
    """Indented paragraphs, each after a dash."""
    return [Hanging(Text(f"{INDENT}- ", QUIET), item) for item in items]


def is_plain(console: Console) -> bool:
    """Whether a console takes text only: no colour, no weight, no line drawing beyond ASCII."""
    return console.color_system is None
