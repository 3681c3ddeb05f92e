"""Markdown: what a reader sees, as a parser of GitHub's tables renders it."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.text import Text

from perfcli.ab.result import AbResult, Change
from perfcli.errors import Verdict
from perfcli.report.blocks import Column, Section, Table
from perfcli.report.markdown import render_markdown, to_markdown
from perfcli.report.wording import name, one_line
from perfcli.results import BaselineComparison, OperationChange, RunResult

HOSTILE = "a<b>&lt; \"c\" |'d'| \\| `e`` *f* _g_ [h](i) ~~j~~\n@team #1 \x1b[31m 👩‍👩‍👧"


class Page(HTMLParser):
    """The words of a page: rows of cells, headings, items of lists, and the elements that were met."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.texts.setdefault(tag, []).append("")
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data


def test_the_verdict_and_what_failed_stand_first(all_results: dict[str, RunResult]) -> None:
    page = Page(render_markdown([all_results["failed"]]))
    assert page.texts["h3"] == ["FAIL: database_load"]
    assert page.texts["li"][0] == "load_pet.latency.mean < 100ms: 112 ms"
    operations = page.rows.index(["operation", "ok", "failed", "rate", "mean", "p50", "p95", "p99", "max"])
    assert page.rows[operations + 1][:3] == ["save_pet", "401", "1"]
    thresholds = page.rows.index(["", "threshold", "observed", "limit", "margin"])
    assert page.rows[thresholds + 1] == ["FAIL", "load_pet.latency.mean", "112 ms", "< 100 ms", "-12%"]
    assert ["save_pet", "database is locked", "1"] in page.rows


def test_every_ending_has_whole_tables(any_reported: RunResult | AbResult) -> None:
    page = Page(render_markdown([any_reported]))
    assert len(page.texts["h3"]) == 1
    assert set(page.texts) <= {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "strong", "ul", "li"} | {
        *("details", "summary", "pre", "br")
    }
    assert len(page.texts["details"]) in (1, 2)


def test_several_results_have_an_overview(all_results: dict[str, RunResult], make_ab: Callable[..., AbResult]) -> None:
    page = Page(render_markdown([all_results["passed"], make_ab(Change.REGRESSION)]))
    assert [row[:2] for row in page.rows[1:3]] == [["REGRESSION", "database_load"], ["PASS", "database_load"]]
    assert page.rows[1][2] == "load_pet.p50 is 20.0% slower (+10.0 to +30.0%)"
    assert page.texts["h3"] == ["REGRESSION: database_load", "PASS: database_load"]


def test_what_passed_stands_last(all_results: dict[str, RunResult]) -> None:
    markdown = render_markdown([all_results[name] for name in ("passed", "failed", "second_try", "in_trouble")])
    assert [line[4:8] for line in markdown.splitlines() if line.startswith("### ")] == ["FAIL", "FAIL", "PASS", "PASS"]


def test_a_comparison_shows_its_metrics(make_ab: Callable[..., AbResult]) -> None:
    page = Page(render_markdown([make_ab(Change.REGRESSION)]))
    assert page.rows[1] == [
        "REGRESSION",
        "load_pet.p50",
        "50.0 µs",
        "60.0 µs",
        "+20.0%",
        "+10.0 to +30.0%",
        "5%",
    ]
    assert page.texts["p"][0] == "load_pet.p50 is 20.0% slower (+10.0 to +30.0%)"


@pytest.mark.parametrize("change", Change)
def test_only_what_passed_is_folded(make_ab: Callable[..., AbResult], change: Change) -> None:
    page = Page(render_markdown([make_ab(change)]))
    assert ("Metrics" in page.texts["summary"][0]) == (change is Change.NO_CHANGE)


def test_a_comparison_with_a_baseline_is_shown(make_result: Callable[..., RunResult]) -> None:
    slower = OperationChange(name="load_pet", change="regression", ratio=1.3, base_p50_ns=5e4, p50_ns=6.5e4)
    compared = BaselineComparison(name="main", change="regression", operations=[slower])
    page = Page(render_markdown([make_result(baseline=compared)]))
    assert page.texts["h3"] == ["PASS, REGRESSION: database_load"]
    assert ["REGRESSION", "load_pet", "50.0 µs", "65.0 µs", "+30.0%", "–"] in page.rows


def test_an_engines_last_words_stay_a_block(make_result: Callable[..., RunResult]) -> None:
    details = "Traceback\n````\n  <script>\n</details>"
    page = Page(render_markdown([make_result(verdict=Verdict.ERROR, details=details)]))
    assert page.texts["pre"] == [f"{details}\n"]
    assert "script" not in page.texts


@settings(max_examples=150)
@given(st.one_of(st.just(HOSTILE), st.text(alphabet="`|\\<>&*_[]~#!:@ ab\n😀", max_size=12), st.text(max_size=20)))
def test_any_text_is_code_as_it_is(text: str) -> None:
    table = Table([Column("a", "word"), Column("b", "word")], [[name(text), Text("end")]])
    cells = [one_line(text), "end"] if one_line(text) else ["end"]
    assert Page(to_markdown([Section("", [table])])).rows[1] == cells


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.just(HOSTILE), st.text(max_size=20)))
def test_names_come_out_right(make_result: Callable[..., RunResult], make_operation: Any, text: str) -> None:
    operation = make_operation(f"x{text}", 5_000, 10, 3, errors={f"x{text}": 3})
    page = Page(render_markdown([make_result(name=f"x{text}", operations=[operation], reasons=[f"x{text}"])]))
    written = one_line(f"x{text}")
    assert page.texts["h3"] == [f"PASS: {written}"]
    assert page.texts["li"][0] == written
    assert [written, written, "3"] in page.rows
