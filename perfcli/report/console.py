"""The console that reports are printed on, a terminal's own or plain text; and blocks on it."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO, Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from perfcli.report.blocks import QUIET, SPARK, Block, Chart, Code, Facts, Line, Notes, Plot, Section, Table, Verdict
from perfcli.report.drawings import HEIGHTS, PLAIN_HEIGHTS
from perfcli.report.layout import INDENT, FittingTable, Hanging, ShellCommand, is_plain, labelled, listed
from perfcli.report.wording import name_as_is

PLAIN_WIDTH: Final = 160
"""Columns of a report that goes to a file or a pipe: the full tables fit, whoever runs it and wherever."""

_NARROW_STAND_INS: Final = dict(zip("µμλσκ–−—…→≥≤·", "uulsk---~>><-", strict=True))
_TO_ASCII: Final = str.maketrans(HEIGHTS, PLAIN_HEIGHTS)


def make_console(*, file: IO[str] | None = None) -> Console:
    """A console on `file`, stdout by default.

    On a terminal: its width and colours, or neither colour nor weight where NO_COLOR is set (https://no-color.org).
    Elsewhere: no escape sequence at all, and a width of 160 columns unless COLUMNS says otherwise.
    """
    stream = sys.stdout if file is None else file
    _print_what_can_be_printed(stream)
    is_terminal = stream.isatty()
    return Console(
        file=stream,
        force_terminal=is_terminal,
        color_system="auto" if is_terminal and not os.environ.get("NO_COLOR") else None,
        width=None if is_terminal else _plain_width(),
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


def as_text(shown: RenderableType, width: int = PLAIN_WIDTH) -> str:
    """What a plain console of that many columns shows."""
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None, force_terminal=False).print(shown)
    return stream.getvalue()


def to_console(document: Iterable[Section], *, brief: bool = False) -> RenderableType:
    """A document on a console.

    Args:
        brief: whether sections show their brief forms, without blank lines between them.
    """
    return _Report(document, brief=brief)


class _Report:
    """Sections one below the other: all of them with blank lines between, or their brief forms without."""

    def __init__(self, sections: Iterable[Section], *, brief: bool) -> None:
        self._sections = list(sections)
        self._brief = brief

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What the sections show; a sign is explained where it is met first."""
        plain = is_plain(console) or options.ascii_only
        explained: set[str] = set()
        is_first = True
        for section in self._sections:
            parts: list[RenderableType] = []
            for block in section.on_console(brief=self._brief):
                if isinstance(block, Table):
                    parts += self._table(block, options.max_width, explained, plain=plain)
                else:
                    parts += _render(block)
            if parts and not is_first and not self._brief:
                yield Text()
            is_first = is_first and not parts
            yield from parts

    def _table(self, table: Table, width: int, explained: set[str], *, plain: bool) -> Iterator[RenderableType]:
        if not table.shown():
            return
        if plain:
            table = replace(table, rows=[list(map(_ascii_spark, row)) for row in table.rows])
        fitting = FittingTable(table, ruled=not self._brief)
        yield fitting
        signs = [each for each in table.explained(fitting.places_that_fit(width)) if each[0] not in explained]
        explained.update(sign for sign, _ in signs)
        yield from labelled((sign, Text(meaning.plain, QUIET)) for sign, meaning in signs)


def _render(block: Block) -> Iterator[RenderableType]:
    match block:
        case Facts(rows):
            yield from labelled((label, text) for label, text in rows if text)
        case Notes(items):
            yield from listed(items)
        case Line(text, lead):
            yield Hanging(Text(INDENT) if lead is None else Text.assemble(lead, INDENT if lead else ""), text)
        case Verdict(word, named, text, reasons):
            yield Hanging(Text.assemble(word, INDENT), Text.assemble(named, INDENT, text), widest=sys.maxsize)
            yield from listed(reasons)
        case Code(text, command=True):
            yield ShellCommand(text)
        case Code(text):
            yield from (Hanging(Text(INDENT * 2), name_as_is(line), widest=sys.maxsize) for line in text.splitlines())
        case Plot(title, drawing):
            yield from [Hanging(Text(INDENT), title)] if title else []
            yield drawing
        case Table() | Chart():
            pass


def _ascii_spark(text: Text) -> Text:
    return Text(text.plain.translate(_TO_ASCII)) if text.style == SPARK else text


def _plain_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) > 0 else PLAIN_WIDTH


def _print_what_can_be_printed(stream: IO[str]) -> None:
    """Let a stream whose encoding lacks a character (µ in ASCII) print a stand-in as wide, instead of raising."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="perfcli-stand-in")


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_NARROW_STAND_INS.get(char, "?" * cell_len(char)) for char in missing), error.end


codecs.register_error("perfcli-stand-in", _stand_in)
