"""Histograms and time lines of characters: round edges, nothing hidden, nothing wider than the console."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from perfcli.report.console import to_console
from perfcli.report.drawings import MOST_BINS, Columns, Point, bar_of, edges, stacked
from perfcli.report.run import run_document
from perfcli.results import FaultResult, LoadSlice, RunResult, SecondOfLoad

MS = 1_000_000
S = 1_000_000_000
HISTOGRAM = {50_000: 30, 60_000: 65, 2_000_000: 5}


class TestBins:
    """Where bars begin."""

    @given(st.integers(0, 2**60), st.integers(0, 2**60))
    def test_hold_everything_in_few_bars(self, one: int, other: int) -> None:
        smallest, largest = sorted((one, other))
        found = edges(smallest, largest)
        assert found[0] <= smallest
        assert found[-1] > largest
        assert found[1] > smallest
        assert found[-2] <= largest
        assert all(low < high for low, high in pairwise(found))
        assert len(found) - 1 <= MOST_BINS

    def test_are_even_in_a_narrow_range(self) -> None:
        assert edges(61, 74) == list(range(61, 76))
        assert edges(610_000, 700_000) == list(range(610_000, 720_000, 10_000))

    def test_grow_in_a_wide_one(self) -> None:
        assert edges(33_600, 86_100_000) == [
            *(20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000),
            *(10_000_000, 20_000_000, 50_000_000, 100_000_000),
        ]


class TestBars:
    """How long a bar is."""

    @pytest.mark.parametrize(
        ("fraction", "bar"), [(0, ""), (1e-9, "."), (0.25, "##."), (0.5, "#####"), (1.0, "##########")]
    )
    def test_ends_at_the_nearest_part(self, fraction: float, bar: str) -> None:
        assert bar_of(fraction, 10, ".#") == bar


class TestColumns:
    """Points as columns."""

    @pytest.mark.parametrize("cells", [1, 7, 40, 100])
    def test_no_peak_is_lost(self, cells: int) -> None:
        points = [Point(n * MS, 500.0 if n == 17 else 1.0) for n in range(40)]
        assert max(Columns(points, 40 * MS, str).by_column(cells)) == 500

    def test_a_value_holds_until_the_next_one(self) -> None:
        columns = Columns([Point(0, 1.0), Point(50, 3.0), Point(75, 2.0)], 100, str)
        assert columns.by_column(4) == [1, 1, 3, 2]
        assert columns.by_column(8) == [1, 1, 1, 1, 3, 3, 2, 2]

    def test_nothing_stands_before_the_first_point(self) -> None:
        assert Columns([Point(50, 3.0)], 100, str).by_column(4) == [0, 0, 3, 3]

    def test_are_stacked_from_below(self) -> None:
        assert stacked([0, 0.01, 0.5, 1], 2, " .:#") == ["   #", " .##"]


class TestPlots:
    """The plots in the report."""

    @pytest.fixture
    def result(self, make_result: Callable[..., RunResult], make_operation: Any) -> RunResult:
        """One operation of 100 samples, with slices."""
        operation = make_operation("load_pet", 60_000, 100, histogram_ns=HISTOGRAM)
        parts = [LoadSlice(start_ns=n * 10 * MS, count=10, mean_ns=60e3, median_ns=60e3) for n in range(10)]
        slices = {"load_pet": [*parts[:5], parts[5].model_copy(update={"mean_ns": 2e6}), *parts[6:]]}
        return make_result(operations=[operation], slices=slices, duration_ns=100 * MS)

    def lines(self, result: RunResult, width: int = 80, **console: Any) -> list[str]:
        known: dict[str, Any] = {"color_system": None, "force_terminal": False}
        stream = io.StringIO()
        Console(file=stream, width=width, **known | console).print(to_console(run_document(result, plot=True)))
        return stream.getvalue().splitlines()

    def test_show_how_latency_is_spread(self, result: RunResult) -> None:
        found = [line.split() for line in self.lines(result) if line.endswith(("%", "p50", "p95", "p99"))]
        bars = [words for words in found if words[1] in ("µs", "ms") and words[2][0] in "#."]
        assert [(*words[:2], *words[3:5]) for words in bars] == [
            ("50.0", "µs", "95", "95.0%"),
            ("2.00", "ms", "5", "5.0%"),
        ]

    def test_show_when_it_was_slow(self, result: RunResult) -> None:
        shown = self.lines(result)
        (top,) = (line for line in shown if line.startswith("    2.00 ms |"))
        _, _, drawn_at_top = top.partition("|")
        width = len(shown[shown.index(top) + 5].partition("+")[2])
        # the sixth tenth of the time
        assert drawn_at_top.index("#") == pytest.approx(width / 2, abs=1)
        assert drawn_at_top.count("#") == pytest.approx(width / 10, abs=2)

    def test_the_axis_is_bold_during_faults(self, result: RunResult, lasting_fault: Callable[..., FaultResult]) -> None:
        faults = [
            lasting_fault("lock", 20 * MS, 30 * MS),
            lasting_fault("blink", 99 * MS, 0),
            lasting_fault("no", 0, None),
        ]
        shown = self.lines(result.model_copy(update={"faults": faults}))
        (axis,) = (line.partition("+")[2] for line in shown if "+-" in line)
        assert [first for first in range(len(axis)) if axis[first] == "=" != axis[first - 1]] == [
            len(axis) // 5,
            len(axis) * 99 // 100,
        ]
        assert axis.count("=") == pytest.approx(0.3 * len(axis), abs=2)
        assert "    mean latency over time, faults bold on the axis" in shown

    def test_a_long_run_is_drawn_by_its_seconds(self, result: RunResult) -> None:
        seconds = [SecondOfLoad(second=n, ok=1, failed=0, mean_ns=7e6) for n in range(30)]
        long = result.model_copy(update={"seconds_by_operation": {"load_pet": seconds}, "duration_ns": 30 * S})
        shown = "\n".join(self.lines(long))
        assert "    7.00 ms |###" in shown
        assert "30.0 s" in shown

    @pytest.mark.slow
    @pytest.mark.parametrize("width", [30, 80, 200])
    @pytest.mark.parametrize("terminal", [False, True])
    def test_fit_the_console(self, result: RunResult, width: int, terminal: bool) -> None:
        known = {"force_terminal": True, "color_system": "standard"} if terminal else {}
        stream = io.StringIO()
        console = Console(file=stream, width=width, **({"color_system": None} | known))
        console.print(to_console(run_document(result, plot=True)))
        text = stream.getvalue()
        assert ("█" in text) == terminal
        if not terminal:
            assert max(map(len, text.splitlines())) <= width

    def test_plain_ones_are_ascii(self, result: RunResult) -> None:
        plots = "\n".join(self.lines(result)).replace("µ", "u").replace("–", "-").replace("·", "-")
        assert plots.isascii()

    def test_are_left_out_unless_asked_for(self, result: RunResult, printed: Callable[..., str]) -> None:
        assert "over time" not in printed(run_document(result))

    @pytest.mark.slow
    def test_every_ending_can_be_drawn(self, any_result: RunResult) -> None:
        assert self.lines(any_result)
