"""The live line: seldom drawn, never in a log, gone at the end."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from perfcli.observer import Progress
from perfcli.report.live import REFRESH_NS, LiveProgress, progress_line

PROGRESS = Progress("database_load", "measuring", 1_240_000_000, 0.5, 12_400, 3, 3_196.0, 43_000_000)


def console(*, terminal: bool = True) -> Console:
    """A console of 100 columns that keeps what is written."""
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=100, color_system=None, _environ={"TERM": "xterm"}
    )


def written(on: Console) -> str:
    """What was written so far."""
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


def ticking(*times_ns: int) -> Callable[[], int]:
    """A clock that shows given times."""
    return iter(times_ns).__next__


class TestLiveProgress:
    """When the line is drawn, and how it goes away."""

    def test_nothing_is_written_where_there_is_no_terminal(self) -> None:
        log = console(terminal=False)
        with LiveProgress(log) as live:
            live.update(PROGRESS)
        assert written(log) == ""

    def test_a_dumb_terminal_counts_as_none(self) -> None:
        dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
        with LiveProgress(dumb) as live:
            live.update(PROGRESS)
        assert written(dumb) == ""

    def test_the_line_is_drawn_four_times_a_second_at_most(self) -> None:
        terminal = console()
        with LiveProgress(terminal, clock_ns=ticking(1, 2, REFRESH_NS, REFRESH_NS + 1, REFRESH_NS + 2)) as live:
            for done in range(5):
                live.update(replace(PROGRESS, ok=done + 100))
            drawn = [count for count in range(100, 105) if f"{count} ok" in written(terminal)]
        assert drawn == [100, 103]

    def test_outside_its_block_it_shows_nothing(self) -> None:
        terminal = console()
        live = LiveProgress(terminal)
        live.update(PROGRESS)
        assert written(terminal) == ""

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
    def test_the_terminal_is_clean_after_an_error(self, error: type[BaseException]) -> None:
        terminal = console()

        def fail_while_live() -> None:
            with LiveProgress(terminal) as live:
                live.update(PROGRESS)
                raise error

        with pytest.raises(error):
            fail_while_live()
        last_draw = written(terminal).rindex("database_load")
        assert "\x1b[2K" in written(terminal)[last_draw:]
        assert written(terminal).rindex("\x1b[?25h") > written(terminal).rindex("\x1b[?25l")

    def test_the_cursor_is_visible_even_while_the_line_is_up(self) -> None:
        terminal = console()
        with LiveProgress(terminal) as live:
            live.update(PROGRESS)
            assert written(terminal).rindex("\x1b[?25h") > written(terminal).rindex("\x1b[?25l")


class TestLine:
    """What the line says."""

    def test_the_line_tells_where_a_run_is(self) -> None:
        line = progress_line(PROGRESS, width=100, plain=True).plain
        assert line == "database_load  measuring  ########........  50%  3 failed  12,400 ok  3,196/s  43.0 MB  1.24 s"

    def test_what_is_not_known_yet_is_left_out(self) -> None:
        starting = Progress("database_load", "starting", 40_000_000, None, 0, 0, 0.0, 0)
        assert progress_line(starting, width=100).plain == "database_load  starting  40.0 ms"

    @pytest.mark.parametrize("width", range(10, 110, 7))
    def test_a_narrow_terminal_gets_whole_parts_only(self, width: int) -> None:
        line = progress_line(PROGRESS, width=width).plain
        parts = progress_line(PROGRESS, width=200).plain.split("  ")
        assert len(line) <= width
        assert line.split("  ") == parts[: len(line.split("  "))] or line == ""

    @pytest.mark.parametrize(("share", "percent"), [(-0.2, "   0%"), (1.7, " 100%")])
    def test_the_bar_stays_in_its_bounds(self, share: float, percent: str) -> None:
        line = progress_line(replace(PROGRESS, share_done=share), width=100, plain=True).plain
        bar = next(part for part in line.split("  ") if part[0] in "#.")
        assert len(bar.rstrip("0123456789% ")) == 16
        assert percent in line

    def test_markup_in_a_name_is_not_obeyed(self) -> None:
        assert "[bold]x[/]" in progress_line(replace(PROGRESS, scenario="[bold]x[/]"), width=100).plain
