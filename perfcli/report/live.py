"""One line that tells how a run goes, while it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from perfcli import units
from perfcli.observer import Progress
from perfcli.report.figures import BAD, GOOD, QUIET, name
from perfcli.report.terminal import is_plain

REFRESH_NS: Final = units.NS_PER_S // 4
_BAR_WIDTH: Final = 16
_GAP: Final = "  "


class LiveProgress:
    """An Observer that keeps one line of a terminal up to date; elsewhere it does nothing at all.

    The line goes away at the end, so that only reports stay. What is printed on the same console meanwhile appears
    above it. The line is drawn by the thread that calls `update`, at most four times a second: no thread of its own.
    """

    def __init__(self, console: Console, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._console = console
        self._clock_ns = clock_ns
        self._due_ns = 0
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Take the line, where there is a terminal to take it from."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
            # a process that is killed cannot show the cursor again: leave it visible
            self._console.show_cursor(True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the line back, however the run ended."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(self, progress: Progress) -> None:
        """Draw the line anew, if the last drawing is a quarter of a second old."""
        self.draw(lambda: progress_line(progress, width=self._console.width, plain=is_plain(self._console)))

    def draw(self, line: Callable[[], Text]) -> None:
        """Put another line in its place, likewise; it is only made where it is drawn."""
        if self._live is None:
            return
        now_ns = self._clock_ns()
        if now_ns < self._due_ns:
            return
        self._due_ns = now_ns + REFRESH_NS
        self._live.update(line(), refresh=True)


def progress_line(progress: Progress, *, width: int, plain: bool = False) -> Text:
    """What there is to tell, the most telling first, as far as it fits `width`; nothing is cut in half."""
    line = Text(no_wrap=True, overflow="crop")
    for part in _parts(progress, plain=plain):
        if line.cell_len + len(_GAP) + part.cell_len > width:
            break
        line.append_text(Text.assemble(_GAP if line else "", part))
    return line


def _parts(progress: Progress, *, plain: bool) -> Iterator[Text]:
    yield name(progress.scenario, "bold")
    yield Text(progress.phase)
    if progress.share_done is not None:
        yield _bar(min(1.0, max(0.0, progress.share_done)), plain=plain)
    if progress.failed:
        yield Text(f"{units.format_count(progress.failed)} failed", BAD)
    if progress.ok:
        yield Text(f"{units.format_count(progress.ok)} ok")
        yield Text(units.format_rate(progress.rate_per_s))
    if progress.rss_bytes:
        yield Text(units.format_size(progress.rss_bytes), QUIET)
    yield Text(units.format_duration(progress.elapsed_ns), QUIET)


def _bar(share_done: float, *, plain: bool) -> Text:
    done = round(share_done * _BAR_WIDTH)
    sign_done, sign_left = ("#", ".") if plain else ("━", "━")
    return Text.assemble((sign_done * done, GOOD), (sign_left * (_BAR_WIDTH - done), QUIET), f" {share_done:4.0%}")
