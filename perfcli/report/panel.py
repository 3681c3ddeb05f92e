"""The place at the bottom of a terminal that is drawn over and over, and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType, Segment, SegmentLines
from rich.text import Text

from perfcli.report.blocks import DOUBTFUL
from perfcli.report.layout import is_plain

_ECHO: Final = 3
"""Columns that stay free: a terminal echoes "^C" behind the panel, and a full line would wrap."""

Picture = Callable[[int, bool], RenderableType]
"""(columns, whether only plain characters can be shown) → what to show."""


class Panel:
    """Draws a picture in place of the one before. What is printed on its console meanwhile appears above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._picture: Picture = lambda width, plain: Text()
        self._announced = ""
        self._is_drawing = False
        self._lengths: list[int] = []
        self._columns = console.width

    def start(self) -> None:
        """Take the place."""
        self._live.start()
        # a process that is killed cannot show the cursor again: leave it visible
        self._console.show_cursor(True)

    def stop(self) -> None:
        """Give it back, erased; also from a signal handler, but rich cannot print while it prints."""
        if self._is_drawing:
            return
        self._erase_wrapped()
        self._live.stop()

    def show(self, picture: Picture) -> None:
        """Draw this from now on; not yet if the width has changed since the last call.

        Somebody drags the terminal's edge then, and what is erased for one width would be wrong for the next.
        """
        self._picture = picture
        columns, self._columns = self._columns, self._console.width
        if columns == self._columns:
            self._draw()

    def announce(self, text: str) -> None:
        """Show it now and from now on; called by a signal handler, which can interrupt a drawing."""
        self._announced = text
        if not self._is_drawing:
            self._draw()

    def _draw(self) -> None:
        self._is_drawing = True
        try:
            announced = None
            while announced != self._announced:
                announced = self._announced
                self._draw_once(announced)
        finally:
            self._is_drawing = False

    def _draw_once(self, announced: str) -> None:
        console = self._console
        columns = console.width
        width = max(1, columns - _ECHO)
        parts = [self._picture(width, is_plain(console))]
        if announced:
            parts.append(Text(announced, f"bold {DOUBTFUL}"))
        lines = console.render_lines(Group(*parts), console.options.update(width=width), pad=False)[: console.height]
        if console.width != columns:
            return
        with console:  # which prints all of it at its end
            self._erase_wrapped()
            self._lengths = list(map(Segment.get_line_length, lines))
            self._live.update(SegmentLines(lines, new_lines=True), refresh=True)

    def _erase_wrapped(self) -> None:
        """Erase what a terminal that became narrower since the last drawing has wrapped: rich counts lines as drawn."""
        if _keeps_lines():
            return
        width = max(1, self._console.width)
        more = sum(max(0, length - 1) // width for length in self._lengths)
        up = (ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))
        if more:
            self._console.control(Control(*up * more))


def _keeps_lines() -> bool:
    """Whether the terminal cuts lines that no longer fit, as xterm does; others wrap them."""
    return "XTERM_VERSION" in os.environ or os.environ.get("TERM") == "linux"
