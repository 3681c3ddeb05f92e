"""Two engines compared: what was done, every metric of both, a picture of the pairs, and last the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from perfcli import units
from perfcli.regression.gate import ALPHA
from perfcli.regression.result import AbResult, EngineSide, MetricComparison, Pairing
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Column
from perfcli.report.change import GRAVEST_FIRST, amount, change_word, gravest_first, interval, is_same, value
from perfcli.report.comparison_verdict import comparison_line, render_change, word_of
from perfcli.report.figures import counted, engine_words, name, name_as_is, one_line
from perfcli.report.layout import INDENT, FittingTable, Hanging, labelled
from perfcli.report.pairs import PairPicture, worth_a_picture

_COLUMNS: Final = (
    Column("", "word"),
    Column("metric", "prose", least=24),
    *map(Column, ("base", "candidate", "change", "interval", "margin")),
)
_FIRST_TO_GO: Final = ("margin", "base", "candidate", "interval")
_PER_OPERATION: Final = (
    "per operation; base: median over pairs, candidate: that with the paired change; interval: 95% bounds"
)
_LAST_WORDS: Final = 5
_STOPPED: Final = {
    "precision": "enough to be sure",
    "most pairs": "the most that were allowed",
    "time": "all that fitted the time",
    "interrupt": "then interrupted",
    "problem": "then an engine could not go on",
}


def render_comparison(result: AbResult, strict: bool) -> RenderableType:
    """All of one comparison.

    Args:
        strict: whether an inconclusive comparison fails.
    """
    sections = [_head(result), _table(result.metrics), _picture(result.metrics), _troubles(result)]
    return Group(*_followed_by_blank(sections), *render_change(result, strict=strict))


def render_comparison_line(result: AbResult) -> RenderableType:
    """The verdict of one comparison on one line."""
    return comparison_line(result)


def render_comparisons(results: Sequence[AbResult], of: int) -> RenderableType:
    """A line for each of several comparisons, the most severe first, and how many of each there are.

    Args:
        of: how many were asked for.
    """
    ordered = sorted(results, key=lambda result: GRAVEST_FIRST.index(result.change))
    counts = Counter(word_of(result).plain for result in ordered)
    took = units.format_duration(sum(result.duration_ns for result in results))
    tally = f"{counted(len(results), 'scenario')} in {took}: " + ", ".join(f"{n} {word}" for word, n in counts.items())
    missing = [Text(f"not compared: {of - len(results)} of {of} scenarios", DOUBTFUL)] if len(results) < of else []
    return Group(*map(comparison_line, ordered), Text(), Text(tally), *missing)


def _followed_by_blank(sections: Sequence[Iterator[RenderableType]]) -> Iterator[RenderableType]:
    for parts in filter(None, map(list, sections)):
        yield from parts
        yield Text()


def _head(result: AbResult) -> Iterator[RenderableType]:
    against = Text.assemble(name(result.candidate.name), (" against ", QUIET), name(result.base.name))
    yield Hanging(name(result.scenario, "bold").append(INDENT), against)
    lines = [
        ("plan", name(result.plan)),
        ("base", _side(result.base)),
        ("candidate", _side(result.candidate)),
        ("pairs", _pairs(result.pairing, result.duration_ns)),
        ("CPU", _cpu(result.pairing)),
        ("seed", Text.assemble(str(result.seed), (f"  (repeat with --seed {result.seed})", QUIET))),
    ]
    if result.alpha < ALPHA:
        lines.append(("alpha", Text(f"{result.alpha:.2g}: this scenario's part of {ALPHA:g} for all of them", QUIET)))
    version = result.base.version
    if version and version == result.candidate.version:
        lines.append(("note", Text("both engines are of the same sources: a change can only be noise", DOUBTFUL)))
    yield from labelled(lines)


def _side(side: EngineSide) -> Text:
    engine = engine_words("", side.version, side.commit, modified=side.modified) or "engine not known"
    return Text.assemble(name(side.name), (f"; {one_line(engine)}; {counted(side.operations, 'operation')}", QUIET))


def _pairs(pairing: Pairing, duration_ns: int) -> Text:
    if not pairing.pairs:
        return Text("none was completed", DOUBTFUL)
    slices = f"{counted(pairing.slices, 'slice')} of {units.format_duration(pairing.slice_ns)}"
    by = "" if pairing.vus == 1 else f" by each of {units.format_count(pairing.vus)} vus"
    how = f"of each engine {slices}, {counted(pairing.iterations, 'iteration')}{by}"
    return Text.assemble(
        f"{units.format_count(pairing.pairs)} in {units.format_duration(duration_ns)}, ",
        f"{_STOPPED[pairing.stopped_by]}; ",
        (how, QUIET),
    )


def _cpu(pairing: Pairing) -> Text:
    if pairing.pinned:
        which = "the same CPU" if pairing.vus == 1 else "the same CPUs"
        return Text(f"both engines of a pair pinned to {which}, one running at a time", QUIET)
    return Text("not pinned: this system does not let a process keep to a CPU, so more pairs were asked for", DOUBTFUL)


def _table(metrics: Sequence[MetricComparison]) -> Iterator[RenderableType]:
    if metrics:
        rows = list(map(_row, gravest_first(metrics)))
        yield FittingTable(_COLUMNS, rows, first_to_go=_FIRST_TO_GO)
        yield Hanging(Text(INDENT), Text(_PER_OPERATION, QUIET))


def _row(metric: MetricComparison) -> list[Text]:
    return [
        change_word(metric.change),
        name(metric.name),
        Text(value(metric, metric.base)),
        Text(value(metric, metric.candidate)),
        Text(amount(metric)),
        Text("" if is_same(metric) else interval(metric)),
        Text(units.format_percentage(metric.margin), QUIET),
    ]


def _picture(metrics: Sequence[MetricComparison]) -> Iterator[RenderableType]:
    if worth_a_picture(metrics):
        yield PairPicture(metrics)


def _troubles(result: AbResult) -> Iterator[RenderableType]:
    sides = (("base", result.base), ("candidate", result.candidate))
    yield from labelled([(who, Text("\n").join(_troubles_of(side))) for who, side in sides if not side.is_sound])


def _troubles_of(side: EngineSide) -> Iterator[Text]:
    if side.failed:
        yield Text(f"{units.format_count(side.failed)} of {counted(side.operations, 'operation')} failed", BAD)
    for kind, count in sorted(side.errors.items(), key=lambda each: -each[1]):
        yield Text.assemble(f"- {units.format_count(count)} x ", name(kind))
    if side.lost_writes:
        yield Text(f"{counted(side.lost_writes, 'acknowledged write')} lost", BAD)
    yield from (Text.assemble("- ", name(example)) for example in side.lost_examples)
    if side.problem:
        yield from _last_words(side.problem)


def _last_words(problem: str) -> Iterator[Text]:
    """The first line says what happened; of what follows, the end tells most."""
    first, *more = [line for line in problem.splitlines() if line.strip()] or ["it could not go on"]
    yield name(first, BAD)
    if left_out := len(more[:-_LAST_WORDS]):
        yield Text(f"({counted(left_out, 'line')} left out)", QUIET)
    yield from (Text(INDENT).append_text(name_as_is(line)) for line in more[-_LAST_WORDS:])
