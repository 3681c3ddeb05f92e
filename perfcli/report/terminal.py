"""The console that reports are printed on: a terminal's own, or plain and stable text."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import IO, Final

from rich.cells import cell_len
from rich.console import Console, RenderableType

PLAIN_WIDTH: Final = 160
"""Columns of a report that goes to a file or a pipe: the full tables fit, whoever runs it and wherever."""

_NARROW_STAND_INS: Final = {"µ": "u", "μ": "u", "–": "-", "−": "-", "—": "-", "…": "~", "≥": ">", "≤": "<", "·": "-"}


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


def is_plain(console: Console) -> bool:
    """Whether a console takes text only: no colour, no weight, no line drawing beyond ASCII."""
    return console.color_system is None


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
