"""What is shown of a run while it goes on: a panel on a terminal, else a line every ten seconds on stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType, Segment, SegmentLines
from rich.text import Text

from perfcli import units
from perfcli.observer import OperationSoFar, Progress
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Column, Table
from perfcli.report.console import make_console
from perfcli.report.drawings import sparkline_with_gaps
from perfcli.report.layout import INDENT, FittingTable, is_plain
from perfcli.report.wording import figure, name, one_line
from perfcli.run.interrupts import Interrupts

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


REFRESH_NS: Final = units.NS_PER_S // 2
LOG_NS: Final = 10 * units.NS_PER_S
_BAR_CELLS: Final = range(6, 41)
_GAP: Final = "  "
_MOST_OPERATIONS: Final = 8
_MOST_AT_RISK: Final = 3
_COLUMNS: Final = (Column("operation", "word"), *map(Column, ("failed", "p50", "p95", "p99")))


class LiveProgress:
    """An Observer that keeps a panel on a terminal up to date.

    The panel goes away at the end, so that only reports stay. What is printed on the same console meanwhile appears
    above it. It is drawn by the thread that calls `update`, at most twice a second: no thread of its own.

    Without a terminal, a line goes to `log` every ten seconds.

    Args:
        wanted: whether to show anything.
        interrupts: what a signal says goes into the panel at once.
        log: where lines go, stderr by default: what a run reports is on stdout.
    """

    def __init__(
        self,
        console: Console,
        *,
        wanted: bool = True,
        interrupts: Interrupts | None = None,
        log: Console | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._clock_ns = clock_ns
        self._due_ns = 0
        self._interrupts = interrupts
        has_terminal = console.is_terminal and not console.is_dumb_terminal
        self._panel = Panel(console) if wanted and has_terminal else None
        self._log = (log or make_console(file=sys.stderr)) if wanted and not has_terminal else None
        self._is_open = False

    @property
    def wants_snapshots(self) -> bool:
        """Whether it shows percentiles and thresholds."""
        return self._is_open and (self._panel is not None or self._log is not None)

    def __enter__(self) -> Self:
        """Take the panel's place, if there is a terminal to take it from."""
        self._is_open = True
        self._due_ns = 0 if self._panel else self._clock_ns() + LOG_NS
        if self._panel is not None:
            self._panel.start()
            if self._interrupts is not None:
                self._interrupts.screen = self._panel
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the place back, however the run ended."""
        self._is_open = False
        if self._panel is not None:
            if self._interrupts is not None:
                self._interrupts.screen = None
            self._panel.stop()

    def update(self, progress: Progress) -> None:
        """Draw the panel anew, if the last drawing is half a second old; or print a line, after ten seconds."""
        self._show(lambda width, plain: render_panel(progress, width=width, plain=plain), lambda: log_line(progress))

    def begin(self, line: Text) -> None:
        """Say at once what is about to be done."""
        if self._panel is not None:
            self._panel.show(lambda width, plain: line)
        elif self._log is not None:
            self._log.print(line, soft_wrap=True)

    def tell(self, line: Callable[[], Text]) -> None:
        """Show a line in the panel's place, or every ten seconds; it is only made if it is shown."""
        self._show(lambda width, plain: line(), line)

    def _show(self, picture: Picture, line: Callable[[], Text]) -> None:
        if not self._is_open:
            return
        if self._panel is not None and self._is_due(REFRESH_NS):
            self._panel.show(picture)
        elif self._log is not None and self._is_due(LOG_NS):
            self._log.print(line(), soft_wrap=True)

    def _is_due(self, interval_ns: int) -> bool:
        now_ns = self._clock_ns()
        if now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + interval_ns
        return True


def render_panel(progress: Progress, *, width: int, plain: bool = False) -> RenderableType:
    """How far a run is, its newest seconds, its operations, and what it may fail by."""
    parts: list[RenderableType] = list(progress_lines(progress, width=width, plain=plain))
    parts += _sparklines(progress, width=width, plain=plain)
    snapshot = progress.snapshot
    if any(each.p50_ns is not None or each.failed for each in snapshot.operations):
        rows = [_row(each) for each in snapshot.operations[:_MOST_OPERATIONS]]
        parts.append(FittingTable(Table(_COLUMNS, rows, first_to_go=("failed", "p99"))))
    if (more := len(snapshot.operations) - _MOST_OPERATIONS) > 0:
        parts.append(Text(f"{INDENT}and {more} more operations", QUIET))
    parts += [
        Text(f"{INDENT}at risk  {one_line(each.text)}", DOUBTFUL, no_wrap=True, overflow="ellipsis")
        for each in snapshot.at_risk[:_MOST_AT_RISK]
    ]
    if (more := len(snapshot.at_risk) - _MOST_AT_RISK) > 0:
        parts.append(Text(f"{INDENT}and {more} more thresholds", DOUBTFUL))
    return Group(*parts)


