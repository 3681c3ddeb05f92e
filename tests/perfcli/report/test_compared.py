"""A run against its baseline, and the baselines themselves, as they are printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType

from perfcli.errors import Verdict
from perfcli.report.compared import baseline_section
from perfcli.report.history import baseline_document, baselines_document, saved_in_words
from perfcli.report.run import run_document
from perfcli.report.summary import render_verdict_line, summary_document
from perfcli.report.wording import commit_word
from perfcli.results import BaselineComparison, OperationChange, RunResult

MakeResult = Callable[..., RunResult]
Printed = Callable[..., str]
OPERATIONS = [
    OperationChange(
        name="save_pet",
        base_p50_ns=51_300,
        p50_ns=88_800,
        ratio=1.31,
        lower=1.28,
        upper=1.343,
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
        lower=0.9981,
        upper=1.0012,
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
        return printed([baseline_section(make_result(baseline=compared(**changes)))], width)

    return on_paper


def test_nothing_where_nothing_was_compared(make_result: MakeResult) -> None:
    assert baseline_section(make_result()).blocks == ()


def test_each_operation_with_both_times_its_change_and_its_verdict(section: Callable[..., str]) -> None:
    lines = section(200).splitlines()
    assert lines[0].startswith("  baseline  REGRESSION against main")
    assert lines[1:6] == [
        "                operation   p50 then  p50 now  change         interval  p-value",
        "  -----------------------------------------------------------------------------",
        "  REGRESSION    save_pet     51.3 µs  88.8 µs  +31.0%  +28.0 to +34.3%   <0.001",
        "  no change     interact     50.1 ms  50.1 ms   ~0.0%    -0.2 to +0.1%    0.191",
        "  INCONCLUSIVE  feed[bold]         –  9.00 µs       –                         –",
    ]
    assert lines[6].startswith("  ~  ")
    assert "20.1 µs then, 27.3 µs now" in " ".join(" ".join(lines[7:-1]).split())
    assert lines[-1:] == ["  - feed[bold]: 0 slices in the baseline"]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_fits_every_width(width: int, section: Callable[..., str]) -> None:
    text = section(width)
    assert max(map(len, text.splitlines())) <= width
    assert "REGRESSION    save_pet" in text
    assert "+31.0%" in text


def test_what_is_incomparable_says_why_and_what_strict_would_do(section: Callable[..., str]) -> None:
    reasons = [
        "Python is CPython 3.12.1, was CPython 3.11.7",
        "the scenario does different work: setup.pets is 5, was 0",
    ]
    told = section(change="incomparable", reasons=reasons, operations=[])
    assert "incomparable with main" in told
    assert "with --strict it fails" in told
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
        assert line.startswith("pass  database_load  all 5 thresholds hold; REGRESSION against main: save_pet +31.0%")
        assert line.endswith("(exit code 5)\n")
        told = printed(run_document(slower), 80, brief=True)
        assert told.startswith("PASS, REGRESSION  database_load")
        assert "REGRESSION    save_pet" in told

    def test_neither_hides_the_other(self, slower: RunResult, printed: Printed) -> None:
        failed = slower.model_copy(update={"verdict": Verdict.FAIL, "reasons": ["a < 1ms: 2 ms", "b < 1ms: 2 ms"]})
        told = printed(run_document(failed), 200)
        assert told.startswith("FAIL, REGRESSION  database_load")
        assert "- a < 1ms: 2 ms" in told
        assert "REGRESSION against main: " in told
        assert "exit code" not in printed(render_verdict_line(failed), 400)

    def test_the_summary_names_it_first(self, slower: RunResult, make_result: MakeResult, printed: Printed) -> None:
        sound = make_result(name="sound", baseline=compared(change="no change", operations=[]))
        first, second = printed(summary_document([sound, slower]), 200).splitlines()[2:4]
        assert "database_load" in first
        assert "REGRESSION against main: save_pet +31.0%" in first
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
        assert printed(baselines_document({"main": runs, "a[b]": [make_result()]})) == (
            "  baseline  runs  newest (UTC)         commit   scenarios\n"
            "  ------------------------------------------------------------------\n"
            "  a[b]         1  2026-01-02 03:04:05  –        database_load\n"
            "  main         2  2026-01-02 03:04:05  5f16cfb  database_load, other\n"
        )

    def test_none_says_how_to_have_one(self, printed: Printed) -> None:
        assert "digipal-perf baseline save NAME" in printed(baselines_document({}), 200)

    @pytest.mark.parametrize("width", [80, 200])
    def test_one_in_full(self, width: int, make_result: MakeResult, printed: Printed) -> None:
        text = printed(baseline_document("main", [make_result(reference_ns=20_500)]), width)
        assert max(map(len, text.splitlines())) <= width
        assert "versions  3.11.9, SQLite 3.40.1" in text
        assert "load_pet" in text
        assert "20.5 µs" in text

    def test_a_run_without_operations_has_its_line(self, make_result: MakeResult, printed: Printed) -> None:
        text = printed(baseline_document("main", [make_result(operations=[], verdict=Verdict.ERROR)]))
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
