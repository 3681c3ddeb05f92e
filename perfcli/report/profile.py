"""A profile for the terminal: where the time of operations goes, and what to look at first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from perfcli import units
from perfcli.agent.profiling.findings import CpuFindings, LockFigures, MemoryFindings
from perfcli.errors import Verdict
from perfcli.profiling.result import Breakdown, Overhead, ProfileResult
from perfcli.report.blocks import DOUBTFUL, QUIET, Column
from perfcli.report.figures import counted, engine_words, figure, name, one_line, share, verdict_word
from perfcli.report.layout import INDENT, FittingTable, Hanging, labelled, listed
from perfcli.report.profile_statements import render_statements

MOST_FUNCTIONS: Final = 12
MOST_LINES: Final = 8
MOST_LOCKS: Final = 8
_TELLING_BYTES: Final = 1024
_PARTS: Final = ("AI", "database", "lock wait", "engine")
_ACCOUNTED: Final = 0.95


def render_profile(result: ProfileResult) -> RenderableType:
    """All of a profile, the breakdown of operations first."""
    sections = [_head(result), _breakdown(result.breakdown)]
    if result.cpu is not None:
        sections.append(_cpu(result.cpu, result.files))
    if result.memory is not None:
        sections.append(_memory(result.memory, result.operations.get("memory", 0), result.processes))
    if result.sql is not None:
        sections.append(render_statements(result.sql))
    if result.locks is not None:
        sections.append(_locks(result.locks))
    sections.append(_overheads(result))
    shown = [list(section) for section in sections]
    return Group(*(line for section in shown if section for line in (*section, Text())))


def _head(result: ProfileResult) -> Iterator[RenderableType]:
    yield Hanging(Text("profile  ", "bold"), name(result.scenario, "bold"))
    engine = engine_words(result.engine, result.engine_version, result.commit, modified=result.engine_modified)
    said = [("plan", name(result.plan)), ("seed", Text(str(result.seed))), ("engine", name(engine))]
    if result.processes > 1:
        said.append(("process", Text(f"the first of {result.processes} engine processes was profiled", DOUBTFUL)))
    yield from labelled(said)
    yield from listed([name(note, DOUBTFUL) for note in result.notes])


def _breakdown(breakdown: Sequence[Breakdown]) -> Iterator[RenderableType]:
    if not breakdown:
        return
    yield Text("Operations, mean of each, and its parts", "bold")
    columns = [Column("operation", "prose", least=14), *map(Column, ("count", "whole", *_PARTS, "sum"))]
    yield FittingTable(columns, [_row_of_parts(each) for each in breakdown], first_to_go=("count", "sum"))
    for each in breakdown:
        if each.accounted is not None and each.accounted < _ACCOUNTED:
            said = f"{one_line(each.parts.operation)}: {share(1 - each.accounted)} of its time was the profiler's own"
            yield from listed([Text(said, QUIET)])


def _row_of_parts(breakdown: Breakdown) -> list[Text]:
    parts = breakdown.parts
    taken = (parts.ai_ns, parts.database_ns, parts.lock_wait_ns, parts.engine_ns)
    largest = max(taken)
    return [
        name(parts.operation),
        Text(units.format_count(parts.count)),
        Text(units.format_duration(parts.whole_ns / parts.count)),
        *(_part(part_ns, parts.whole_ns, "bold" if part_ns == largest else "") for part_ns in taken),
        Text(_rounded(sum(taken) / parts.whole_ns) if parts.whole_ns else ""),
    ]


def _part(part_ns: int, whole_ns: int, style: str) -> Text:
    return Text(_rounded(part_ns / whole_ns), style) if part_ns and whole_ns else Text("0%", QUIET)


def _rounded(fraction: float) -> str:
    return f"{fraction:.1%}"


def _cpu(cpu: CpuFindings, files: Sequence[str]) -> Iterator[RenderableType]:
    said = f"{units.format_duration(cpu.sampled_ns)} in {counted(cpu.samples, 'sample')}"
    yield Text.assemble(("Functions, by their own time", "bold"), (f"  {said}", QUIET))
    rows = [
        [Text(_rounded(each.self_share)), Text(_rounded(each.total_share)), name(each.name), name(each.place, QUIET)]
        for each in cpu.functions[:MOST_FUNCTIONS]
    ]
    columns = [
        Column("self"),
        Column("total"),
        Column("function", "prose", least=16),
        Column("defined at", "prose", 20),
    ]
    yield FittingTable(columns, rows)
    yield from labelled([("flame graph", name(file)) for file in files])


def _memory(memory: MemoryFindings, operations: int, processes: int) -> Iterator[RenderableType]:
    mine = max(1, operations // processes)
    yield Text.assemble(
        ("Memory that outlives the load, by line", "bold"),
        (f"  {units.format_size(memory.kept_bytes)} in all, cache emptied", QUIET),
    )
    telling = [line for line in memory.lines if line.kept_bytes >= _TELLING_BYTES][:MOST_LINES]
    if not telling:
        yield from listed([Text("no line holds on to as much as 1 KiB")])
        return
    rows = [
        [
            Text(units.format_size(line.kept_bytes)),
            Text(units.format_size_per_operation(line.kept_bytes / mine)),
            Text(units.format_count(line.blocks)),
            name(line.place, "" if line.in_engine else QUIET),
            name(line.source, QUIET),
        ]
        for line in telling
    ]
    columns = [
        Column("kept"),
        Column("per operation"),
        Column("blocks"),
        Column("line", "word"),
        Column("source", "prose", least=20),
    ]
    yield FittingTable(columns, rows, first_to_go=("source", "blocks", "per operation"))


def _locks(locks: Sequence[LockFigures]) -> Iterator[RenderableType]:
    yield Text("Locks, by the time waited for them within operations", "bold")
    waited = [lock for lock in locks if lock.waits][:MOST_LOCKS]
    if not waited:
        asked = counted(sum(lock.acquired for lock in locks), "time")
        yield from listed([Text(f"nobody waited: {counted(len(locks), 'lock')} asked for {asked}, free each time")])
        return
    columns = [
        *map(Column, ("waited", "waits", "of", "longest")),
        Column("lock", "word"),
        Column("made at", "prose", least=20),
        Column("in", "prose", least=12),
    ]
    yield FittingTable(columns, [_row_of_lock(lock) for lock in waited], first_to_go=("of", "in", "longest"))


def _row_of_lock(lock: LockFigures) -> list[Text]:
    waits = ", ".join(f"{one_line(label)} {units.format_duration(ns)}" for label, ns in lock.operations.items())
    return [
        Text(units.format_duration(lock.wait_ns)),
        Text(units.format_count(lock.waits)),
        Text(units.format_count(lock.acquired)),
        Text(units.format_duration(lock.longest_ns)),
        Text(lock.kind),
        Text.assemble(name(lock.place), (f"  {one_line(lock.source)}", QUIET)),
        Text(waits),
    ]


def _overheads(result: ProfileResult) -> Iterator[RenderableType]:
    if result.overheads:
        yield Text("What profiling itself adds to an operation, by a run without it", "bold")
        columns = [Column("profiler", "word"), *map(Column, ("operations", "without", "with", "added", "share"))]
        yield FittingTable(columns, [_row_of_overhead(each) for each in result.overheads])
    if result.interrupted:
        yield Hanging(verdict_word(Verdict.INTERRUPTED).append(INDENT), name(f"partial profile: {result.interrupted}"))
    yield Hanging(Text(), Text("Profiled figures count for no threshold and no baseline.", QUIET))


def _row_of_overhead(overhead: Overhead) -> list[Text]:
    return [
        Text(overhead.by),
        Text(units.format_count(overhead.operations)),
        figure(overhead.plain_ns, units.format_duration),
        figure(overhead.typical_ns, units.format_duration),
        Text(f"{'-' if overhead.added_ns < 0 else '+'}{units.format_duration(abs(overhead.added_ns))}"),
        Text(f"{overhead.share:+.0%}"),
    ]
