"""The live panel: seldom drawn, never in a log, gone at the end; and the line that CI gets instead."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from perfcli.observer import Glimpse, OperationSoFar, Progress
from perfcli.report.live import LOG_NS, REFRESH_NS, LiveProgress, log_line, progress_line, render_panel

PROGRESS = Progress("database_load", "measuring", 1_240_000_000, 0.5, 12_400, 3, 3_196.0, 43_000_000)

GLIMPSE = Glimpse(
    (
        OperationSoFar("load_pet", 9_900, 0, 61_000.0, 88_000.0, 140_000.0),
        OperationSoFar("save_pet", 2_500, 3, 80_000.0, 120_000.0, 210_000.0),
    ),
    ("save_pet.latency.p99 < 200us: 210 µs",),
)


@pytest.fixture(autouse=True)
def _not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


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

    def test_the_panel_is_drawn_twice_a_second_at_most(self) -> None:
        terminal = console()
        with LiveProgress(terminal, clock_ns=ticking(1, 2, REFRESH_NS, REFRESH_NS + 1, REFRESH_NS + 2)) as live:
            for done in range(5):
                live.update(replace(PROGRESS, ok=done + 100))
            drawn = [count for count in range(100, 105) if f"{count} ok" in written(terminal)]
        assert drawn == [100, 103]

    def test_nothing_is_drawn_where_nothing_is_wanted(self) -> None:
        terminal = console()
        with LiveProgress(terminal, wanted=False) as live:
            live.update(PROGRESS)
            assert not live.wants_glimpses
        assert written(terminal) == ""

    def test_ci_gets_a_line_every_ten_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", "true")
        report, log = console(terminal=False), console(terminal=False)
        times = ticking(0, LOG_NS - 1, LOG_NS, LOG_NS + 1, 2 * LOG_NS)
        with LiveProgress(report, log=log, clock_ns=times) as live:
            assert live.wants_glimpses
            for done in range(4):
                live.update(replace(PROGRESS, ok=done + 100))
        assert written(report) == ""
        assert [line.split(" ok")[0][-3:] for line in written(log).splitlines()] == ["101", "103"]

    @pytest.mark.parametrize("value", ["", "0", "false", "False", "no"])
    def test_a_variable_that_says_no_is_not_ci(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", value)
        with LiveProgress(console(terminal=False)) as live:
            assert not live.wants_glimpses

    def test_a_terminal_in_ci_gets_the_panel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", "true")
        terminal, log = console(), console(terminal=False)
        with LiveProgress(terminal, log=log) as live:
            live.update(PROGRESS)
        assert "12,400 ok" in written(terminal)
        assert written(log) == ""

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


class TestPanel:
    """What the panel says below its line."""

    @staticmethod
    def lines(progress: Progress, width: int = 100) -> list[str]:
        paper = Console(file=io.StringIO(), width=width, color_system=None)
        paper.print(render_panel(progress, width=width, plain=True))
        return [line.rstrip() for line in written(paper).splitlines()]

    def test_operations_stand_below_the_line_and_risks_below_them(self) -> None:
        line, head, _, load, save, risk = self.lines(replace(PROGRESS, glimpse=GLIMPSE))
        assert line.startswith("database_load  measuring")
        assert head.split() == ["operation", "ok", "failed", "p50", "p95", "p99"]
        assert load.split()[:3] == ["load_pet", "9,900", "0"]
        assert save.split()[:3] == ["save_pet", "2,500", "3"]
        assert risk == "  at risk  save_pet.latency.p99 < 200us: 210 µs"

    def test_before_anything_is_known_it_is_the_line_alone(self) -> None:
        unknown = Glimpse((OperationSoFar("load_pet", 0, 0, None, None, None),))
        assert len(self.lines(replace(PROGRESS, glimpse=unknown))) == 1

    def test_of_many_operations_and_risks_the_first_are_shown(self) -> None:
        many = Glimpse(tuple(replace_name(f"step{n}") for n in range(12)), tuple(f"risk {n}" for n in range(5)))
        lines = self.lines(replace(PROGRESS, glimpse=many))
        assert "  and 4 more operations" in lines
        assert lines[-1] == "  and 2 more thresholds"

    @pytest.mark.parametrize("width", [20, 40, 80, 200])
    def test_no_line_is_wider_than_the_terminal(self, width: int) -> None:
        glimpse = replace(GLIMPSE, at_risk=("x" * 300,))
        assert max(map(len, self.lines(replace(PROGRESS, glimpse=glimpse), width))) <= width

    def test_a_line_for_a_log_has_it_all(self) -> None:
        line = log_line(replace(PROGRESS, glimpse=GLIMPSE)).plain
        assert "save_pet p50 80.0 µs p99 210 µs" in line
        assert line.endswith("at risk: save_pet.latency.p99 < 200us: 210 µs")
        assert "\n" not in line


def replace_name(name: str) -> OperationSoFar:
    return replace(GLIMPSE.operations[0], name=name)
