"""The page: its head, its style, the results, and the scripts, all within one file."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any, Final

import yaml
from rich.text import Text

from perfcli import units
from perfcli.ab.result import AbResult, MetricComparison
from perfcli.errors import worst
from perfcli.report.ab import ab_document
from perfcli.report.ab import verdict_block as ab_verdict
from perfcli.report.blocks import BAD, Block, Code, Column, Facts, Section, Table
from perfcli.report.change import axis_range, margin_shown, sentence, worth_a_picture
from perfcli.report.html.chart import COLOURS, Drawing, Trace, axis, label, line
from perfcli.report.html.latency import latency_charts, percentile_chart
from perfcli.report.html.markup import CHART, Markup, element, overview_html, packed, to_html
from perfcli.report.html.over_time import load_charts
from perfcli.report.html.over_values import sweep_charts
from perfcli.report.html.process import process_charts
from perfcli.report.operations import slowest_first
from perfcli.report.reported import Reported
from perfcli.report.run import outcome, run_document, verdict_block
from perfcli.report.summary import sweeps_of, variations_tables
from perfcli.report.wording import figure, name, percent, signed
from perfcli.results import RunResult
from perfcli.version import VERSION

_ROW_HEIGHT: Final = 58
_FRAME_HEIGHT: Final = 130
_SPREAD: Final = 0.24
_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_LONGEST_NAME: Final = 22
_MOST: Final = 700.0
"""Logarithm of about the largest number there is."""

_SYMBOLS: Final = ("triangle-left", "circle", "triangle-right")


def pairs_chart(metrics: Sequence[MetricComparison]) -> Drawing:
    """A row for each metric worth a look: its pairs, its estimate with the interval, and the margin as a shade."""
    shown = list(reversed(worth_a_picture(metrics)))
    ends = axis_range(shown)
    ticks = axis("", tickvals=list(range(len(shown))), ticktext=[label(each.name, _LONGEST_NAME) for each in shown])
    layout: dict[str, Any] = {
        "height": _FRAME_HEIGHT + _ROW_HEIGHT * len(shown),
        "xaxis": axis("candidate against base", tickformat="+.0%", zeroline=True, range=list(ends)),
        "yaxis": ticks | {"range": [-0.6, len(shown) - 0.4], "fixedrange": True},
        "shapes": [_margin(each, row) for row, each in enumerate(shown)],
    }
    note = (
        "Each dot is a pair; on the right, the candidate was slower or took more. A triangle lies beyond the edge: "
        "point at it for its value. Shaded: changes within the margin."
    )
    traces = [*_intervals(shown), _dots(shown, *ends), _estimates(shown)]
    return Drawing("Differences of the pairs", note, traces, layout)


def _dots(metrics: Sequence[MetricComparison], low: float, high: float) -> Trace:
    """Spread by the golden ratio, so that dots of one value lie apart, and in every report alike."""
    points, symbols = [], []
    for row, each in enumerate(metrics):
        for pair, change in enumerate(map(partial(_change, each), each.differences), start=1):
            place = row + _SPREAD * (2 * (pair * _GOLDEN % 1) - 1)
            points.append((min(high, max(low, change)), place, f"{each.name}, pair {pair}: {percent(1 + change)}"))
            symbols.append(_SYMBOLS[1 + (change > high) - (change < low)])
    sizes = [7 if symbol == _SYMBOLS[1] else 13 for symbol in symbols]
    marker = {"size": sizes, "opacity": 0.75, "color": COLOURS[0], "symbol": symbols}
    return line("a pair", points, mode="markers", marker=marker, cliponaxis=False)


def _change(metric: MetricComparison, difference: float) -> float:
    return metric.ratio_of(min(difference, _MOST)) - 1


def _intervals(metrics: Sequence[MetricComparison]) -> Iterator[Trace]:
    for row, each in enumerate(metrics):
        ends = [(bound or each.ratio) - 1 for bound in (each.lower, each.upper)]
        if all(map(math.isfinite, ends)):
            points = [(end, row, sentence(each)) for end in ends]
            yield line("interval", points, showlegend=False, line={"color": COLOURS[1], "width": 4})


def _estimates(metrics: Sequence[MetricComparison]) -> Trace:
    points = [(each.ratio - 1, row, sentence(each)) for row, each in enumerate(metrics) if math.isfinite(each.ratio)]
    marker = {"symbol": "diamond", "size": 13, "color": COLOURS[1], "line": {"width": 1, "color": "#ffffff"}}
    return line("estimate with its interval", points, mode="markers", marker=marker)


def _margin(metric: MetricComparison, row: int) -> dict[str, Any]:
    return {
        "type": "rect",
        "layer": "below",
        "line": {"width": 0},
        "fillcolor": "rgba(128,138,148,0.2)",
        "x0": -margin_shown(metric),
        "x1": margin_shown(metric),
        "y0": row - 0.4,
        "y1": row + 0.4,
    }


_WIDEST: Final = 100
_FIRST: Final = ("verdict", "in brief", "thresholds", "failed operations", "baseline")
_NOT_OF_LOAD: Final = ("stability", "figures", "what ran")
_OVERVIEW: Final = (
    Column("", "word"),
    Column("result", "word"),
    *map(Column, ("rate", "p50", "p95", "p99", "max", "failed", "memory growth")),
    Column("why", "prose"),
)


def article_of(result: Reported) -> Iterator[Section]:
    """All that a console prints with --verbose, and charts."""
    return _of_ab(result) if isinstance(result, AbResult) else _of_run(result)


def overview(anchored: Mapping[str, Reported]) -> Iterator[Section]:
    """A line for each result with a link, each sweep, and the percentiles of the operations that several runs share."""
    rows = [_row(f"{number}. ", anchor, each) for number, (anchor, each) in enumerate(anchored.items(), start=1)]
    yield Section("overview", [Table(_OVERVIEW, rows, "overview")])
    for sweep in sweeps_of([each for each in anchored.values() if isinstance(each, RunResult)]):
        yield Section(sweep.title, [*variations_tables(sweep), *_blocks(sweep_charts(sweep))])
    yield Section("the same operations side by side", _blocks(_overlays(anchored.values())))


def _of_run(result: RunResult) -> Iterator[Section]:
    """What a run was judged by first, then what it did, and last where it ran."""
    sections = run_document(result)
    yield from (section for title in _FIRST for section in sections if section.title == title)
    details = [section for section in sections if section.title not in _FIRST]
    load = [section for section in details if section.title not in _NOT_OF_LOAD]
    yield from load[:1]
    yield Section("latency", _blocks(latency_charts(result)))
    yield Section("over time", _blocks(load_charts(result)))
    yield from load[1:]
    yield Section("memory, CPU and disk", _blocks(process_charts(result)))
    yield from (section for section in details if section not in load)
    yield Section("to run it again", list(_scenario(result)))


def _of_ab(result: AbResult) -> Iterator[Section]:
    for section in ab_document(result):
        yield section
        if section.title == "metrics":
            yield Section("pairs", _blocks([pairs_chart(result.metrics)]))
    yield Section("began", [Facts([("started at", Text(result.started_at))])])


def _blocks(drawings: Iterable[Drawing]) -> Sequence[Block]:
    return [drawing.block for drawing in drawings if any(trace["x"] for trace in drawing.traces)]


def _scenario(result: RunResult) -> Iterator[Block]:
    facts = {"started at": result.started_at, "commit": result.commit, "digest of the work": result.digest}
    planned = "every vu did what the seed prescribes" if result.performed_as_planned else "less than planned"
    yield Facts([*((label, Text(text)) for label, text in facts.items()), ("work done", Text(planned))])
    if result.scenario:
        written = yaml.safe_dump(result.scenario, sort_keys=False, allow_unicode=True, width=_WIDEST)
        yield Code(written, "The scenario as it ran, overrides included")


def _row(number: str, anchor: str, result: Reported) -> list[Text]:
    if isinstance(result, AbResult):
        verdict = ab_verdict(result)
        link = Text(f"{number}{name(result.scenario)} (ab)", f"link #{anchor}")
        return [verdict.word, link, *[Text()] * 7, verdict.text]
    total, latency = result.total, result.total.latency
    times = [getattr(latency, field, None) for field in ("p50_ns", "p95_ns", "p99_ns", "max_ns")]
    first, *more = result.reasons or [outcome(result)]
    return [
        verdict_block(result).word,
        Text(f"{number}{name(result.title)}", f"link #{anchor}"),
        figure(total.throughput_per_s if total.attempts else None, units.format_rate),
        *(figure(ns, units.format_duration) for ns in times),
        figure(total.failed, units.format_count, BAD if total.failed else ""),
        figure(result.memory.growth, signed(units.format_size)),
        name(f"{first} (and {len(more)} more)" if more else first),
    ]


def _overlays(results: Iterable[Reported]) -> Iterator[Drawing]:
    """The curves of each operation that at least two runs have."""
    runs = [(number, each) for number, each in enumerate(results, start=1) if isinstance(each, RunResult)]
    for operation in dict.fromkeys(each.name for _, run in runs for each in slowest_first(run.operations)):
        curves = [
            (f"{number}. {run.title}", each.histogram_ns)
            for number, run in runs
            for each in run.operations
            if each.name == operation and each.histogram_ns
        ]
        if len(curves) > 1:
            yield percentile_chart(f"{operation}: percentiles of each run", curves)


def render_html(results: Sequence[Reported]) -> str:
    """One page of all results, to be saved as UTF-8. It needs no other file, and may ask no host for anything."""
    anchored = {f"result-{number}": result for number, result in enumerate(results, start=1)}
    return _page(_title(anchored), list(_articles(anchored)))


def render_document(document: Iterable[Section], title: str) -> str:
    """One page of a report, to be saved as UTF-8."""
    return _page(title, [to_html(document, "result")])


def _page(title: str, articles: Sequence[Markup]) -> str:
    scripts: list[str] = []
    charts: list[Markup] = []
    if any(CHART in article for article in articles):
        library, script = scripts = [plotly_source(), page_script()]
        charts = [
            element("script", packed(library), type="application/gzip", id="plotly"),
            element("script", Markup(script)),
        ]
    head, body = _head(title, scripts), _body(articles, charts)
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def plotly_source() -> str:
    """plotly.js, as the package plotly brings it."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    return str(get_plotlyjs())