def log_line(progress: Progress) -> Text:
    """Where a run is on one line, for a log."""
    parts = [*_where(progress), *_how_much(progress)]
    if progress.snapshot.p95_ns is not None:
        parts.append(Text(f"p95 {units.format_duration(progress.snapshot.p95_ns)}"))
    parts += [Text(f"at risk: {one_line(each.text)}") for each in progress.snapshot.at_risk[:_MOST_AT_RISK]]
    return Text(_GAP).join(parts)


def progress_lines(progress: Progress, *, width: int, plain: bool = False) -> Iterator[Text]:
    """Where a run is, and how much it has done, each as far as it fits `width`; no part is cut in half."""
    if progress.planned_vus == 0:  # before and after the load there is little to say
        yield _as_far_as_it_fits([*_where(progress), *_how_much(progress)], width)
        return
    share_done = min(1.0, max(0.0, progress.share_done or 0.0))
    first = _as_far_as_it_fits([*_where(progress), Text(f"{share_done:.0%} of the run")], width)
    yield first + _bar(share_done, width - first.cell_len - len(_GAP), plain=plain)
    yield Text(INDENT) + _as_far_as_it_fits(_how_much(progress), width - len(INDENT))


def _as_far_as_it_fits(parts: Iterable[Text], width: int) -> Text:
    line = Text(no_wrap=True, overflow="crop")
    for part in parts:
        if line.cell_len + len(_GAP) * bool(line) + part.cell_len > width:
            break
        line.append_text(Text.assemble(_GAP if line else "", part))
    return line


def _where(progress: Progress) -> Iterator[Text]:
    yield name(progress.scenario, "bold")
    yield Text(progress.stage) + (Text(" ") + name(progress.phase) if progress.phase else Text())


def _how_much(progress: Progress) -> Iterator[Text]:
    """The most telling first."""
    elapsed = units.format_duration(progress.elapsed_ns)
    if progress.planned_ns is not None:
        yield Text(f"{elapsed} of {units.format_duration(progress.planned_ns)}")
    elif progress.planned_iterations is not None:
        done, planned = units.format_count(progress.iterations), units.format_count(progress.planned_iterations)
        yield Text(f"{done} of {planned} iterations")
        yield Text(elapsed)
    else:
        yield Text(elapsed)
    if progress.planned_vus:
        yield Text(f"{progress.vus} of {progress.planned_vus} vus")
    if progress.ok or progress.failed:
        yield Text(f"{units.format_count(progress.ok)} ok")
        yield Text(f"{units.format_count(progress.failed)} failed", BAD if progress.failed else "")
        yield Text(f"{units.format_rate(progress.rate_per_s)} so far")
    if progress.rss_bytes:
        yield Text(f"RSS {units.format_size(progress.rss_bytes)}", QUIET)


def _sparklines(progress: Progress, *, width: int, plain: bool) -> Iterator[Text]:
    """Rate and p95 of the newest seconds, a character each, and the figures of the last one."""
    seconds = progress.recent.seconds
    if not seconds:
        return
    is_second = progress.recent.length_ns == units.NS_PER_S
    length = "second" if is_second else units.format_duration(progress.recent.length_ns)
    rates, p95s = [second.rate_per_s for second in seconds], [second.p95_ns for second in seconds]
    rate, p95 = figure(rates[-1], units.format_rate), figure(p95s[-1], units.format_duration)
    cells = max(rate.cell_len, p95.cell_len)
    for label, last, values in (("rate", rate, rates), ("p95 ", p95, p95s)):
        pad = " " * (cells - last.cell_len)
        head = Text.assemble(f"{INDENT}{label}{_GAP}{pad}", last, (f" in the last {length}{_GAP}", QUIET))
        if (room := width - head.cell_len) > 0:
            yield head + Text(sparkline_with_gaps(values[-room:], plain=plain), "cyan")


def _row(operation: OperationSoFar) -> list[Text]:
    failed = Text(units.format_count(operation.failed), BAD if operation.failed else QUIET)
    percentiles = (operation.p50_ns, operation.p95_ns, operation.p99_ns)
    times = [figure(value, units.format_duration) for value in percentiles]
    return [name(operation.name), failed, *times]


def _bar(share_done: float, room: int, *, plain: bool) -> Text:
    """A bar of the cells that are left, if they are enough for one."""
    cells = min(room, _BAR_CELLS.stop - 1)
    if cells not in _BAR_CELLS:
        return Text()
    done = round(share_done * cells)
    sign_done, sign_left = ("#", ".") if plain else ("━", "━")
    return Text.assemble(_GAP, (sign_done * done, GOOD), (sign_left * (cells - done), QUIET))
