"""The live panel: seldom drawn, never in a log, gone at the end; and the line that a pipe gets instead."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console
from rich.text import Text

from perfcli.observer import AtRisk, OperationSoFar, Progress, Recent, Second, Snapshot
from perfcli.report.panel import LOG_NS, REFRESH_NS, LiveProgress, Panel, log_line, progress_lines, render_panel
from perfcli.run.interrupts import STOPPING, Interrupts

S = 1_000_000_000
PROGRESS = Progress(
    "database_load",
    "measuring",
    12_400_000_000,
    planned_ns=30 * S,
    vus=4,
    planned_vus=5,
    share_done=0.5,
    ok=12_400,
    failed=3,
    rate_per_s=3_196.0,
    rss_bytes=43_000_000,
)

GLIMPSE = Snapshot(
    (
        OperationSoFar("load_pet", 9_900, 0, 61_000.0, 88_000.0, 140_000.0),
        OperationSoFar("save_pet", 2_500, 3, 80_000.0, 120_000.0, 210_000.0),
    ),
    (AtRisk("save_pet.latency.p99 < 200us", "save_pet.latency.p99 < 200us: 210 µs"),),
    95_000.0,
)
RECENT = Recent(S, tuple(Second(rate, rate * 10) for rate in (100.0, 200.0, 300.0, 400.0)))


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

    def test_a_dumb_terminal_counts_as_none(self) -> None:
        log = console(terminal=False)
        dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
        with LiveProgress(dumb, log=log, clock_ns=ticking(0, LOG_NS)) as live:
            live.update(PROGRESS)
        assert written(dumb) == ""
        assert written(log).startswith("database_load  measuring")

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
            assert not live.wants_snapshots
        assert written(terminal) == ""

    @pytest.mark.parametrize("ci", ["true", ""])
    def test_without_a_terminal_a_line_goes_to_the_log_every_ten_seconds(
        self, ci: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CI", ci)
        report, log = console(terminal=False), console(terminal=False)
        times = ticking(0, LOG_NS - 1, LOG_NS, LOG_NS + 1, 2 * LOG_NS)
        with LiveProgress(report, log=log, clock_ns=times) as live:
            assert live.wants_snapshots
            for done in range(4):
                live.update(replace(PROGRESS, ok=done + 100))
        assert written(report) == ""
        assert [line.split(" ok")[0][-3:] for line in written(log).splitlines()] == ["101", "103"]

    def test_what_begins_is_said_at_once(self) -> None:
        terminal, log = console(), console(terminal=False)
        for shown in (terminal, console(terminal=False)):
            with LiveProgress(shown, log=log) as live:
                live.begin(Text("comparing a with b"))
                assert "comparing a with b" in written(terminal)
        assert written(log) == "comparing a with b\n"

    def test_a_signal_is_answered_at_once_and_until_the_end(self) -> None:
        terminal, interrupts = console(), Interrupts()
        with LiveProgress(terminal, interrupts=interrupts, clock_ns=ticking(0, REFRESH_NS - 1, REFRESH_NS)) as live:
            live.update(PROGRESS)
            assert STOPPING not in written(terminal)
            assert interrupts.screen is not None
            interrupts.screen.announce(STOPPING)
            assert written(terminal).count(STOPPING) == 1
            assert written(terminal).count("12,400 ok") == 2
            for _ in range(2):
                live.update(PROGRESS)
            assert written(terminal).count(STOPPING) == 2
        assert interrupts.screen is None

    def test_a_signal_while_it_is_drawn_is_answered_right_after(self) -> None:
        terminal = console()
        panel, drawn = Panel(terminal), iter((STOPPING, "", ""))

        def picture(width: int, plain: bool) -> Text:
            if announced := next(drawn):
                panel.announce(announced)  # as a signal handler does, in the middle
            return Text("picture")

        panel.start()
        panel.show(picture)
        panel.stop()
        assert STOPPING in written(terminal).rpartition("picture")[2]

    @pytest.mark.parametrize(("width", "rows"), [(100, 1), (97, 1), (60, 2), (30, 4), (200, 1)])
    def test_lines_that_a_narrower_terminal_wrapped_are_erased(self, width: int, rows: int) -> None:
        terminal = console()
        panel = Panel(terminal)
        panel.start()
        panel.show(lambda width, plain: Text("x" * 97))
        before = len(written(terminal))
        terminal.width = width
        for _ in range(2):
            panel.show(lambda width, plain: Text("y"))
        erasure = written(terminal)[before:].partition("y")[0]
        panel.stop()
        assert (erasure.count("\x1b[2K"), erasure.count("\x1b[1A")) == (rows, rows - 1)

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

    def test_nothing_is_drawn_while_the_width_changes(self) -> None:
        terminal = console()
        panel = Panel(terminal)
        panel.start()
        before = written(terminal)
        for width in (90, 80, 70):
            terminal.width = width
            panel.show(lambda width, plain: Text("picture"))
        assert written(terminal) == before
        panel.show(lambda width, plain: Text("picture"))
        panel.stop()
        assert "picture" in written(terminal)


class TestLines:
    """How far a run is."""

    @staticmethod
    def lines(progress: Progress, width: int = 100) -> list[str]:
        return [line.plain for line in progress_lines(progress, width=width, plain=True)]

    def test_every_figure_has_its_label(self) -> None:
        assert self.lines(PROGRESS) == [
            f"database_load  measuring  50% of the run  {'#' * 20}{'.' * 20}",
            "  12.4 s of 30.0 s  4 of 5 vus  12,400 ok  3 failed  3,196/s so far  RSS 43.0 MB",
        ]

    def test_iterations_stand_for_time_if_they_decide(self) -> None:
        counted = replace(PROGRESS, planned_ns=None, iterations=1_200, planned_iterations=5_000)
        assert self.lines(counted)[1].startswith("  1,200 of 5,000 iterations  12.4 s  4 of 5 vus")

    def test_a_phase_is_named(self) -> None:
        assert self.lines(replace(PROGRESS, phase="rush (2 of 3)"))[0].startswith(
            "database_load  measuring rush (2 of 3)  50%"
        )

    def test_what_is_not_known_yet_is_left_out(self) -> None:
        assert self.lines(Progress("database_load", "starting", 40_000_000)) == ["database_load  starting  40.0 ms"]

    @pytest.mark.parametrize(("width", "cells"), [(47, 0), (48, 6), (57, 15), (82, 40), (200, 40)])
    def test_the_bar_takes_what_room_is_left(self, width: int, cells: int) -> None:
        assert sum(map(self.lines(PROGRESS, width)[0].count, "#.")) == cells

    @pytest.mark.parametrize("width", range(10, 110, 7))
    def test_a_narrow_terminal_gets_whole_parts_only(self, width: int) -> None:
        for line, whole in zip(self.lines(PROGRESS, width), self.lines(PROGRESS, 200), strict=True):
            assert len(line) <= width
            said = line.rstrip("#. ")
            assert whole == said or whole.startswith(f"{said}  ") or not said

    @pytest.mark.parametrize(("share", "told", "done"), [(-0.2, "0%", 0), (1.7, "100%", 40)])
    def test_the_bar_stays_in_its_bounds(self, share: float, told: str, done: int) -> None:
        first, _ = self.lines(replace(PROGRESS, share_done=share))
        assert first.endswith(f"{told} of the run  {'#' * done}{'.' * (40 - done)}")

    def test_markup_in_a_name_is_not_obeyed(self) -> None:
        assert "[bold]x[/]" in self.lines(replace(PROGRESS, scenario="[bold]x[/]", phase="[red]"))[0]


class TestPanel:
    """What the panel says below its line."""

    @staticmethod
    def lines(progress: Progress, width: int = 100) -> list[str]:
        paper = Console(file=io.StringIO(), width=width, color_system=None)
        paper.print(render_panel(progress, width=width, plain=True))
        return [line.rstrip() for line in written(paper).splitlines()]

    def test_operations_stand_below_the_line_and_risks_below_them(self) -> None:
        line, _, head, _, load, save, risk = self.lines(replace(PROGRESS, snapshot=GLIMPSE))
        assert line.startswith("database_load  measuring")
        assert head.split() == ["operation", "failed", "p50", "p95", "p99"]
        assert load.split()[:2] == ["load_pet", "0"]
        assert save.split()[:2] == ["save_pet", "3"]
        assert risk == "  at risk  save_pet.latency.p99 < 200us: 210 µs"

    def test_before_anything_is_known_it_is_the_line_alone(self) -> None:
        unknown = Snapshot((OperationSoFar("load_pet", 0, 0, None, None, None),))
        assert len(self.lines(replace(PROGRESS, snapshot=unknown))) == 2

    def test_the_newest_seconds_are_drawn_a_character_each(self) -> None:
        _, _, rate, p95 = self.lines(replace(PROGRESS, recent=RECENT))
        assert rate == "  rate    400/s in the last second  _-+#"
        assert p95 == "  p95   4.00 µs in the last second  _-+#"

    def test_of_more_seconds_than_columns_the_newest_are_drawn(self) -> None:
        many = Recent(S, tuple(Second(1.0 if number < 300 else 100.0, None) for number in range(310)))
        _, _, rate, p95 = self.lines(replace(PROGRESS, recent=many), 80)
        assert len(rate) == 80
        assert rate.endswith("#" * 10)
        assert p95 == "  p95       – in the last second"

    def test_seconds_without_a_success_are_blank_and_a_rate_of_nothing_is_low(self) -> None:
        idle = Recent(2 * S, (Second(0.0, None), Second(0.0, None)))
        rate = self.lines(replace(PROGRESS, recent=idle))[2]
        assert rate == "  rate  0/s in the last 2.00 s  __"
        half = Recent(S, (Second(1.0, 1e6), Second(0.0, None), Second(1.0, 1e6)))
        assert self.lines(replace(PROGRESS, recent=half))[3].endswith("=" + " " + "=")

    def test_of_many_operations_and_risks_the_first_are_shown(self) -> None:
        many = Snapshot(
            tuple(replace_name(f"step{n}") for n in range(12)), tuple(AtRisk("", f"risk {n}") for n in range(5))
        )
        lines = self.lines(replace(PROGRESS, snapshot=many))
        assert "  and 4 more operations" in lines
        assert lines[-1] == "  and 2 more thresholds"

    @pytest.mark.parametrize("width", [20, 40, 80, 200])
    def test_no_line_is_wider_than_the_terminal(self, width: int) -> None:
        snapshot = replace(GLIMPSE, at_risk=(AtRisk("x", "x" * 300),))
        assert max(map(len, self.lines(replace(PROGRESS, snapshot=snapshot, recent=RECENT), width))) <= width

    def test_a_line_for_a_log_has_it_all(self) -> None:
        assert log_line(replace(PROGRESS, snapshot=GLIMPSE, phase="rush (2 of 3)")).plain == (
            "database_load  measuring rush (2 of 3)  12.4 s of 30.0 s  4 of 5 vus  12,400 ok  3 failed  3,196/s so far"
            "  RSS 43.0 MB  p95 95.0 µs  at risk: save_pet.latency.p99 < 200us: 210 µs"
        )


def replace_name(name: str) -> OperationSoFar:
    return replace(GLIMPSE.operations[0], name=name)