def _head(title: str, scripts: Sequence[str]) -> Markup:
    policy = f"default-src 'none'; script-src {script_sources(scripts)}; {STYLE_POLICY}"
    return page_head(
        title,
        [
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            Markup(f'<meta name="generator" content="digipal-perf {VERSION}">'),
        ],
    )


def page_head(title: str, first: Iterable[Markup] = (), last: Iterable[Markup] = ()) -> Markup:
    """The head of a page: what must come first, what every page has, and what comes after its style."""
    return element(
        "head",
        Markup('<meta charset="utf-8">'),
        *first,
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        Markup('<link rel="icon" href="data:,">'),
        element("title", title),
        element("style", Markup(_shipped("page.css"))),
        *last,
    )


def _body(articles: Iterable[Markup], charts: Sequence[Markup] = ()) -> Markup:
    no_charts = element("p", "Without JavaScript there are no charts; every table is here.")
    return element(
        "body",
        element("a", "Skip to the results", href="#results", class_="skip"),
        element("header", element("p", "digipal-perf report", class_="brand"), class_="page"),
        element("noscript", no_charts) if charts else None,
        element("main", *articles, id="results"),
        element("footer", f"Written by digipal-perf {VERSION}."),
        *charts,
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
    return f"{result.scenario} (ab)" if isinstance(result, AbResult) else result.title


def _title(anchored: Mapping[str, Reported]) -> str:
    """What a browser's tab shows: the verdict, and of what."""
    results = list(anchored.values())
    if len(results) != 1:
        codes = [each.exit_code(strict=False) if isinstance(each, AbResult) else each.exit_code for each in results]
        return f"{len(results)} results: {'pass' if worst(codes) == 0 else 'not all pass'}"
    (only,) = results
    if isinstance(only, AbResult):
        return f"{only.change.value}: {only.scenario}"
    return f"{only.verdict.value}: {only.title}"


STYLE_POLICY: Final = "style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
"""What every page's policy allows besides its scripts."""


def script_sources(scripts: Iterable[str]) -> str:
    """These scripts, as a policy names them: the browser runs no other, also where a name should ever get through."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def page_script() -> str:
    """What draws the charts of a page."""
    return _shipped("page.js")


def _shipped(name: str) -> str:
    return files("perfcli.report.html").joinpath(name).read_text(encoding="utf-8")
