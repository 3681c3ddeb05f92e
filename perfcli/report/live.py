"""What is shown of a run while it goes on: a panel on a terminal, a line every ten seconds in CI, else nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from perfcli import units
from perfcli.observer import OperationSoFar, Progress
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Column
from perfcli.report.figures import figure, name, one_line
from perfcli.report.layout import INDENT, FittingTable
from perfcli.report.terminal import is_plain, make_console

REFRESH_NS: Final = units.NS_PER_S // 2
LOG_NS: Final = 10 * units.NS_PER_S
_BAR_WIDTH: Final = 16
_GAP: Final = "  "
_NOT_CI: Final = ("", "0", "false", "no", "off")
_MOST_OPERATIONS: Final = 8
_MOST_AT_RISK: Final = 3
_COLUMNS: Final = (Column("operation", "word"), *map(Column, ("ok", "failed", "p50", "p95", "p99")))


class LiveProgress:
    """An Observer that keeps a panel on a terminal up to date.

    The panel goes away at the end, so that only reports stay. What is printed on the same console meanwhile appears
    above it. It is drawn by the thread that calls `update`, at most twice a second: no thread of its own.

    Without a terminal, where `CI` is set, a line goes to `log` every ten seconds; anywhere else, nothing at all.

    Args:
        wanted: whether to show anything.
        log: where such lines go, stderr by default: what a run reports is on stdout.
    """

    def __init__(
        self,
        console: Console,
        *,
        wanted: bool = True,
        log: Console | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._console = console
        self._clock_ns = clock_ns
        self._due_ns = 0
        self._live: Live | None = None
        self._has_terminal = console.is_terminal and not console.is_dumb_terminal
        self._panel_wanted = wanted and self._has_terminal
        self._log = _log(log) if wanted and not console.is_terminal and _in_ci() else None

    @property
    def wants_glimpses(self) -> bool:
        """Whether it shows percentiles and thresholds."""
        return self._live is not None or self._log is not None

    def __enter__(self) -> Self:
        """Take the panel's place, where there is a terminal to take it from."""
        if self._panel_wanted:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
            # a process that is killed cannot show the cursor again: leave it visible
            self._console.show_cursor(True)
        elif self._log is not None:
            self._due_ns = self._clock_ns() + LOG_NS
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the place back, however the run ended."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(self, progress: Progress) -> None:
        """Draw the panel anew, if the last drawing is half a second old; or say a line, after ten seconds."""
        plain = is_plain(self._console)
        self._show(lambda: render_panel(progress, width=self._console.width, plain=plain), lambda: log_line(progress))

    def tell(self, line: Callable[[], Text]) -> None:
        """Show a line in the panel's place, likewise; it is only made where it is shown."""
        self._show(line, line)

    def _show(self, picture: Callable[[], RenderableType], line: Callable[[], Text]) -> None:
        if self._live is not None and self._is_due(REFRESH_NS):
            self._live.update(picture(), refresh=True)
        elif self._log is not None and self._is_due(LOG_NS):
            self._log.print(line(), soft_wrap=True)

    def _is_due(self, interval_ns: int) -> bool:
        now_ns = self._clock_ns()
        if now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + interval_ns
        return True


def _in_ci() -> bool:
    """Whether `CI` is set, to something else than a no."""
    return os.environ.get("CI", "").strip().lower() not in _NOT_CI


def _log(log: Console | None) -> Console:
    return log or make_console(file=sys.stderr)


def render_panel(progress: Progress, *, width: int, plain: bool = False) -> RenderableType:
    """The line of a run, its operations, and what it may fail by."""
    parts: list[RenderableType] = [progress_line(progress, width=width, plain=plain)]
    glimpse = progress.glimpse
    if any(each.p50_ns is not None or each.failed for each in glimpse.operations):
        parts.append(FittingTable(_COLUMNS, [_row(each) for each in glimpse.operations[:_MOST_OPERATIONS]]))
    if (more := len(glimpse.operations) - _MOST_OPERATIONS) > 0:
        parts.append(Text(f"{INDENT}and {more} more operations", QUIET))
    parts += [
        Text(f"{INDENT}at risk  {one_line(threshold)}", DOUBTFUL, no_wrap=True, overflow="ellipsis")
        for threshold in glimpse.at_risk[:_MOST_AT_RISK]
    ]
    if (more := len(glimpse.at_risk) - _MOST_AT_RISK) > 0:
        parts.append(Text(f"{INDENT}and {more} more thresholds", DOUBTFUL))
    return Group(*parts)


def log_line(progress: Progress) -> Text:
    """All there is to tell on one line, for a log."""
    line = progress_line(progress, width=sys.maxsize, plain=True)
    for each in progress.glimpse.operations[:_MOST_OPERATIONS]:
        if each.p50_ns is not None and each.p99_ns is not None:
            p50, p99 = units.format_duration(each.p50_ns), units.format_duration(each.p99_ns)
            line.append(f"{_GAP}{each.name} p50 {p50} p99 {p99}")
    for threshold in progress.glimpse.at_risk[:_MOST_AT_RISK]:
        line.append(f"{_GAP}at risk: {one_line(threshold)}")
    return line


def progress_line(progress: Progress, *, width: int, plain: bool = False) -> Text:
    """What there is to tell, the most telling first, as far as it fits `width`; nothing is cut in half."""
    line = Text(no_wrap=True, overflow="crop")
    for part in _parts(progress, plain=plain):
        if line.cell_len + len(_GAP) + part.cell_len > width:
            break
        line.append_text(Text.assemble(_GAP if line else "", part))
    return line


def _row(operation: OperationSoFar) -> list[Text]:
    failed = Text(units.format_count(operation.failed), BAD if operation.failed else QUIET)
    percentiles = (operation.p50_ns, operation.p95_ns, operation.p99_ns)
    times = [figure(value, units.format_duration) for value in percentiles]
    return [name(operation.name), Text(units.format_count(operation.ok)), failed, *times]


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
