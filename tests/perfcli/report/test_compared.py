"""A run against its baseline, and the baselines themselves, as they are printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Group, RenderableType

from perfcli.errors import Verdict
from perfcli.report.baselines import render_baseline, render_baselines, saved_in_words
from perfcli.report.compared import render_compared
from perfcli.report.console import render_result, render_summary, render_verdict_line
from perfcli.report.engine import commit_word
from perfcli.results import BaselineComparison, OperationChange, RunResult

MakeResult = Callable[..., RunResult]
Printed = Callable[..., str]
OPERATIONS = [
    OperationChange(
        name="save_pet",
        base_p50_ns=51_300,
        p50_ns=88_800,
        ratio=1.31,
        p_slower=0.00004,
        p_faster=1.0,
        change="regression",
    ),
    OperationChange(
        name="interact",
        base_p50_ns=50_100_000,
        p50_ns=50_090_000,
        in_time=True,
        ratio=0.9998,
        p_slower=0.81,
        p_faster=0.1912,
        change="no change",
    ),
    OperationChange(
        name="feed[bold]", base_p50_ns=None, p50_ns=9_000, change="inconclusive", reason="0 slices in the baseline"
    ),
]


def compared(**changes: Any) -> BaselineComparison:
    """A comparison in which something became slower."""
    return BaselineComparison(
        **{
            "name": "main",
            "commit": "5f16cfb9916cf90ff0aa58d9a0f66914c2b4979a",
            "started_at": "2026-01-02T03:04:05+00:00",
            "change": "regression",
            "base_reference_ns": 20_100,
            "reference_ns": 27_300,
            "operations": OPERATIONS,
            **changes,
        }
    )


@pytest.fixture
def section(make_result: MakeResult, printed: Printed) -> Callable[..., str]:
    """What is printed of a comparison."""

    def on_paper(width: int = 80, **changes: Any) -> str:
        return printed(Group(*render_compared(make_result(baseline=compared(**changes)))), width)

    return on_paper


def test_nothing_where_nothing_was_compared(make_result: MakeResult) -> None:
    assert list(render_compared(make_result())) == []


def test_each_operation_with_both_times_its_change_and_its_verdict(section: Callable[..., str]) -> None:
    assert section() == (
        "  baseline  REGRESSION of 15% or more against main  (2026-01-02T03:04:05+00:00,\n"
        "            commit 5f16cfb)\n"
        "                operation   p50 then  p50 now  change       p\n"
        "  -----------------------------------------------------------\n"
        "  REGRESSION    save_pet     51.3 µs  88.8 µs    +31%  <0.001\n"
        "  no change     interact     50.1 ms  50.1 ms     ~0%   0.191\n"
        "  inconclusive  feed[bold]         –  9.00 µs       –       –\n"
        "  change in units of the reference kernel, which ran beside the load and took\n"
        "  20.1 µs then, 27.3 µs now\n"
        "  ~  as timed: it waits for the simulated AI, whatever the machine's speed\n"
        "  - feed[bold]: 0 slices in the baseline\n"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_fits_every_width(width: int, section: Callable[..., str]) -> None:
    text = section(width)
    assert max(map(len, text.splitlines())) <= width
    assert "REGRESSION    save_pet" in text
    assert "+31%" in text


def test_what_is_incomparable_says_why_and_what_strict_would_do(section: Callable[..., str]) -> None:
    reasons = ["Python is CPython 3.12.1, was CPython 3.11.7", "the scenario does other work: setup.pets is 5, was 0"]
    told = section(change="incomparable", reasons=reasons, operations=[])
    assert "incomparable (--strict makes it fail) against main" in told
    assert "  - Python is CPython 3.12.1, was CPython 3.11.7\n" in told
    assert "--strict" not in section(change="incomparable", reasons=reasons, operations=[], strict=True)


class TestWithTheWholeReport:
    """A comparison is seen wherever the verdict is seen."""

    @pytest.fixture
    def slower(self, make_result: MakeResult) -> RunResult:
        """A run that holds its thresholds, and is slower."""
        return make_result(baseline=compared())

    def test_the_verdict_tells_both(self, slower: RunResult, printed: Printed) -> None:
        line = printed(render_verdict_line(slower), 200)
        assert line.startswith("pass  database_load  all 5 thresholds hold; REGRESSION against main: save_pet +31%")
        assert line.endswith("(exit code 5)\n")
        assert line.replace("\n", "") in " ".join(printed(render_result(slower), 200).splitlines())

    def test_neither_hides_the_other(self, slower: RunResult, printed: Printed) -> None:
        failed = slower.model_copy(update={"verdict": Verdict.FAIL, "reasons": ["a < 1ms: 2 ms", "b < 1ms: 2 ms"]})
        told = printed(render_result(failed), 200)
        assert "FAIL  database_load" in told
        assert "- a < 1ms: 2 ms" in told
        assert "REGRESSION against main: save_pet +31%" in told
        assert "exit code" not in printed(render_verdict_line(failed), 400)

    def test_the_summary_names_it_first(self, slower: RunResult, make_result: MakeResult, printed: Printed) -> None:
        sound = make_result(name="sound", baseline=compared(change="no change", operations=[]))
        first, second = printed(render_summary([sound, slower]), 200).splitlines()[2:4]
        assert "database_load" in first
        assert "REGRESSION against main: save_pet +31%" in first
        assert "REGRESSION" not in second

    def test_strict_makes_the_incomparable_fail_aloud(self, make_result: MakeResult, printed: Printed) -> None:
        reasons = ["the baseline has no run of it"]
        result = make_result(
            baseline=compared(change="incomparable", reasons=reasons, operations=[], strict=True),
        )
        line = printed(render_verdict_line(result), 200)
        assert line.endswith("; incomparable with main: the baseline has no run of it (exit code 4)\n")


class TestBaselines:
    """What a store holds."""

    def test_one_line_each(self, make_result: MakeResult, printed: Printed) -> None:
        runs = [make_result(commit="5f16cfb9916cf90f"), make_result(name="other", commit="5f16cfb9916cf90f")]
        assert printed(render_baselines({"main": runs, "a[b]": [make_result()]})) == (
            "  baseline  runs  newest (UTC)         commit   scenarios\n"
            "  ------------------------------------------------------------------\n"
            "  a[b]         1  2026-01-02 03:04:05  –        database_load\n"
            "  main         2  2026-01-02 03:04:05  5f16cfb  database_load, other\n"
        )

    def test_none_says_how_to_have_one(self, printed: Printed) -> None:
        assert "digipal-perf baseline save NAME" in printed(render_baselines({}), 200)

    @pytest.mark.parametrize("width", [80, 200])
    def test_one_in_full(self, width: int, make_result: MakeResult, printed: Printed) -> None:
        text = printed(render_baseline("main", [make_result(reference_ns=20_500)]), width)
        assert max(map(len, text.splitlines())) <= width
        assert "versions  3.11.9, SQLite 3.40.1" in text
        assert "load_pet" in text
        assert "20.5 µs" in text

    def test_a_run_without_operations_has_its_line(self, make_result: MakeResult, printed: Printed) -> None:
        text = printed(render_baseline("main", [make_result(operations=[], verdict=Verdict.ERROR)]))
        assert "ERROR  database_load" in text

    def test_saving_names_what_where_and_whether_one_was_there(self, make_result: MakeResult) -> None:
        def told(commit: str, *, replaces: bool) -> str:
            run = make_result(commit=commit, engine="v1", engine_modified=not commit)
            run = run.model_copy(update={"environment": run.environment.model_copy(update={"engine_version": "0f3a"})})
            return saved_in_words("main", [run], Path("kept/main.json"), replaces=replaces)

        assert told("5f16cfb9916", replaces=False) == (
            "saved baseline main: database_load of v1; sources 0f3a, commit 5f16cfb, in kept/main.json"
        )
        assert told("", replaces=True) == (
            "replaced baseline main: database_load of v1; sources 0f3a, modified, in kept/main.json"
        )


def test_names_from_outside_are_shown_as_they_are(printed: Printed, make_result: MakeResult) -> None:
    hostile: RenderableType = render_verdict_line(make_result(baseline=compared(name="[red]x\x1b[2J.json")))
    assert "[red]x [2J.json" in printed(hostile, 400)


@pytest.mark.parametrize(
    ("commit", "modified", "word"), [("5f16cfb9916c", False, "5f16cfb"), ("", True, "modified"), ("", False, "")]
)
def test_a_commit_is_told_in_short(commit: str, modified: bool, word: str) -> None:
    assert commit_word(commit, modified=modified) == word
