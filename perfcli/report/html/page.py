"""The page: its head, its style, the results, and the scripts, all within one file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files

from perfcli import __version__
from perfcli.ab.result import AbResult
from perfcli.errors import PerfError, worst
from perfcli.report.html.articles import article_of, overview
from perfcli.report.html.markup import Markup, element, overview_html, packed, to_html
from perfcli.report.saved import Reported


def render_html(results: Sequence[Reported]) -> str:
    """One page of all results, to be saved as UTF-8. It needs nothing beyond itself, and may ask no host for anything.

    Raises:
        PerfError: the extra `report`, which brings plotly, is not installed.
    """
    anchored = {f"result-{number}": result for number, result in enumerate(results, start=1)}
    library, script = plotly_source(), _shipped("page.js")
    head, body = _head(anchored, [library, script]), _body(anchored, library, script)
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def plotly_source() -> str:
    """plotly.js, as the extra `report` brings it.

    Raises:
        PerfError: the extra is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]
    except ImportError as error:
        raise PerfError(
            f"the HTML report draws its charts with plotly, which cannot be imported: {error}",
            hint="pip install 'digipal-perf[report]'",
        ) from error
    return str(get_plotlyjs())


def _head(anchored: Mapping[str, Reported], scripts: Sequence[str]) -> Markup:
    return element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        Markup(f'<meta name="generator" content="digipal-perf {__version__}">'),
        Markup('<link rel="icon" href="data:,">'),
        element("title", _title(anchored)),
        element("style", Markup(_shipped("page.css"))),
    )


def _body(anchored: Mapping[str, Reported], library: str, script: str) -> Markup:
    return element(
        "body",
        element("a", "Skip to the results", href="#results", class_="skip"),
        element("header", element("p", "digipal-perf report", class_="brand"), class_="page"),
        element("noscript", element("p", "Without JavaScript there are no charts; every table is here.")),
        element("main", *_articles(anchored), id="results"),
        element("footer", f"Written by digipal-perf {__version__}."),
        element("script", packed(library), type="application/gzip", id="plotly"),
        element("script", Markup(script)),
    )


def _articles(anchored: Mapping[str, Reported]) -> Iterator[Markup]:
    """The overview of several results, then each with links to its neighbours."""
    if len(anchored) < 2:
        yield from (to_html(article_of(result), anchor) for anchor, result in anchored.items())
        return
    yield overview_html(overview(anchored), "overview")
    around = [None, *anchored, None]
    for (anchor, result), before, after in zip(anchored.items(), around, around[2:], strict=False):
        yield to_html(article_of(result), anchor, _neighbours(anchored, before, after))


def _neighbours(anchored: Mapping[str, Reported], before: str | None, after: str | None) -> Markup:
    links = [
        element("a", f"← {_name(anchored[before])}", href=f"#{before}", rel="prev") if before else None,
        element("a", "Overview", href="#overview"),
        element("a", f"{_name(anchored[after])} →", href=f"#{after}", rel="next") if after else None,
    ]
    return element("nav", *links, aria_label="results", class_="neighbours")


def _name(result: Reported) -> str:
    return f"{result.scenario} (ab)" if isinstance(result, AbResult) else result.name


def _title(anchored: Mapping[str, Reported]) -> str:
    """What a browser's tab shows: the verdict, and of what."""
    results = list(anchored.values())
    if len(results) != 1:
        codes = [each.exit_code(strict=False) if isinstance(each, AbResult) else each.exit_code for each in results]
        return f"{len(results)} results: {'pass' if worst(codes) == 0 else 'not all pass'}"
    (only,) = results
    if isinstance(only, AbResult):
        return f"{only.change.value}: {only.scenario}"
    return f"{only.verdict.value}: {only.name}"


def _policy(scripts: Sequence[str]) -> str:
    """The browser runs these scripts and no other, and fetches nothing: also where a name should ever get through."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def _shipped(name: str) -> str:
    return files("perfcli.report.html").joinpath(name).read_text(encoding="utf-8")
