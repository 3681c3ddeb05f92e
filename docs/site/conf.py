"""Sphinx's settings for the documents as a site: `make docs` builds it in build/site, and asks no host for anything.

The source directory is the root of the repository, so that links mean the same here as on a host of Markdown.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, Final

from pygments.lexers.data import YamlLexer

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
sys.path.insert(0, str(HERE))  # for its neighbour, which makes the example reports

from example_reports import KINDS, write_example_reports  # noqa: E402

from perfcli.version import VERSION  # noqa: E402

project = "digipal-perf"
version = release = VERSION
author = project
project_copyright = "MIT licence"
html_title = f"{project} {VERSION}"

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".*", "build", "dist", "digipal", "perfcli", "scenarios", "tests"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
smartquotes = False  # "--tag" is an option, no dash
suppress_warnings = ["misc.highlighting_failure"]  # JSON with "…" in it stays without colours

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_show_sphinx = False
templates_path = ["templates"]
html_additional_pages = {"examples/index": "examples.html"}
html_context = {"example_reports": KINDS}
html_sidebars = {
    "**": [
        *(f"sidebar/{part}.html" for part in ("scroll-start", "brand", "search", "navigation")),
        "example_links.html",
        "sidebar/scroll-end.html",
    ]
}

_START: Final = ["docs/tutorial", "docs/ci"]
_PROJECT: Final = ["docs/architecture", "CONTRIBUTING", "CHANGELOG"]
_TO_README: Final = '<!doctype html><meta http-equiv="refresh" content="0; url=README.html"><title>docs</title>\n'


def setup(app: Any) -> None:
    """Add what the Markdown files do not say: the order of the pages, their pictures, and the example reports."""
    app.add_lexer("yml", YamlLexer)
    app.connect("source-read", _add_contents)
    app.connect("build-finished", _add_files)


def _add_contents(app: Any, name: str, source: list[str]) -> None:
    if name == root_doc:
        placed = {*_START, *_PROJECT}
        found = (page for page in app.env.found_docs if page.startswith("docs/") and page not in placed)
        pages = sorted(found, key=lambda page: (not page.endswith("/index"), page))
        reference = [page for page in pages if page.startswith("docs/reference/")]
        guides = [page for page in pages if page not in reference]
        parts = {"Start": _START, "Guides": guides, "Reference": reference, "Project": _PROJECT}
        source[0] += "".join(_contents(caption, listed) for caption, listed in parts.items() if listed)


def _contents(caption: str, pages: list[str]) -> str:
    listed = "\n".join(f"/{page}" for page in pages)
    return f"\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {caption}\n\n{listed}\n```\n"


def _add_files(app: Any, failure: Exception | None) -> None:
    if failure is None:
        site = Path(app.outdir)
        (site / "index.html").write_text(_TO_README, encoding="utf-8")
        # raw HTML in a document names a picture where it is in the repository
        shutil.copytree(ROOT / "docs" / "pictures", site / "docs" / "pictures", dirs_exist_ok=True)
        write_example_reports(site / "examples")
