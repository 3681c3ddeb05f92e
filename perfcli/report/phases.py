"""Phases as blocks: a line each, each in full, and the same load at several numbers of vus as one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Block, Column, Facts, Line, Section, Table
from perfcli.report.operations import (
    SHORT_STATISTICS,
    THIN,
    Measured,
    brief_operations_table,
    if_any,
    is_open,
    latency,
    operations_table,
    rate_of,
)
from perfcli.report.wording import UNKNOWN, counted, figure, name
from perfcli.results import OperationResult, PhaseResult, RunResult

_COLUMNS: Final = (
    Column("phase", "prose", least=22),
    *map(Column, ("vus", "time", "ok", "failed", "dropped", "rate", *SHORT_STATISTICS)),
)
_FIRST_TO_GO: Final = ("max", "time", "ok", "dropped", "rate", "vus")
_SCALING_COLUMNS: Final = (
    Column("operation", "prose", least=14),
    *map(Column, ("vus", "throughput", *SHORT_STATISTICS, "failed", "skipped", "iterations", "dropped", "interrupted")),
)
_SCALING_FIRST_TO_GO: Final = ("iterations", "skipped", "interrupted", "dropped", "max", "throughput")
_LEAST_DELIVERY: Final = 0.995
_NO_ITERATIONS: Final = (Text(), Text(), Text())


def phases_table(result: RunResult) -> Table:
    """A line for each phase, and their total."""
    rows = [_row(name(phase.name), phase, Text(units.format_count(phase.vus))) for phase in result.phases]
    rows.append(_row(Text("total"), result, Text()))
    return Table(_COLUMNS, rows, "phases", totals=1, first_to_go=_FIRST_TO_GO, legend=[THIN])


def phase_sections(result: RunResult) -> Iterator[Section]:
    """Each phase in full, in their order; those that differ in their vus alone as one.

    In brief only the operations of a phase that failed.
    """
    failed = {threshold.phase for threshold in result.failed_thresholds}
    for stem, same in groupby(result.phases, key=_stem):
        family = list(same)
        fails = any(phase.name in failed and len(phase.operations) > 1 for phase in family)
        scales = bool(stem) and len(family) > 1 and _do_the_same(family)
        if scales and not any(map(is_open, family)):
            table = scaling_table(family)
            brief = [table] if fails else ()
            yield Section(f"phase {stem}", [*_scaling_head(stem, family), table], brief=brief, detail=True)
            continue
        for phase in family:
            tables = [] if phase.duration_ns is None else [operations_table(phase, from_due_time=is_open(phase))]
            head = Line(name(phase.plan), Text.assemble(("phase ", QUIET), name(phase.name, "bold")))
            facts = Facts([*_amounts(phase), *delivery(phase)])
            short: list[Block] = []
            if fails and phase.name in failed:
                short = [Line(Text(), head.lead), brief_operations_table(phase)]
            yield Section(f"phase {phase.name}", [head, facts, *tables], brief=short, detail=True)
        if scales:
            yield Section(f"{stem} at each number of vus", [scaling_table(family)], detail=True)


def what_held(result: RunResult) -> list[tuple[str, Text]]:
    """Up to how many vus the thresholds of phases held that differ in their vus."""
    failed = {threshold.phase for threshold in result.failed_thresholds}
    judged = {threshold.phase for threshold in result.thresholds if threshold.strict and threshold.judged}
    found = []
    for stem, same in groupby(result.phases, key=_stem):
        family = [phase for phase in same if phase.name in judged]
        if stem and len(family) > 1:
            found.append((stem, _held(family, failed)))
    if len(found) == 1:
        return [("scaling", found[0][1])]
    return [("scaling", Text.assemble(name(stem), ": ", held)) for stem, held in found]


def _amounts(phase: PhaseResult) -> Iterator[tuple[str, Text]]:
    """What was measured, and the warm-up."""
    yield "measured", _measured(phase)
    if phase.broke:
        yield "broke at", Text(f"{phase.broke}, after {units.format_duration(phase.broke.at_ns)}")
    if phase.warmup_iterations:
        yield "warm-up", Text(f"{counted(phase.warmup_iterations, 'iteration')} of warm-up, excluded from the figures")


def delivery(phase: PhaseResult) -> Iterator[tuple[str, Text]]:
    """Of an open model: whether the load that was asked for is the load that ran."""
    if not is_open(phase) or phase.duration_ns is None:
        return
    dropped, interrupted = (f"{units.format_count(count)} {what}" for count, what in _undone(phase))
    undone = any(count for count, _ in _undone(phase))
    yield "delivery", Text.assemble(_delivered(phase), "; ", (f"{dropped}, {interrupted}", DOUBTFUL if undone else ""))
    lag = Text(UNKNOWN, QUIET)
    if (summary := phase.schedule_lag) is not None:
        lag = Text(", ").join(Text.assemble(f"{each} ", latency(each, summary)) for each in ("p50", "p99", "max"))
        lag.append(" from due time to start", QUIET)
    yield "schedule lag", lag


def _delivered(phase: PhaseResult) -> str:
    if not phase.offered_per_s or phase.achieved_per_s is None:
        return "unknown: the load was cut short"
    share = units.format_percentage(phase.achieved_per_s / phase.offered_per_s)
    achieved, offered = units.format_rate(phase.achieved_per_s), units.format_rate(phase.offered_per_s)
    return f"{achieved} achieved of {offered} offered ({share})"


def undelivered(result: RunResult) -> Iterator[tuple[str, Text]]:
    """The rates of each phase whose load was not all delivered; what was dropped, the head of the report says."""
    for phase in result.phases:
        is_short = (phase.achieved_per_s or 0.0) < _LEAST_DELIVERY * (phase.offered_per_s or 0.0)
        if is_open(phase) and phase.duration_ns is not None and (is_short or any(count for count, _ in _undone(phase))):
            of = Text.assemble(name(phase.name), ": ") if len(result.phases) > 1 else Text()
            yield "delivery", of + Text(_delivered(phase))


def scaling_table(family: Sequence[PhaseResult]) -> Table:
    """Each operation at each number of vus, and last all of them together."""
    names = [operation.name for operation in family[0].operations]
    several = len(names) > 1
    rows: list[list[Text]] = []
    for index, operation in enumerate(names if several else []):
        done = [phase.operations[index] for phase in family]
        rows += _scaling_rows(name(operation), family, done, [_NO_ITERATIONS] * len(family))
    total = Text("total" if several else "")
    rows += _scaling_rows(total, family, [phase.total for phase in family], list(map(_iterations, family)))
    return Table(
        _SCALING_COLUMNS,
        rows,
        "operations by vus",
        totals=len(family) if several else 0,
        first_to_go=_SCALING_FIRST_TO_GO,
        legend=[THIN],
    )


def _row(label: Text, part: Measured, vus: Text) -> list[Text]:
    total = part.total
    return [
        label,
        vus,
        figure(part.duration_ns, units.format_duration),
        figure(total.ok if part.duration_ns is not None else None, units.format_count),
        if_any(total.failed, BAD),
        if_any(part.dropped_iterations, DOUBTFUL),
        rate_of(total, part),
        *(latency(statistic, total.latency, total.ok) for statistic in SHORT_STATISTICS),
    ]


def _stem(phase: PhaseResult) -> str:
    """The name in the file of a phase that was run for a number of vus; empty for any other."""
    ending = f"-{phase.vus}"
    return phase.name.removesuffix(ending) if phase.name.endswith(ending) else ""


def _do_the_same(family: Sequence[PhaseResult]) -> bool:
    return len({tuple(operation.name for operation in phase.operations) for phase in family}) == 1


def _held(family: Sequence[PhaseResult], failed: set[str]) -> Text:
    """ "held up to vus 4, failed at 16"; each number if it held again after it had failed."""
    ascending = sorted(family, key=lambda phase: phase.vus)
    held = [phase.vus for phase in ascending if phase.name not in failed]
    broken = [phase.vus for phase in ascending if phase.name in failed]
    if not broken:
        return Text(f"held up to vus {units.format_count(held[-1])}")
    if not held:
        return Text(f"failed at vus {_listed(broken)}", BAD)
    if held[-1] < broken[0]:
        return Text(f"held up to vus {units.format_count(held[-1])}, failed at {_listed(broken)}", BAD)
    return Text(f"held at vus {_listed(held)}, failed at {_listed(broken)}", BAD)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(units.format_count, numbers))


def _measured(phase: PhaseResult) -> Text:
    if phase.duration_ns is None:
        return Text("nothing: the run ended before this phase", QUIET)
    said = [f"{counted(phase.iterations, 'iteration')} in {units.format_duration(phase.duration_ns)}"]
    rate = phase.total.success_rate
    if rate is not None:
        said.append(f"{units.format_percentage(rate)} of {counted(phase.total.attempts, 'operation')} succeeded")
    if not is_open(phase):  # whose delivery has a line of its own
        said += [f"{counted(count, 'iteration')} {what}" for count, what in _undone(phase) if count]
    return Text("; ".join(said))


def _undone(phase: PhaseResult) -> list[tuple[int, str]]:
    return [(phase.dropped_iterations, "dropped"), (phase.interrupted_iterations, "interrupted")]


def _scaling_head(stem: str, family: Sequence[PhaseResult]) -> Iterator[Block]:
    """What ran, by the first of the phases, and its warm-up."""
    first, *others = family
    *more, most = [units.format_count(phase.vus) for phase in others]
    also = f"{', '.join(more)} and {most}" if more else most
    plan = Text.assemble(name(first.plan), (f"; then the same with {also} vus", QUIET))
    yield Line(plan, Text.assemble(("phase ", QUIET), name(stem, "bold")))
    warmup = sum(phase.warmup_iterations for phase in family)
    if warmup:
        yield Facts([("warm-up", Text(f"{counted(warmup, 'iteration')} of warm-up, excluded from the figures"))])


def _scaling_rows(
    label: Text,
    family: Sequence[PhaseResult],
    operations: Sequence[OperationResult],
    iterations: Sequence[Sequence[Text]],
) -> list[list[Text]]:
    """One row for each number of vus; the first bears the label."""
    labels = [label, *[Text()] * (len(family) - 1)]
    return [
        [
            shown,
            Text(units.format_count(phase.vus)),
            rate_of(operation, phase),
            *(latency(statistic, operation.latency, operation.ok) for statistic in SHORT_STATISTICS),
            if_any(operation.failed, BAD),
            if_any(operation.skipped),
            *ends,
        ]
        for shown, phase, operation, ends in zip(labels, family, operations, iterations, strict=True)
    ]


def _iterations(phase: PhaseResult) -> list[Text]:
    if phase.duration_ns is None:
        return [Text(UNKNOWN, QUIET), Text(), Text()]
    iterations = figure(phase.iterations, units.format_count)
    return [iterations, if_any(phase.dropped_iterations, DOUBTFUL), if_any(phase.interrupted_iterations, DOUBTFUL)]
