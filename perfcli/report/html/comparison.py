"""Two engines compared, as an article: the verdict, each metric, and the pairs that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.regression.result import AbResult, EngineSide, MetricComparison
from perfcli.report.blocks import BAD
from perfcli.report.change import amount, change_word, gravest_first, interval, is_same, sentence, surest_first, value
from perfcli.report.figures import commit_word, counted
from perfcli.report.html.article import Section, environment_facts, sectioned
from perfcli.report.html.chart import render_charts
from perfcli.report.html.markup import Content, Markup, element, facts, joined, listed, table, without_directories
from perfcli.report.html.pairs import pairs_chart
from perfcli.report.html.tables import error_examples

_COLUMNS: Final = ("<", "<metric", "base", "candidate", "change", "interval", "margin")
_MOST_REASONS: Final = 4


def render_comparison(result: AbResult, anchor: str) -> Markup:
    """The article of a comparison; `anchor` is its heading's."""
    return element(
        "article",
        _head(result, anchor),
        sectioned(_sections(result), anchor),
        class_=f"comparison {_outcome_class(result)}",
        aria_labelledby=anchor,
    )


def change_of(result: AbResult) -> Text:
    """What became of the candidate, in a word."""
    if result.interrupted or result.invalid:
        return Text("INTERRUPTED" if result.interrupted else "INVALID", "bold yellow")
    return change_word(result.change)


def reasons_of(result: AbResult) -> list[str]:
    """Why, in sentences: what stood in the way, or the metrics that bear the verdict."""
    told = [each for each in (result.interrupted, result.invalid, *result.reasons) if each]
    bearing = [
        sentence(each) for each in surest_first(result.metrics) if each.change is result.change and not is_same(each)
    ]
    return [without_directories(each) for each in told or bearing[:_MOST_REASONS] or ["every metric is the same"]]


def _outcome_class(result: AbResult) -> str:
    known = {"regression": "fail", "inconclusive": "invalid"}
    return "invalid" if result.invalid or result.interrupted else known.get(result.change.value, "pass")


def _head(result: AbResult, anchor: str) -> Markup:
    names = [without_directories(side.name) for side in (result.candidate, result.base)]
    return element(
        "header",
        element("p", change_of(result), class_=f"verdict {_outcome_class(result)}"),
        element("h2", f"{result.scenario}: {names[0]} against {names[1]}", id=anchor),
        listed(reasons_of(result)),
        element("p", result.plan, class_="plan"),
        element("p", _pairs_in_words(result), class_="quiet"),
    )


def _pairs_in_words(result: AbResult) -> str:
    pairing = result.pairing
    took = units.format_duration(result.duration_ns)
    pinned = "pinned to the same CPUs, one running at a time" if pairing.pinned else "not pinned"
    return f"{counted(pairing.pairs, 'pair')} in {took}, both engines {pinned}; seed {result.seed}."


def _sections(result: AbResult) -> Iterator[Section]:
    yield "Metrics", _metrics(result.metrics)
    yield "Pairs", render_charts([pairs_chart(result.metrics)])
    yield "Engines", _engines(result)
    yield "Environment", joined([environment_facts(result.environment), facts([("started at", result.started_at)])])


def _metrics(metrics: Sequence[MetricComparison]) -> Markup:
    note = (
        "Per operation. Base: the median over pairs; candidate: the base with the paired change; "
        "either end of an interval is a 95 % bound."
    )
    rows = [
        (
            change_word(each.change),
            each.name,
            value(each, each.base),
            value(each, each.candidate),
            amount(each),
            None if is_same(each) else interval(each),
            units.format_percentage(each.margin),
        )
        for each in gravest_first(metrics)
    ]
    return joined([table("metrics", _COLUMNS, rows), element("p", note, class_="quiet")]) if rows else Markup()


def _engines(result: AbResult) -> Markup:
    columns = ("<", "<engine", "<version", "<commit", "operations", "failed", "lost writes")
    sides = (("base", result.base), ("candidate", result.candidate))
    rows = [
        (
            who,
            without_directories(side.name),
            side.version,
            commit_word(side.commit, modified=side.modified),
            units.format_count(side.operations),
            _bad(side.failed),
            _bad(side.lost_writes),
        )
        for who, side in sides
    ]
    return joined([table("engines", columns, rows), *(_troubles(who, side) for who, side in sides)])


def _bad(count: int) -> Content:
    return Text(units.format_count(count), BAD) if count else units.format_count(count)


def _troubles(who: str, side: EngineSide) -> Content:
    told = [f"{units.format_count(count)} x {kind}" for kind, count in side.errors.items()]
    told += side.lost_examples
    if not (told or side.problem):
        return None
    problem = element("pre", without_directories(side.problem), tabindex="0") if side.problem else None
    parts = [listed(map(without_directories, told)), error_examples(side.error_examples), problem]
    return joined([element("h4", f"Troubles of the {who}"), *parts])
