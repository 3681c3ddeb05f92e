"""The report of results side by side, as blocks: the verdict, what the runs differ in, and the figures of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.figures import METRICS
from perfcli.history.compare import MOST_SEVERE_FIRST
from perfcli.history.result_pairs import ComparedRun, FigurePair, ResultPair, ResultsComparison, ThresholdPair
from perfcli.report import blocks
from perfcli.report.blocks import QUIET, Block, Column, Facts, Notes, Section, Table
from perfcli.report.compared import comparison_blocks, what_bears
from perfcli.report.history import began
from perfcli.report.operations import THIN
from perfcli.report.thresholds import observed_in_words
from perfcli.report.wording import (
    HINT,
    UNKNOWN,
    change_word,
    counted,
    cpus_in_words,
    figure,
    name,
    outcome_word,
    percent,
    verdict_word,
)
from perfcli.results import TOTAL, BaselineComparison, ThresholdResult, titled

_PERCENTILES: Final = ("p50", "p95", "p99")
_LATENCIES: Final = (Column("operation", "prose", least=14), *map(Column, _PERCENTILES))
_MEMORY: Final = (Column("memory", "word"), *map(Column, ("base", "now", "change")))
_THRESHOLDS: Final = (
    Column("base", "word"),
    Column("now", "word"),
    Column("threshold", "prose", least=20),
    *map(Column, ("observed base", "observed now")),
)
_OF_ENGINES: Final = ("engine", "commit", "sources")
_IN_BRIEF: Final = ("memory.growth", "memory.peak")


def compared_document(found: ResultsComparison) -> list[Section]:
    """The report of all pairs, the most severe first; several have a verdict over all."""
    pairs = sorted(found.pairs, key=lambda pair: MOST_SEVERE_FIRST.index(pair.comparison.change))
    several = len(pairs) > 1
    sections = [Section("verdict", [compared_verdict(found)])]
    for pair in pairs:
        sections += _sections(pair, several=several)
    alone = [
        Text.assemble(name(titled(each.scenario, each.variation)), " is in ", name(each.held_by), " only: ")
        .append_text(name(each.missing_in))
        .append(" has no such run")
        for each in found.unmatched
    ]
    return [*sections, *([Section("not compared", [Notes(alone)])] if alone else [])]


def compared_verdict(found: ResultsComparison) -> blocks.Verdict:
    """The verdict of the only pair; of several how many of each there are."""
    if len(found.pairs) == 1:
        return _verdict(found.pairs[0])
    changes = Counter(pair.comparison.change for pair in found.pairs)
    most_severe = min(changes, key=MOST_SEVERE_FIRST.index)
    tally = ", ".join(f"{changes[change]} {change}" for change in MOST_SEVERE_FIRST if changes[change])
    passed = most_severe == "no change" and not found.unmatched
    return blocks.Verdict(
        change_word(most_severe), Text(counted(len(found.pairs), "comparison")), Text(tally), passed=passed
    )


def _verdict(pair: ResultPair) -> blocks.Verdict:
    compared = pair.comparison
    relation = " with " if compared.change == "incomparable" else " against "
    bearing = what_bears(compared)
    text = Text.assemble(name(pair.now.label), relation, name(pair.base.label), f": {bearing}" if bearing else "")
    passed = compared.change == "no change"
    return blocks.Verdict(
        change_word(compared.change), name(titled(pair.scenario, pair.variation), "bold"), text, passed=passed
    )


def _sections(pair: ResultPair, *, several: bool) -> Iterator[Section]:
    """What the runs are and differ in, then their figures; one of several without a change has but a line in brief."""
    which = titled(pair.scenario, pair.variation)
    head: list[Block] = [_verdict(pair)] if several else []
    sections = [
        Section("runs", [*head, Facts(list(_runs(pair)))], brief=[*head, Facts(list(_runs(pair, in_brief=True)))]),
        Section("operations", list(comparison_blocks(_without_lone_reason(pair.comparison), with_times=False))),
        *_figure_sections(pair),
    ]
    if several and pair.comparison.change == "no change":
        sections = [replace(section, brief=()) for section in sections]
        sections[0] = replace(sections[0], brief=head)
    for section in sections:
        if section.blocks:
            yield replace(section, title=f"{which}: {section.title}") if several else section


def _without_lone_reason(comparison: BaselineComparison) -> BaselineComparison:
    """A comparison without the reason that its verdict names."""
    is_told = comparison.change == "incomparable" and len(comparison.reasons) == 1
    return comparison.model_copy(update={"reasons": []}) if is_told else comparison


def _figure_sections(pair: ResultPair) -> Iterator[Section]:
    memory = [each for each in pair.figures if not each.operation]
    facts = [("memory", _memory_in_brief(memory))]
    if latencies := [each for each in pair.figures if each.operation]:
        yield Section("latency", [_latencies(latencies)])
    if memory:
        yield Section("memory", [_memory(memory)], brief=() if pair.thresholds else [Facts(facts)])
    if pair.thresholds:
        changed = [each for each in pair.thresholds if _outcome(each.base) != _outcome(each.now)]
        unchanged = Counter(_outcome(each.now) for each in pair.thresholds if each not in changed)
        words = ", ".join(f"{units.format_count(count)} {outcome} in both" for outcome, count in unchanged.items())
        facts.append(("thresholds", Text(words)))
        brief: list[Block] = [_thresholds(changed)] if changed else []
        yield Section("thresholds", [_thresholds(pair.thresholds)], brief=[*brief, Facts(facts)])


def _runs(pair: ResultPair, *, in_brief: bool = False) -> Iterator[tuple[str, Text]]:
    """What both are and differ in; of their engines in brief only what the verdict does not name."""
    for role, run in (("base", pair.base), ("now", pair.now)):
        yield role, _run(run)
    for difference in pair.differences:
        if not (in_brief and difference.what in _OF_ENGINES):
            sides = name(difference.base or UNKNOWN), name(difference.now or UNKNOWN)
            yield difference.what, Text.assemble(*_arrow(*sides))
    machines = [
        f"{cpus_in_words(run.environment)}, {run.environment.cpu_model or run.environment.machine}"
        for run in (pair.base, pair.now)
    ]
    if machines[0] != machines[1]:
        yield "machine", Text.assemble(*_arrow(name(machines[0]), name(machines[1])))
    if pair.comparison.change in ("incomparable", "inconclusive") and not pair.comparison.strict:
        yield "strict", Text("passes; with --strict it fails", QUIET)


def _run(run: ComparedRun) -> Text:
    words = [name(run.source), Text(began(run.started_at)), verdict_word(run.verdict)]
    return Text(" · ").join(words)


def _arrow(base: Text, now: Text) -> tuple[Text, str, Text]:
    return base, " → ", now


def _latencies(figures: Sequence[FigurePair]) -> Table:
    """A row for each operation: each percentile of both runs, as it was timed."""
    named = dict.fromkeys(each.operation for each in figures if each.operation)
    held = {(each.operation, each.metric): each for each in figures}
    rows = [
        [
            name("total" if operation == TOTAL else operation),
            *(_latency(held.get((operation, f"latency.{each}"))) for each in _PERCENTILES),
        ]
        for operation in named
    ]
    return Table(_LATENCIES, rows, "latency", totals=int(TOTAL in named), first_to_go=("p95", "p99"), legend=[THIN])


def _latency(pair: FigurePair | None) -> Text:
    if pair is None:
        return Text(UNKNOWN, QUIET)
    both = Text.assemble(*_arrow(*(figure(each, units.format_duration) for each in (pair.base, pair.now))))
    return Text.assemble(HINT, both, style=QUIET) if pair.is_hint else both


def _memory(figures: Sequence[FigurePair]) -> Table:
    return Table(_MEMORY, [[Text(METRICS[each.metric].label), *_quantities(each)] for each in figures], "memory")


def _quantities(pair: FigurePair) -> list[Text]:
    written = [figure(each, lambda value: units.format_quantity(pair.unit, value)) for each in (pair.base, pair.now)]
    ratio = pair.now / pair.base if pair.base and pair.now is not None and pair.base > 0 and pair.now >= 0 else None
    return [*written, Text("" if ratio is None else percent(ratio))]


def _memory_in_brief(figures: Sequence[FigurePair]) -> Text:
    shown = [
        Text.assemble(f"{METRICS[each.metric].label} ", *_arrow(*_quantities(each)[:2]))
        for each in figures
        if each.metric in _IN_BRIEF
    ]
    return Text(" · ").join(shown)


def _outcome(threshold: ThresholdResult | None) -> str:
    return threshold.outcome if threshold else ""


def _thresholds(pairs: Sequence[ThresholdPair]) -> Table:
    rows = [
        [
            *(outcome_word(each) if each else Text(UNKNOWN, QUIET) for each in (pair.base, pair.now)),
            name(f"{pair.phase}: {pair.expr}" if pair.phase else pair.expr),
            *(Text(observed_in_words(each)) if each else Text(UNKNOWN, QUIET) for each in (pair.base, pair.now)),
        ]
        for pair in pairs
    ]
    return Table(_THRESHOLDS, rows, "thresholds", first_to_go=("observed base", "observed now"))
