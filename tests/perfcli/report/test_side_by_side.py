"""Results side by side, as they are printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perfcli.history.result_pairs import Source, side_by_side
from perfcli.report.html.page import render_document
from perfcli.report.markdown import to_markdown
from perfcli.report.side_by_side import compared_document
from perfcli.results import MemoryResult, RunResult, ThresholdResult
from perfcli.units import Unit
from tests.perfcli.history.fabricated import HERE, SCENARIO, slices

MakeResult = Callable[..., RunResult]
Printed = Callable[..., str]


def threshold(observed: float) -> ThresholdResult:
    """One on failures."""
    return ThresholdResult(expr="failed < 1", unit=Unit.COUNT, observed=observed, limit=1, passed=observed < 1)


@pytest.fixture
def make(make_result: MakeResult) -> MakeResult:
    """A run of a database load whose operation takes so long."""

    def made(took_ns: float = 100, seed: int = 1, **changes: Any) -> RunResult:
        return make_result(
            **{
                "slices": {"load_pet": slices(took_ns, seed=seed)},
                "environment": HERE,
                "thresholds": [],
                "scenario": SCENARIO,
                **changes,
            }
        )

    return made


@pytest.fixture
def on_paper(printed: Printed) -> Callable[..., str]:
    """What is printed of runs of a file each."""

    def shown(*runs: RunResult, width: int = 80, strict: bool = False, brief: bool = True) -> str:
        sources = [Source(f"{letter}.json", (each,)) for letter, each in zip("abcd", runs, strict=False)]
        return printed(compared_document(side_by_side(sources, strict=strict)), width, brief=brief)

    return shown


def test_the_verdict_then_what_differs_then_each_operation(make: MakeResult, on_paper: Callable[..., str]) -> None:
    lines = on_paper(make(engine="v1"), make(130, seed=2, engine="v2")).splitlines()
    assert lines[0].startswith("REGRESSION  database_load  v2 against v1: load_pet +30.9%")
    assert lines[1:3] == [
        "  base  a.json · 2026-01-02 03:04 · pass",
        "  now   b.json · 2026-01-02 03:04 · pass",
    ]
    assert lines[3].split() == ["operation", "change", "interval", "p-value"]
    assert lines[4].split()[:2] == ["REGRESSION", "load_pet"]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("brief", [True, False])
def test_fits_every_width(width: int, brief: bool, make: MakeResult, on_paper: Callable[..., str]) -> None:
    base, now = make(thresholds=[threshold(0)]), make(130, seed=2, thresholds=[threshold(2)])
    text = on_paper(base, now, width=width, brief=brief)
    assert max(map(len, text.splitlines())) <= width


def test_all_percentiles_of_both_fit_a_terminal(make: MakeResult, on_paper: Callable[..., str]) -> None:
    text = on_paper(make(), make())
    assert "operation                p50" in text
    assert "p99" in text
    (line,) = [line for line in text.splitlines() if line.strip().startswith("total")]
    assert line.count("→") == 3


def test_what_is_incomparable_is_shown_as_it_was_timed(make: MakeResult, on_paper: Callable[..., str]) -> None:
    elsewhere = make(300, environment=HERE.model_copy(update={"cpu_count": 64, "usable_cpus": 64, "cpu_model": "X9"}))
    text = on_paper(make(), elsewhere)
    assert text.startswith("incomparable  database_load  b.json with a.json: the CPU is X9, was x86_64 (and")
    assert "  machine  2 cores, x86_64 → 64 cores, X9\n" in text
    assert "with --strict it fails" in text
    assert "→" in text[text.index("total") :]
    assert "with --strict it fails" not in on_paper(make(), elsewhere, strict=True)


def test_thresholds_with_another_outcome_are_shown_and_the_others_counted(
    make: MakeResult, on_paper: Callable[..., str]
) -> None:
    other = threshold(0).model_copy(update={"expr": "skipped < 1"})
    text = on_paper(make(thresholds=[threshold(0), other]), make(thresholds=[threshold(2), other]))
    assert [line.split() for line in text.splitlines() if "failed < 1" in line] == [
        ["pass", "FAIL", "failed", "<", "1", "0", "2"]
    ]
    assert "1 pass in both" in text


def test_memory_is_written_with_the_change_where_that_means_something(
    make: MakeResult, on_paper: Callable[..., str]
) -> None:
    sizes = [MemoryResult(growth=growth, peak=peak) for growth, peak in ((-4_000, 10**6), (8_000, 2 * 10**6))]
    text = on_paper(*(make(memory=size) for size in sizes), brief=False)
    rows = {
        line.split("  ")[1].strip(): line.split()
        for line in text.splitlines()
        if "RSS growth" in line or "peak" in line
    }
    assert rows["RSS growth"][-4:] == ["-4.00", "kB", "8.00", "kB"]
    assert rows["peak"][-1] == "+100%"


def test_several_begin_with_a_tally_and_what_has_not_changed_has_a_line(
    make: MakeResult, on_paper: Callable[..., str]
) -> None:
    lines = on_paper(make(), make(), make(140, seed=2)).splitlines()
    assert lines[0] == "REGRESSION  2 comparisons  1 regression, 1 no change"
    assert lines[1].startswith("REGRESSION  database_load  c.json against a.json: load_pet +")
    assert lines[-1] == "no change  database_load  b.json against a.json"


def test_runs_without_a_partner_are_named(make: MakeResult, printed: Printed) -> None:
    swept = [make(variation={"setup.pets": pets}) for pets in (1, 10)]
    found = side_by_side([Source("a.json", tuple(swept)), Source("b.json", tuple(swept[:1]))])
    text = printed(compared_document(found), 200)
    assert "database_load [setup.pets=10] is in a.json only: b.json has no such run" in text


def test_markdown_and_html_hold_the_same_and_no_markup_from_outside(make: MakeResult) -> None:
    sources = [Source("<b>.json", (make(),)), Source("b|c.json", (make(130, seed=2),))]
    document = compared_document(side_by_side(sources))
    markdown, page = to_markdown(document), render_document(document, "compared")
    assert markdown.startswith("### REGRESSION: `database_load`\n")
    assert "| REGRESSION |" in markdown.replace("**", "")
    assert "`<b>.json`" in markdown
    assert "<b>" not in page
    assert "&lt;b&gt;.json" in page
    assert "<script" not in page
