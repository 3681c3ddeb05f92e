"""The HTML page: well-formed, whole, within one file, and true to whatever names it is given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO

import pytest
from rich.console import Console

from perfcli.ab.result import AbResult
from perfcli.report.console import to_console
from perfcli.report.html import page
from perfcli.report.html.page import render_html
from perfcli.report.run import run_document
from perfcli.results import RunResult

VOID = {"meta", "link", "wbr"}
SHOWN_NAME = '<b onclick="x()">"né\'w| line</b> 👩‍💻 </script><script>document.title="owned"</script>'


class Page(HTMLParser):
    """What a page holds; fails where an element is closed that is not open."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[str, list[str]] = {}
        self.all_words: list[str] = []
        self.feed(written)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.all_words.append(data)
        if within := [tag for tag in self.open if tag != "span"]:
            self.words.setdefault(within[-1], []).append(data)

    def text_of(self, tag: str) -> list[str]:
        return [" ".join(each.split()) for each in self.words.get(tag, [])]

    @property
    def figures(self) -> list[dict[str, object]]:
        return [json.loads(each) for each in self.words.get("script", []) if each.startswith("{")]


@pytest.fixture(autouse=True)
def short_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page without the five megabytes of plotly.js, which the browser's test has."""
    monkeypatch.setattr(page, "plotly_source", lambda: "/* plotly.js */")


def test_every_kind_of_result_gives_a_well_formed_page(any_result: RunResult) -> None:
    told = Page(render_html([any_result]))
    assert any_result.name in told.text_of("h2")
    assert any_result.verdict.value in "".join(told.text_of("title"))


def test_a_full_run_has_every_section(full_result: Callable[..., RunResult]) -> None:
    told = Page(render_html([full_result()]))
    assert told.text_of("h3") == [
        "In brief",
        "Thresholds",
        "Failed operations",
        "Baseline",
        "Phases",
        "Latency",
        "Over time",
        "Phase calm",
        "Phase load_pet",
        "Memory, CPU and disk",
        "Stability",
        "Figures",
        "What ran",
        "To run it again",
    ]
    assert told.text_of("h4") == [
        "Latency distribution",
        "Percentiles",
        "Latency over time",
        "Throughput over time",
        "Errors over time",
        "Active vus",
        "Memory growth over time",
        "CPU over time",
        "Database size over time",
    ]
    assert len(told.figures) == 9


def test_the_verdict_comes_first_in_words(full_result: Callable[..., RunResult]) -> None:
    told = render_html([full_result()])
    body = told[told.index("<article") :]
    assert body.index("1 of 3 thresholds failed") < body.index("load_pet: too slow") < body.index("<table")


def test_all_that_a_console_prints_is_on_the_page(full_result: Callable[..., RunResult]) -> None:
    result = full_result(error_examples={"Locked": "Traceback: locked"}, details="last words")
    console = Console(width=400, file=StringIO())
    console.print(to_console(run_document(result)))
    assert isinstance(console.file, StringIO)
    page_text = words_of(" ".join(Page(render_html([result])).all_words))
    missing = [word for word in words_of(console.file.getvalue()) if word not in page_text]
    assert not missing


def words_of(text: str) -> list[str]:
    return re.findall(r"[\w.%/]{2,}", text)


@pytest.mark.slow
def test_results_have_links_to_their_neighbours(full_result: Callable[..., RunResult]) -> None:
    told = Page(render_html([full_result(), full_result("middle"), full_result()]))
    links = [attrs["href"] for tag, attrs in told.tags if tag == "a" and attrs.get("rel")]
    assert links == ["#result-2", "#result-1", "#result-3", "#result-2"]
    assert [attrs["href"] for tag, attrs in told.tags if tag == "a"].count("#overview") == 3


def test_a_comparison_shows_its_metrics_and_pairs(comparison: Callable[..., AbResult]) -> None:
    told = Page(render_html([comparison()]))
    assert told.text_of("h3") == ["Metrics", "Pairs", "Engines", "What ran", "Began"]
    assert len(told.figures) == 1
    assert "load_pet.p50 is 29.0% slower" in "".join(told.all_words)


