"""The report of two engines compared, as blocks: the verdict, each metric, what to know, and what ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.ab.gate import ALPHA
from perfcli.ab.result import AbResult, Change, EngineSide, MetricComparison, Pairing
from perfcli.errors import Verdict
from perfcli.report import blocks
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Block, Code, Column, Facts, Line, Notes, Plot, Section, Table
from perfcli.report.change import (
    GRAVEST_FIRST,
    PairPicture,
    amount,
    interval,
    is_same,
    sentence,
    surest_first,
    value,
    worst_first,
    worth_a_picture,
)
from perfcli.report.compared import counter_blocks, counters_named
from perfcli.report.layout import INDENT
from perfcli.report.wording import (
    change_word,
    commit_word,
    counted,
    engine_words,
    environment_words,
    name,
    name_as_is,
    one_line,
    operation_files,
    percent,
    verdict_word,
)

Fact = tuple[str, Text]

_COLUMNS: Final = (
    Column("", "word"),
    Column("metric", "prose", least=24),
    *map(Column, ("base", "candidate", "change", "interval", "margin")),
)
_FIRST_TO_GO: Final = ("margin", "base", "candidate", "interval")
_HOW_TO_READ: Final = (
    "per operation; base: median over pairs; candidate: base with the paired change; interval: 95% bounds"
)
_LAST_WORDS: Final = 5
_MORE_PAIRS: Final = {"most pairs": "for more pairs, raise --max-pairs", "time": "for more pairs, raise --max-time"}
_STOPPED: Final = {
    "precision": "enough for a verdict",
    "most pairs": "stopped by --max-pairs",
    "time": "stopped by --max-time",
    "interrupt": "interrupted",
    "problem": "an engine stopped",
}


def ab_document(result: AbResult, *, strict: bool | None = None) -> list[Section]:
    """The report of one comparison.

    Args:
        strict: whether an inconclusive comparison fails; None: not known here.
    """
    notes = list(_what_to_know(result, strict=strict))
    sections = [
        Section("verdict", [verdict_block(result)]),
        _metrics_section(result.metrics),
        Section("exact counters", list(counter_blocks(result.counters, ("base", "candidate")))),
        Section("machines", [Facts(list(_machines(result)))] if result.machines else []),
        Section("notes", [Notes(notes)] if notes else []),
        _engines_section(result),
        _examples_section(result),
        Section("what ran", [Facts(list(_what_ran(result)))], detail=True),
    ]
    return [section for section in sections if section.blocks or section.brief]


def ab_summary(results: Sequence[AbResult], of: int) -> list[Section]:
    """A row for each of several comparisons, the most severe first, and how many of each there are.

    Args:
        of: how many were asked for.
    """
    ordered = sorted(results, key=lambda result: GRAVEST_FIRST.index(result.change))
    verdicts = [verdict_line(result) for result in ordered]
    counts = Counter(verdict.word.plain for verdict in verdicts)
    took = units.format_duration(sum(result.duration_ns for result in results))
    tally = f"{counted(len(results), 'scenario')} in {took}: " + ", ".join(f"{n} {word}" for word, n in counts.items())
    lines = [Line(Text(tally))]
    if len(results) < of:
        lines.append(Line(Text(f"not compared: {of - len(results)} of {of} scenarios", DOUBTFUL)))
    return [Section("scenarios", verdicts), Section("tally", lines)]


def verdict_block(result: AbResult) -> blocks.Verdict:
    """The verdict with the metrics that bear it, and each reason."""
    alone = not (result.invalid or _bearing(result) or _counted(result)) and len(result.reasons) == 1
    reasons = [] if alone else [name(_first_line(reason)) for reason in result.reasons]
    return blocks.Verdict(
        _word(result),
        name(result.scenario, "bold"),
        _outcome(result, with_reasons=alone),
        reasons,
        passed=_passed(result),
    )


def verdict_line(result: AbResult) -> blocks.Verdict:
    """The verdict with its reasons, for one line."""
    outcome = _outcome(result, with_reasons=True)
    pairs = [] if result.interrupted or result.invalid else [_pairs(result)]
    return blocks.Verdict(_word(result), name(result.scenario, "bold"), Text("; ").join([outcome, *pairs]))


def _passed(result: AbResult) -> bool:
    """Whether nothing changed; an improvement is worth a look."""
    return result.change is Change.NO_CHANGE and not (result.invalid or result.interrupted)


def _word(result: AbResult) -> Text:
    if result.interrupted:
        return verdict_word(Verdict.INTERRUPTED)
    return verdict_word(Verdict.INVALID) if result.invalid else change_word(result.change)


def _outcome(result: AbResult, *, with_reasons: bool) -> Text:
    if result.interrupted:
        so_far = f"; until then: {result.change.value}" if result.metrics else ""
        return Text.assemble("partial report: ", name(result.interrupted), " after ", _pairs(result), so_far)
    if result.invalid:
        return Text.assemble("cannot be compared: ", name(_first_line(result.invalid)))
    parts = [_in_words(bearing)] if (bearing := _bearing(result)) else []
    if of_counters := _counted(result):
        # exact ones first; and what the pairs say by themselves
        parts = [Text(of_counters), *(parts or _pairs_alone(result))]
    if with_reasons:
        parts += [name(_first_line(reason)) for reason in result.reasons]
    if not of_counters and any(each.change == "no change" for each in result.counters):
        parts.append(Text("exact counters unchanged"))
    if result.change is Change.NO_CHANGE and not parts:
        parts = [Text("no metric changed by more than its margin")]
    return Text("; ").join(parts)


def _pairs(result: AbResult) -> Text:
    return Text(counted(result.pairing.pairs, "pair"))


def _counted(result: AbResult) -> str:
    """The exact counters that bear the verdict; "" if none does."""
    if result.change is Change.REGRESSION:
        return counters_named(result.counters, "regression")
    return counters_named(result.counters, "improvement") if result.change is Change.IMPROVEMENT else ""


def _pairs_alone(result: AbResult) -> Iterator[Text]:
    """What became of the metrics of the pairs, where exact counters alone bear the verdict."""
    if result.metrics:
        yield Text(f"pairs alone: {worst_first(result.metrics)[0].change.value}")


def _bearing(result: AbResult) -> list[MetricComparison]:
    """The metrics that bear the verdict, the surest first; of no change, the time."""
    if result.change is Change.NO_CHANGE:
        return [metric for metric in result.metrics if metric.name == "time"]
    return surest_first(metric for metric in result.metrics if metric.change is result.change)


def _in_words(bearing: Sequence[MetricComparison]) -> Text:
    first, *more = bearing
    others = f", and {counted(len(more), 'more metric')}" if more else ""
    return Text.assemble(name(first.name), sentence(first).removeprefix(one_line(first.name)), others)


def _first_line(text: str) -> str:
    """What follows it stands among the troubles of its engine."""
    return one_line(next((line for line in text.splitlines() if line.strip()), ""))


def _metrics_section(metrics: Sequence[MetricComparison]) -> Section:
    """Each metric, the most severe first; in brief the time and what changed, and a line for the others."""
    if not metrics:
        return Section("metrics", ())
    ordered = worst_first(metrics)
    shown = [each for each in ordered if each.name == "time" or each.change is not Change.NO_CHANGE]
    others = [each for each in ordered if each not in shown]
    parts: list[Block] = [_table(ordered), Line(Text(_HOW_TO_READ, QUIET))]
    if worth_a_picture(metrics):
        parts.append(Plot(Text("each pair", QUIET), PairPicture(metrics)))
    brief: list[Block] = [_table(shown), Facts([("unchanged", _unchanged(others))])]
    return Section("metrics", parts, brief=brief)


def _unchanged(metrics: Sequence[MetricComparison]) -> Text:
    """ "memory +0.8% · same: database, errors"."""
    nearly = [Text.assemble(name(metric.name), f" {amount(metric)}") for metric in metrics if not is_same(metric)]
    same = Text(", ").join(name(metric.name) for metric in metrics if is_same(metric))
    if not nearly:
        return same
    return Text(" · ").join([Text(", ").join(nearly), *([Text.assemble("same: ", same)] if same else [])])


def _table(metrics: Sequence[MetricComparison]) -> Table:
    return Table(_COLUMNS, list(map(_row, metrics)), "metrics", first_to_go=_FIRST_TO_GO)


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


def _machines(result: AbResult) -> Iterator[Fact]:
    """Of each machine of a cluster, how many pairs it made and what their median says of the time."""
    for machine in result.machines:
        ratio = machine.ratios.get("time")
        median_time = "" if ratio is None else f" · median time {percent(ratio)}"
        yield one_line(machine.name), Text(f"{counted(machine.pairs, 'pair')}{median_time}")


def _sides(result: AbResult) -> tuple[tuple[str, EngineSide], tuple[str, EngineSide]]:
    return ("base", result.base), ("candidate", result.candidate)


def _engines_section(result: AbResult) -> Section:
    """Each engine with what it did wrong, and how often it ran; of its last words in brief only the end."""
    engines = [(who, Text("\n").join([_engine(side), *_troubles(side)])) for who, side in _sides(result)]
    shortened = [
        (who, Text("\n").join([_engine_in_brief(side), *_troubles(side), *_last_words(side.problem)]))
        for who, side in _sides(result)
    ]
    last_words = [
        Code(side.problem, f"last output of the {who}") for who, side in _sides(result) if "\n" in side.problem
    ]
    pairs = _made(result.pairing, result.duration_ns)
    made = ("pairs", Text.assemble(pairs, f" · seed {result.seed}"))
    in_brief = [*shortened, *operation_files(result.operation_files), made]
    how = ("pairs", Text.assemble(pairs, (_how_made(result.pairing), QUIET)))
    return Section(
        "engines",
        [Facts([*engines, how]), *last_words],
        brief=[Facts(in_brief)],
    )


def _troubles(side: EngineSide) -> Iterator[Text]:
    if side.failed:
        yield Text(f"{units.format_count(side.failed)} of {counted(side.operations, 'operation')} failed", BAD)
    for kind, count in sorted(side.errors.items(), key=lambda each: -each[1]):
        yield Text.assemble(f"- {units.format_count(count)} x ", name(kind))
    if side.lost_writes:
        yield Text(f"{counted(side.lost_writes, 'acknowledged write')} lost", BAD)
    yield from (Text.assemble("- ", name(example)) for example in side.lost_examples)
    if side.problem:
        yield name(_first_line(side.problem) or "it stopped", BAD)


def _last_words(problem: str) -> Iterator[Text]:
    """The last lines, which matter most; the first says what happened, and stands before them."""
    more = [line for line in problem.splitlines() if line.strip()][1:]
    if left_out := len(more[:-_LAST_WORDS]):
        yield Text(f"({counted(left_out, 'line')} omitted)", QUIET)
    yield from (Text(INDENT).append_text(name_as_is(line)) for line in more[-_LAST_WORDS:])


def _examples_section(result: AbResult) -> Section:
    """One failure of each kind in full."""
    examples = [
        Code(example, f"{who}: {kind}") for who, side in _sides(result) for kind, example in side.error_examples.items()
    ]
    return Section("examples of failures", examples, detail=True)


def _what_to_know(result: AbResult, *, strict: bool | None) -> Iterator[Text]:
    version = result.base.version
    if version and version == result.candidate.version:
        yield Text("both engines have the same sources, so any change is noise", DOUBTFUL)
    if not result.pairing.pinned:
        yield Text("not pinned to a CPU, which this system does not support: ran more pairs instead", DOUBTFUL)
    if result.not_counted:
        yield Text.assemble("no exact counters: ", name(result.not_counted))
    if result.change is not Change.INCONCLUSIVE or result.invalid or result.interrupted:
        return
    if more_pairs := _MORE_PAIRS.get(result.pairing.stopped_by):
        yield Text(more_pairs)
    yield Text("for less noise, stop other programs; `digipal-perf selftest` measures the noise of this machine")
    if strict is not None:
        yield Text("fails because of --strict" if strict else "passes; with --strict it fails")


def _what_ran(result: AbResult) -> Iterator[Fact]:
    yield "plan", name(result.plan)
    yield from operation_files(result.operation_files)
    if result.pairing.pinned:
        which = "the same CPU" if result.pairing.vus == 1 else "the same CPUs"
        yield "CPU", Text(f"both engines of a pair pinned to {which}, one running at a time", QUIET)
    yield "seed", Text.assemble(str(result.seed), (f"  (replay with --seed {result.seed})", QUIET))
    if result.alpha < ALPHA:
        yield "alpha", Text(f"{result.alpha:.2g}: this scenario's share of {ALPHA:g}", QUIET)
    yield "environment", name(environment_words(result.environment))


def _engine(side: EngineSide) -> Text:
    engine = engine_words("", side.version, side.commit, modified=side.modified) or "engine unknown"
    return Text.assemble(name(side.name), (f"; {one_line(engine)}; {counted(side.operations, 'operation')}", QUIET))


def _engine_in_brief(side: EngineSide) -> Text:
    """Which sources it is of: a commit stands for them."""
    commit = "" if commit_word(side.commit) in side.name else side.commit
    known = engine_words("", "" if side.commit else side.version, commit, modified=side.modified and not side.commit)
    return Text.assemble(name(side.name), (f"; {one_line(known)}" if known else "", QUIET))


def _made(pairing: Pairing, duration_ns: int) -> Text:
    if not pairing.pairs:
        return Text("none completed", DOUBTFUL)
    took = units.format_duration(duration_ns)
    return Text(f"{units.format_count(pairing.pairs)} in {took}, {_STOPPED[pairing.stopped_by]}")


def _how_made(pairing: Pairing) -> str:
    if not pairing.pairs:
        return ""
    slices = f"{counted(pairing.slices, 'slice')} of {units.format_duration(pairing.slice_ns)}"
    by = "" if pairing.vus == 1 else f" by each of {units.format_count(pairing.vus)} vus"
    return f"; each engine {slices}, {counted(pairing.iterations, 'iteration')}{by}"
