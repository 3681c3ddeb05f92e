"""The HTML report in a real headless Chromium: every chart draws, nothing complains, and no host is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from perfcli.ab.result import AbResult
from perfcli.report.html.page import render_html
from perfcli.results import FaultResult, RunResult
from tests.chromium import Browser, needs_chromium

pytestmark = [
    pytest.mark.end_to_end,
    needs_chromium,
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this module."""
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture
def opened(
    browser: Browser,
    tmp_path: Path,
    full_result: Callable[..., RunResult],
    comparison: Callable[..., AbResult],
    hostile: str,
    lasting_fault: Callable[..., FaultResult],
) -> Browser:
    """The browser on a page of everything: a run with faults, one with a hostile name, and a comparison with one."""
    if browser.page is None:
        path = tmp_path / "report.html"
        times = {"lock": (1_500, 1_000), "disk_full": (1_800, 1_500), "stall": (5_000, 300), "ai": (8_900, 1_100)}
        faults = [lasting_fault(name, at * 10**6, lasted * 10**6) for name, (at, lasted) in times.items()]
        results = [full_result(faults=faults), full_result(hostile), comparison(hostile)]
        path.write_text(render_html(results), encoding="utf-8")
        browser.open(path)
        browser.tell("dispatchEvent(new Event('beforeprint'))")  # all charts are drawn to be printed
        browser.wait_for("[...document.querySelectorAll('figure.chart')].every(f => f.dataset.drawn === 'yes')")
    browser.show(1280)
    return browser


def test_every_chart_draws_without_a_complaint_or_a_request(opened: Browser) -> None:
    marks = "[...document.querySelectorAll('figure.chart')].map(f => f.querySelectorAll('svg .trace path').length)"
    drawn = opened.tell(marks)
    assert len(drawn) == 1 + 9 + 9 + 1
    assert all(drawn)
    assert opened.complaints == []
    assert opened.page is not None
    assert {url for url in opened.requests if not url.startswith("data:")} == {opened.page.as_uri()}


def test_a_name_does_nothing_but_stand_there(opened: Browser) -> None:
    assert opened.tell("document.title") == "3 results: not all pass"
    assert opened.tell("document.querySelectorAll('b').length") == 0
    legends = opened.tell("[...document.querySelectorAll('.legendtext')].map(each => each.textContent)")
    assert any(each.startswith('<b onclick="x()">"né\'w| line</b> 👩') for each in legends)


@pytest.mark.parametrize("width", [400, 1280])
def test_a_page_is_as_wide_as_its_screen(opened: Browser, width: int) -> None:
    opened.show(width)
    opened.wait_for(f"document.documentElement.scrollWidth <= {width}")
    rightmost = "Math.max(...[...document.querySelectorAll('.plot svg')].map(e => e.getBoundingClientRect().right))"
    opened.wait_for(f"{rightmost} <= {width}")


@pytest.mark.parametrize("width", [400, 1280])
def test_the_names_of_faults_and_phases_never_meet(opened: Browser, width: int) -> None:
    opened.show(width)
    opened.wait_for(f"document.documentElement.scrollWidth <= {width}")
    boxes = """[...document.querySelector('#result-1').closest('article').querySelectorAll('figure.chart')].map(chart =>
        [...chart.querySelectorAll('.annotation text')].map(each => each.getBoundingClientRect()).map(
            box => [box.left, box.right, box.top, box.bottom]))"""
    charts = [names for names in opened.tell(boxes) if names]
    assert [len(names) for names in charts] == [6] * 7
    for names in charts:
        meet = [
            (one, other)
            for one, other in combinations(names, 2)
            if one[0] < other[1] and other[0] < one[1] and one[2] + 2 < other[3] and other[2] + 2 < one[3]
        ]
        assert meet == []
        assert all(left >= 0 and right <= width for left, right, _, _ in names)


def test_a_long_reason_makes_no_tall_row_on_a_phone(opened: Browser) -> None:
    opened.show(400)
    narrowest = "Math.min(...[...document.querySelectorAll('.overview td:last-child')].map(cell => cell.offsetWidth))"
    assert opened.tell(narrowest) > 280


def test_charts_are_dark_in_the_dark(opened: Browser) -> None:
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    light = opened.tell(ink)
    opened.show(1280, scheme="dark")
    dark = opened.tell(ink)
    assert brightness(dark) > brightness(light)


def brightness(colour: str) -> int:
    """The sum of what stands in rgb(r, g, b)."""
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))


def test_arrow_keys_step_through_a_chart_and_read_it_out(opened: Browser) -> None:
    opened.tell("document.querySelector('#result-1').closest('article').querySelector('.plot').focus()")
    told = "document.activeElement.parentElement.querySelector('.reading').textContent"
    said = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        opened.press(key)
        said.append(opened.tell(told))
    assert [each.split(":")[0] for each in said] == ["load_pet", "load_pet", "save_pet", "save_pet"]
    assert len(set(said)) == 4
    opened.wait_for("document.querySelectorAll('.hovertext').length === 1")


@pytest.mark.slow
def test_a_chart_far_below_waits_until_it_comes_near(
    browser: Browser, tmp_path: Path, full_result: Callable[..., RunResult]
) -> None:
    written = render_html([full_result()] * 11)
    assert len(written.encode()) < 5_200_000
    path = tmp_path / "eleven.html"
    path.write_text(written, encoding="utf-8")
    browser.page = None
    browser.open(path)
    drawn = "[...document.querySelectorAll('figure.chart')].map(f => f.dataset.drawn === 'yes')"
    assert browser.tell(drawn)[0]
    assert not browser.tell(drawn)[-1]
    browser.tell("[...document.querySelectorAll('figure.chart')].at(-1).scrollIntoView()")
    browser.wait_for(f"{drawn}.at(-1)")
    browser.page = None