@pytest.mark.slow
def test_several_results_are_laid_side_by_side(
    full_result: Callable[..., RunResult], comparison: Callable[..., AbResult]
) -> None:
    told = Page(render_html([full_result(), full_result(), comparison()]))
    ids = {attrs["id"] for _, attrs in told.tags if "id" in attrs}
    links = {str(attrs["href"])[1:] for tag, attrs in told.tags if tag == "a"}
    assert {"result-1", "result-2", "result-3"} <= links <= ids
    assert "load_pet: percentiles of each run" in told.text_of("h4")
    assert len(told.figures) == 2 + 9 + 9 + 1


@pytest.mark.slow
def test_no_two_places_of_a_page_have_the_same_name(full_result: Callable[..., RunResult]) -> None:
    told = Page(render_html([full_result(), full_result()]))
    ids = [attrs["id"] for _, attrs in told.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_nothing_is_asked_of_any_host(
    full_result: Callable[..., RunResult], comparison: Callable[..., AbResult]
) -> None:
    written = render_html([full_result(), comparison()])
    told = Page(written)
    fetched = [attrs.get(name) for _, attrs in told.tags for name in ("src", "href", "action", "data", "srcset")]
    assert {str(each)[0] for each in fetched if each and each != "data:,"} == {"#"}
    assert not re.search(r"url\(|@import", written)
    policy = next(str(attrs["content"]) for _, attrs in told.tags if "http-equiv" in attrs)
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy[policy.index("script-src") : policy.index("style-src")]


def test_names_come_out_as_they_are(
    full_result: Callable[..., RunResult], comparison: Callable[..., AbResult], hostile: str
) -> None:
    result = full_result(hostile, engine=hostile, details=hostile)
    told = Page(render_html([result, comparison(hostile)]))
    assert told.text_of("h2")[1].startswith(SHOWN_NAME)
    assert sum(each.startswith(SHOWN_NAME) for each in told.text_of("td")) >= 4
    assert not [tag for tag, attrs in told.tags if tag == "b" or "onclick" in attrs]
    assert len([tag for tag, attrs in told.tags if tag == "script" and "type" not in attrs]) == 1


def test_plotly_is_given_no_tag_to_obey(full_result: Callable[..., RunResult], hostile: str) -> None:
    figures = json.dumps(Page(render_html([full_result(hostile)])).figures)
    assert "&lt;b onclick" in figures
    assert "<b" not in figures


def test_no_directory_of_a_machine_is_shown(full_result: Callable[..., RunResult]) -> None:
    place = "/home/someone/work/digipal/storage/pets.py"
    written = render_html(
        [
            full_result(
                reasons=[f"{place}:3 broke"], details=f'File "{place}", line 3', engine=place, scenario={"a": place}
            )
        ]
    )
    assert "someone" not in written
    assert "…/storage/pets.py" in written


def test_a_rate_is_not_taken_for_a_directory(full_result: Callable[..., RunResult]) -> None:
    assert "97/100 iterations/s/vu of a/b/c/d" in render_html(
        [full_result(reasons=["97/100 iterations/s/vu of a/b/c/d"])]
    )


def test_a_page_without_charts_does_without_plotly(
    all_results: dict[str, RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(__import__("sys").modules, "plotly.offline", None)
    written = Page(render_html([all_results["counted"]]))
    assert "script" not in written.words
    assert "Exact counters" in written.text_of("h3")


@pytest.mark.slow
def test_a_load_of_many_minutes_takes_little_room(full_result: Callable[..., RunResult]) -> None:
    usual = full_result().seconds[0]
    seconds = [
        usual.model_copy(update={"second": second, "p50_ns": 7_000 + second * 7_919 % 997}) for second in range(1_200)
    ]
    by_operation = {f"operation {number}": seconds for number in range(5)}
    result = full_result(duration_ns=1_200 * 10**9, seconds=seconds, seconds_by_operation=by_operation, phases=[])
    packed = [attrs for tag, attrs in Page(render_html([result])).tags if attrs.get("type") == "application/gzip"]
    assert len(packed) >= 3
    assert len(render_html([result])) < 300_000
