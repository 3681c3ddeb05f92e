"""The report of a run as blocks: the verdict, then what it rests on, then all that is known."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.operations.base import IN_PROCESS
from perfcli.report import blocks
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Block, Code, Facts, Section
from perfcli.report.compared import baseline_in_brief, baseline_section, comparison_word, counts_in_brief, exact_section
from perfcli.report.faults import faults_section
from perfcli.report.machines import machines_section
from perfcli.report.operations import (
    brief_operations_table,
    failure_examples,
    failures_table,
    is_open,
    operations_table,
    own_operations_section,
    plots,
)
from perfcli.report.phases import delivery, phase_sections, phases_table, undelivered, what_held
from perfcli.report.process import figures_section, integrity_in_brief, notable, resources_in_brief, stability_section
from perfcli.report.thresholds import thresholds_in_brief, thresholds_section
from perfcli.report.wording import (
    counted,
    engine_in_brief,
    engine_of,
    environment_words,
    name,
    one_line,
    operation_files,
    verdict_word,
)
from perfcli.results import RunResult, value_text
from perfcli.scenario.target import DEFAULT_TARGET

Fact = tuple[str, Text]


def run_document(result: RunResult, *, plot: bool = False) -> list[Section]:
    """The report of one scenario.

    Args:
        plot: whether the latency of each operation is drawn, too.
    """
    sections = [_answer(result)]
    if was_measured(result):
        sections += _load(result)
        sections += [Section("plots", list(plots(result)))] if plot else []
        sections += [stability_section(result), figures_section(result)]
    sections += [*faults_section(result), *machines_section(result), *exact_section(result)]
    sections += [
        Section("in brief", (), brief=[Facts(list(_in_brief(result)))]),
        thresholds_section(result),
        baseline_section(result),
        Section("what ran", [Facts(list(_what_ran(result)))], detail=True),
    ]
    return [section for section in sections if section.blocks or section.brief]


def verdict_block(result: RunResult) -> blocks.Verdict:
    """The verdict; of a run that passed with what ran, of another with its reasons."""
    word = verdict_word(result.verdict)
    word.plain = word.plain.upper()
    reasons = list(map(name, result.reasons))
    if result.baseline is not None and result.baseline.change == "regression":
        word.append(", REGRESSION", f"bold {BAD}")
        reasons.insert(0, comparison_word(result.baseline))
    passed = result.verdict is Verdict.PASS
    text = load_in_brief(result) if passed else Text(outcome(result))
    held = passed and result.exit_code == result.own_exit_code
    return blocks.Verdict(word, name(result.title, "bold"), text, reasons, passed=held)


def verdict_line(result: RunResult) -> blocks.Verdict:
    """The verdict with its reasons, for one line."""
    reasons = "; ".join(map(one_line, result.reasons))
    text = Text.assemble(f"{outcome(result)}: {reasons}" if reasons else outcome(result), *_against_baseline(result))
    return blocks.Verdict(verdict_word(result.verdict), name(result.title, "bold"), text)


def was_measured(result: RunResult) -> bool:
    """Whether there is anything to show of a load."""
    return result.duration_ns is not None or bool(result.total.attempts)


def load_in_brief(result: RunResult) -> Text:
    """ "5,000 iterations by 5 vus in 601 ms · 8,319/s · 0 failed"."""
    if result.duration_ns is None:
        return counts_in_brief(result.exact) if result.exact else Text("nothing was measured", QUIET)
    total = result.total
    phases = result.phases
    by = f"by {counted(phases[0].vus, 'vu')}" if len(phases) == 1 else f"in {counted(len(phases), 'phase')}"
    if result.processes > 1:
        by += f" over {result.processes} processes"
    parts = [
        Text(f"{counted(result.iterations, 'iteration')} {by} in {units.format_duration(result.duration_ns)}"),
        Text(units.format_rate(total.throughput_per_s)),
        Text(f"{units.format_count(total.failed)} failed", BAD if total.failed else ""),
    ]
    undone = ((result.dropped_iterations, "dropped"), (result.interrupted_iterations, "interrupted"))
    parts += [Text(f"{units.format_count(count)} {what}", DOUBTFUL) for count, what in undone if count]
    return Text(" · ").join(parts)


def outcome(result: RunResult) -> str:
    """What the verdict rests on, in a few words."""
    return f"{_outcome(result)}, {_ordinal(result)} try" if result.earlier_tries else _outcome(result)


def earlier_tries(result: RunResult) -> str:
    """Which try this is, and what became of those before; "" for the first."""
    if not (earlier := result.earlier_tries):
        return ""
    last = ", the last" if len(earlier) > 1 else ""
    return f"{_tried(result)}{last}: {'; '.join(earlier[-1].reasons)}"


def _tried(result: RunResult) -> str:
    earlier = len(result.earlier_tries)
    before = "other processes starved the first" if earlier == 1 else f"other processes starved {earlier} tries before"
    return f"{_ordinal(result)} try; {before}"


def _answer(result: RunResult) -> Section:
    parts: list[Block] = [verdict_block(result)]
    if result.verdict is not Verdict.PASS and was_measured(result):
        parts.append(Facts([("ran", load_in_brief(result))]))
    if result.details:
        parts.append(Code(result.details, "last output of the engine"))
    return Section("verdict", parts)


def _load(result: RunResult) -> Iterator[Section]:
    """Phases in tables of their own; a single one is the run itself."""
    arrives = any(map(is_open, result.phases))
    failures = failures_table(result.operations)
    if len(result.phases) > 1:
        yield Section("phases", [phases_table(result)])
        yield from phase_sections(result)
    else:
        table = operations_table(result, from_due_time=arrives)
        yield Section("operations", [table], brief=[brief_operations_table(result)])
    yield from own_operations_section(result.operations)
    if failures.rows:
        yield Section("failed operations", [failures])
    if examples := failure_examples(result):
        yield Section("examples of failures", examples, detail=True)


def _in_brief(result: RunResult) -> Iterator[Fact]:
    if was_measured(result):
        yield from undelivered(result)
        yield "resources", resources_in_brief(result)
        yield "integrity", integrity_in_brief(result)
        yield from notable(result)
    if result.earlier_tries and result.verdict is Verdict.PASS:
        yield "try", Text(_tried(result))
    yield from thresholds_in_brief(result)
    yield from what_held(result)
    yield from baseline_in_brief(result)
    yield from operation_files(result.operation_files)
    engine = engine_in_brief(result)
    yield "engine", Text(" · ").join([*([name(engine)] if engine else []), Text(f"seed {result.seed}")])
    if result.kept_database:
        yield "database", Text.assemble("kept at ", name(result.kept_database))


def _what_ran(result: RunResult) -> Iterator[Fact]:
    if result.description:
        yield "scenario", name(result.description)
    yield "plan", name(result.plan)
    yield from operation_files(result.operation_files)
    if engine := engine_of(result):
        yield "engine", name(engine)
    if experiment := _experiment(result):
        yield "pool", experiment
    swept = "".join(f" --sweep {shlex.quote(f'{key}={value_text(value)}')}" for key, value in result.variation.items())
    yield "seed", Text.assemble(str(result.seed), (f"  (replay with --seed {result.seed}{swept})", QUIET))
    if tried := earlier_tries(result):
        yield "try", name(tried)
    if len(result.phases) == 1:
        yield from delivery(result.phases[0])
    yield from what_held(result)
    if result.kept_database:
        yield "database", Text.assemble("kept at ", name(result.kept_database))
    if result.machines:
        yield "machine", name(", ".join(machine.name for machine in result.machines))
    yield "environment", name(environment_words(result.environment))


def _experiment(result: RunResult) -> Text | None:
    """Threads and processes are different experiments; a lone vu is neither, nor is a server that others run in."""
    vus = [phase.vus for phase in result.phases]
    target = result.scenario.get("target", {}).get("target", DEFAULT_TARGET.name)
    if result.only_counted or sum(vus) < 2 or not IN_PROCESS.get(target, False):
        return None
    who = counted(vus[0], "vu") if len(vus) == 1 else "all vus"
    if result.processes > 1:
        return Text(f"processes: {who} over {result.processes} engine processes (SQLite's one writer)")
    return Text(f"threads: {who} in one engine process (one GIL)")


def _ordinal(result: RunResult) -> str:
    number = len(result.earlier_tries) + 1
    last = 0 if number % 100 in (11, 12, 13) else number % 10
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def _outcome(result: RunResult) -> str:
    if result.verdict in (Verdict.INTERRUPTED, Verdict.ERROR):
        return "nothing was measured" if result.duration_ns is None else "partial report"
    if result.verdict is Verdict.INVALID:
        return "not judged"
    missed = sum(threshold.outcome == "miss" for threshold in result.thresholds)
    soft = f", {units.format_count(missed)} missed with strict: false" if missed else ""
    own_code = f" (exit code {result.own_exit_code})" if result.own_exit_code != result.verdict.exit_code else ""
    return f"{_of_thresholds(result)}{soft}{own_code}"


def _of_thresholds(result: RunResult) -> str:
    if result.only_counted and all(threshold.outcome == "not judged" for threshold in result.thresholds):
        return "counted, not judged: no threshold judges counts"
    total = sum(threshold.strict and threshold.outcome != "not judged" for threshold in result.thresholds)
    if failed := len(result.failed_thresholds):
        unjudged = sum(threshold.outcome == "not judged" for threshold in result.thresholds)
        others = f", {units.format_count(unjudged)} not judged" if unjudged else ""
        return f"{units.format_count(failed)} of {counted(total, 'threshold')} failed{others}"
    if total == 0:
        return "no strict threshold: not judged" if result.thresholds else "no thresholds: measured, not judged"
    return "the threshold holds" if total == 1 else f"all {units.format_count(total)} thresholds hold"


def _against_baseline(result: RunResult) -> list[Text | str]:
    """What the comparison with a baseline says, so that a verdict on thresholds alone is not taken for the whole."""
    if result.baseline is None:
        return []
    gives = f" (exit code {result.exit_code})" if result.exit_code != result.own_exit_code else ""
    return ["; ", comparison_word(result.baseline), gives]
