"""The documents as a site: it builds without a warning, can be searched, and asks no host for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.chromium import Browser, needs_chromium

ROOT = Path(__file__).parent.parent
KINDS = ("run", "ab", "compare", "sweep", "capacity", "scaling", "profile")
LOADED = {"script": "src", "img": "src", "link": "href", "source": "srcset", "iframe": "src", "object": "data"}
NOT_LOADED = ("index", "search", "next", "prev", "canonical", "author")
"""What a `link` names without loading it."""

pytestmark = pytest.mark.slow


class References(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        value = named.get(LOADED.get(tag, ""))
        if value and not (tag == "link" and named.get("rel") in NOT_LOADED):
            self.loaded.append(value)
        if tag == "a" and named.get("href"):
            self.links.append(str(named["href"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it."""
    built = tmp_path_factory.mktemp("site")
    command = next(
        line.strip().removeprefix("$(BIN)/python ").replace("build/site", str(built))
        for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        if "-m sphinx" in line
    )
    done = subprocess.run([sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return built


def pages(site: Path) -> list[Path]:
    """All pages, without the example reports, which have tests of their own."""
    return [page for page in site.rglob("*.html") if page.parent.name != "examples" or page.name == "index.html"]


def is_elsewhere(address: str) -> bool:
    """Whether a browser would ask another host for it."""
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https")


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = [(page.name, address) for page in pages(site) for address in References(page).loaded]
    assert len(loaded) > 100
    assert [found for found in loaded if is_elsewhere(found[1])] == []


def test_no_style_sheet_loads_anything_from_another_host(site: Path) -> None:
    sheets = [*site.rglob("*.css"), *site.rglob("*.svg")]
    assert sheets
    asked = [
        (sheet.name, found)
        for sheet in sheets
        for found in re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)'\"]*", sheet.read_text(encoding="utf-8"))
    ]
    assert asked == []


def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    dead = [(page.name, link) for page in pages(site) for link in References(page).links if not leads(page, link)]
    assert dead == []


def leads(page: Path, link: str) -> bool:
    """Whether a link leads to another host, or to a file that is there."""
    path = unquote(urlsplit(link).path)
    return bool(urlsplit(link).scheme) or not path or (page.parent / path).exists()


def test_every_document_is_a_page(site: Path) -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert [each.name for each in documents if not (site / each.relative_to(ROOT)).with_suffix(".html").exists()] == []


def test_there_is_an_example_of_each_report(site: Path) -> None:
    examples = {page.stem: page.read_text(encoding="utf-8") for page in (site / "examples").glob("*.html")}
    assert set(examples) == {*KINDS, "index"}
    assert all("Content-Security-Policy" in examples[kind] for kind in KINDS)
    assert all(f'href="{kind}.html"' in examples["index"] for kind in KINDS)


@pytest.fixture
def browser(site: Path, tmp_path: Path) -> Iterator[Browser]:
    opened = Browser(tmp_path)
    yield opened
    opened.close()


@needs_chromium
def test_the_search_finds_a_metric_from_a_file(browser: Browser, site: Path) -> None:
    browser.command("Page.navigate", url=f"{(site / 'search.html').as_uri()}?q=fsync")
    browser.wait_for("document.querySelectorAll('#search-results li').length > 0")
    assert all(address.startswith(("file:", "data:", "about:")) for address in browser.requests)


@needs_chromium
@pytest.mark.parametrize("width", [400, 1280])
def test_no_page_scrolls_sideways(width: int, browser: Browser, site: Path) -> None:
    for page in ("README", "docs/tutorial", "docs/methodology", "examples/index"):
        browser.show(width)
        browser.command("Page.navigate", url=(site / f"{page}.html").as_uri())
        browser.wait_for(f"document.readyState === 'complete' && location.href.endsWith('{page}.html')")
        assert browser.tell("document.documentElement.scrollWidth") <= width, page
