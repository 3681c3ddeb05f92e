"""The articles of a page: the blocks of each report with charts where they belong, and an overview of several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import yaml
from rich.text import Text

from perfcli import units
from perfcli.ab.result import AbResult
from perfcli.report.ab import ab_document
from perfcli.report.ab import verdict_block as ab_verdict
from perfcli.report.blocks import BAD, Block, Code, Column, Facts, Section, Table
from perfcli.report.html.chart import Drawing
from perfcli.report.html.latency import latency_charts, percentile_chart
from perfcli.report.html.over_time import load_charts
from perfcli.report.html.pairs import pairs_chart
from perfcli.report.html.process import process_charts
from perfcli.report.operations import slowest_first
from perfcli.report.run import outcome, run_document, verdict_block
from perfcli.report.saved import Reported
from perfcli.report.wording import figure, name, signed
from perfcli.results import RunResult

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
    """A line for each result with a link, and the percentiles of the operations that several runs share."""
    rows = [_row(f"{number}. ", anchor, each) for number, (anchor, each) in enumerate(anchored.items(), start=1)]
    yield Section("overview", [Table(_OVERVIEW, rows, "overview")])
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
    planned = "every vu did what the seed prescribes" if result.performed_as_planned else "not all that was planned"
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
        Text(f"{number}{name(result.name)}", f"link #{anchor}"),
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
            (f"{number}. {run.name}", each.histogram_ns)
            for number, run in runs
            for each in run.operations
            if each.name == operation and each.histogram_ns
        ]
        if len(curves) > 1:
            yield percentile_chart(f"{operation}: percentiles of each run", curves)
