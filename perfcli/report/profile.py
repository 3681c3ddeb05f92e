"""A profile as blocks: where the time of operations goes, and what to look at first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.report import blocks
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Block, Column, Facts, Line, Notes, Section, Table
from perfcli.report.wording import (
    counted,
    engine_words,
    name,
    one_line,
    operation_files,
    percent,
    share,
    signed,
    verdict_word,
)
from perfcli.results.findings import (
    Breakdown,
    CpuFindings,
    LockFigures,
    MemoryFindings,
    Overhead,
    ProfileResult,
    StatementFigures,
)

MOST_FUNCTIONS: Final = 12
MOST_LINES: Final = 8
MOST_LOCKS: Final = 8
_MOST_IN_BRIEF: Final = 5
"""Functions and statements; a statement with a flag is always shown."""
_TELLING_BYTES: Final = 1024
_PARTS: Final = ("AI", "database", "lock wait", "engine")
_ACCOUNTED: Final = 0.95
MOST_STATEMENTS: Final = 10
_LONGEST_SQL: Final = 240
_ADDED: Final = signed(units.format_duration)
_BY_TIME: Final = "Statements, by total time"


def profile_document(result: ProfileResult) -> list[Section]:
    """All of a profile, the breakdown of operations first."""
    sections = [
        Section("profile", list(_head(result)), brief=list(_head(result, in_brief=True))),
        Section("operations", list(_breakdown(result.breakdown))),
    ]
    if result.cpu is not None:
        functions = _cpu(result.cpu, result.files, MOST_FUNCTIONS)
        in_brief = _cpu(result.cpu, result.files, _MOST_IN_BRIEF)
        sections.append(Section("functions", list(functions), brief=list(in_brief)))
    if result.memory is not None:
        memory = _memory(result.memory, result.operations.get("memory", 0), result.processes)
        sections.append(Section("memory", list(memory)))
    if result.sql is not None:
        sections += _statements(result.sql)
    if result.locks is not None:
        sections.append(Section("locks", list(_locks(result.locks))))
    if result.overheads:
        sections.append(Section("overheads", [Facts([("profiling cost", _overheads(result.overheads))])]))
    return [section for section in sections if section.blocks]


def _heading(text: str, aside: str = "") -> Line:
    return Line(Text.assemble((text, "bold"), (f"  {aside}" if aside else "", QUIET)), Text())


def _head(result: ProfileResult, *, in_brief: bool = False) -> Iterator[Block]:
    if result.interrupted:
        text = Text.assemble("partial profile: ", name(result.interrupted))
        yield blocks.Verdict(verdict_word(Verdict.INTERRUPTED), name(result.scenario, "bold"), text)
    else:
        yield Line(name(result.scenario, "bold"), Text("profile", "bold"))
    engine = engine_words(result.engine, result.engine_version, result.commit, modified=result.engine_modified)
    facts = [] if in_brief else [("plan", name(result.plan)), ("seed", Text(str(result.seed)))]
    facts += [*operation_files(result.operation_files), ("engine", name(engine))]
    if result.processes > 1:
        facts.append(("process", Text(f"the first of {result.processes} engine processes was profiled", DOUBTFUL)))
    yield Facts(facts)
    yield Notes([name(note, DOUBTFUL) for note in result.notes])


def _breakdown(breakdown: Sequence[Breakdown]) -> Iterator[Block]:
    if not breakdown:
        return
    yield _heading("Mean time of each operation, and its parts")
    columns = [Column("operation", "prose", least=14), *map(Column, ("count", "mean", *_PARTS))]
    yield Table(columns, [_row_of_parts(each) for each in breakdown], "operations", first_to_go=("count",))
    yield Notes(
        [
            Text.assemble(name(each.parts.operation), f": {share(1 - each.accounted)} of its time is the profiler's")
            for each in breakdown
            if each.accounted is not None and each.accounted < _ACCOUNTED
        ]
    )


def _row_of_parts(breakdown: Breakdown) -> list[Text]:
    parts = breakdown.parts
    taken = (parts.ai_ns, parts.database_ns, parts.lock_wait_ns, parts.engine_ns)
    largest = max(taken)
    return [
        name(parts.operation),
        Text(units.format_count(parts.count)),
        Text(units.format_duration(parts.whole_ns / parts.count)),
        *(_part(part_ns, parts.whole_ns, "bold" if part_ns == largest else "") for part_ns in taken),
    ]


def _part(part_ns: int, whole_ns: int, style: str) -> Text:
    return Text(f"{part_ns / whole_ns:.1%}", style) if part_ns and whole_ns else Text("0%", QUIET)


def _cpu(cpu: CpuFindings, files: Sequence[str], most: int) -> Iterator[Block]:
    sampled = f"{units.format_duration(cpu.sampled_ns)} in {counted(cpu.samples, 'sample')}"
    yield _heading("Functions, by self time", sampled)
    rows = [
        [Text(f"{each.self_share:.1%}"), Text(f"{each.total_share:.1%}"), name(each.name), name(each.place, QUIET)]
        for each in cpu.functions[:most]
    ]
    columns = [
        *map(Column, ("self", "total")),
        Column("function", "prose", least=16),
        Column("defined at", "prose", least=20),
    ]
    yield Table(columns, rows, "functions", first_to_go=("total",))
    yield Facts([("flame graph", Text("\n").join(map(name, files)))] if files else [])


def _memory(memory: MemoryFindings, operations: int, processes: int) -> Iterator[Block]:
    mine = max(1, operations // processes)
    kept = f"{units.format_size(memory.kept_bytes)} in total, with the cache emptied"
    yield _heading("Memory kept after the load, by line", kept)
    telling = [line for line in memory.lines if line.kept_bytes >= _TELLING_BYTES][:MOST_LINES]
    if not telling:
        yield Notes([Text("no line keeps 1 KiB or more")])
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
        *map(Column, ("kept", "per operation", "blocks")),
        Column("line", "word"),
        Column("source", "prose", least=20),
    ]
    yield Table(columns, rows, "memory", first_to_go=("source", "blocks", "per operation"))


def _locks(locks: Sequence[LockFigures]) -> Iterator[Block]:
    yield _heading("Locks, by waiting time within operations")
    waited = [lock for lock in locks if lock.waits][:MOST_LOCKS]
    if not waited:
        asked = counted(sum(lock.acquired for lock in locks), "time")
        yield Notes([Text(f"no waits: {counted(len(locks), 'lock')} acquired {asked}, free each time")])
        return
    columns = [
        *map(Column, ("waited", "waits", "of", "longest")),
        Column("lock", "word"),
        Column("created at", "word"),
        Column("source", "prose", least=36),
        Column("in", "prose", least=12),
    ]
    yield Table(
        columns, [_row_of_lock(lock) for lock in waited], "locks", first_to_go=("source", "of", "in", "longest")
    )


def _row_of_lock(lock: LockFigures) -> list[Text]:
    waits = ", ".join(f"{one_line(label)} {units.format_duration(ns)}" for label, ns in lock.operations.items())
    return [
        Text(units.format_duration(lock.wait_ns)),
        Text(units.format_count(lock.waits)),
        Text(units.format_count(lock.acquired)),
        Text(units.format_duration(lock.longest_ns)),
        Text(lock.kind),
        name(lock.place),
        name(lock.source, QUIET),
        Text(waits),
    ]


def _overheads(overheads: Sequence[Overhead]) -> Text:
    """ "cpu +21.5 µs/op (+45.3%), memory +4.34 ms/op (92.6x)"."""
    return Text(", ".join(f"{each.by} {_ADDED(each.added_ns)}/op ({percent(1 + each.share)})" for each in overheads))


def _statements(statements: Sequence[StatementFigures]) -> Iterator[Section]:
    """A table of figures and flags, then each statement with its callers and its plan."""
    flagged = [each for each in statements if _is_flagged(each)]
    # what is flagged is shown, however quick it was with so few rows
    first = list(statements[:MOST_STATEMENTS])
    shown = list(enumerate([*first, *(each for each in flagged if each not in first)], 1))
    if not statements:
        yield Section("statements", [_heading(_BY_TIME), Notes([Text("no statement ran within an operation")])])
        return
    in_brief = [(place, each) for place, each in shown if place <= _MOST_IN_BRIEF or _is_flagged(each)]
    tables = [_table_of_statements(rows, len(statements)) for rows in (shown, in_brief)]
    yield Section("statements", tables[0], brief=tables[1])
    for place, each in shown:
        rows = [(str(place), name(_cut(each.sql))), *_about(each)]
        without_plan = [row for row in rows if row[0] != "plan"]
        yield Section(f"statement {place}", [Facts(rows)], brief=[Facts(without_plan)] if _is_flagged(each) else ())


def _is_flagged(statement: StatementFigures) -> bool:
    return bool(statement.full_scans or statement.repeated_in)


def _table_of_statements(shown: Sequence[tuple[int, StatementFigures]], of: int) -> list[Block]:
    columns = (
        *map(Column, ("#", "count", "total", "mean", "p99", "rows")),
        Column("called from", "word"),
        Column("flags", "prose", least=20),
    )
    rows = [_row_of_statement(place, each) for place, each in shown]
    more = f"{len(shown)} of {of}" if of > len(shown) else ""
    return [_heading(_BY_TIME, more), Table(columns, rows, "statements", first_to_go=("rows", "p99", "called from"))]


def _row_of_statement(place: int, statement: StatementFigures) -> list[Text]:
    return [
        Text(str(place), QUIET),
        Text(units.format_count(statement.count)),
        Text(units.format_duration(statement.total_ns)),
        Text(units.format_duration(statement.mean_ns)),
        Text(units.format_duration(statement.p99_ns)),
        Text(units.format_count(statement.rows)),
        name(statement.called_from[0].partition(" ")[0]) if statement.called_from else Text(),
        Text("; ".join(_flags(statement)), BAD),
    ]


def _flags(statement: StatementFigures) -> Iterator[str]:
    for scan in statement.full_scans:
        yield f"FULL SCAN of {one_line(scan.table)}"
    if statement.repeated_in:
        yield f"N+1: {statement.most_in_one_operation} times in one {one_line(statement.repeated_in)}"


def _about(statement: StatementFigures) -> Iterator[tuple[str, Text]]:
    if statement.called_from:
        yield "from", name(" < ".join(statement.called_from), QUIET)
    if statement.operations:
        runs = (f"{label or 'own threads'} {count:,}" for label, count in statement.operations.items())
        yield "in", name(", ".join(runs), QUIET)
    if statement.lock_wait_ns:
        yield "waited", name(f"{units.format_duration(statement.lock_wait_ns)} for other writers", QUIET)
    for step in statement.plan:
        yield "plan", name(step, DOUBTFUL if _is_of_full_scan(step, statement) else QUIET)
    if statement.no_plan:
        yield "plan", name(f"unknown: {statement.no_plan}", QUIET)


def _is_of_full_scan(step: str, statement: StatementFigures) -> bool:
    automatic = " USING AUTOMATIC " in step
    scan = step.startswith("SCAN") and "INDEX" not in step and "(" not in step
    return bool(statement.full_scans) and (automatic or scan)


def _cut(sql: str) -> str:
    return sql if len(sql) <= _LONGEST_SQL else f"{sql[: _LONGEST_SQL * 2 // 3]} ... {sql[-_LONGEST_SQL // 3 :]}"
