"""The statements of a profile: which take the time, who asks for them, and how SQLite runs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.agent.profiling.findings import StatementFigures
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Column
from perfcli.report.figures import name, one_line
from perfcli.report.layout import INDENT, FittingTable, Hanging, listed

MOST_STATEMENTS: Final = 10
_LONGEST_SQL: Final = 240


def render_statements(statements: Sequence[StatementFigures]) -> Iterator[RenderableType]:
    """A table of figures and flags, then each statement with its callers and its plan."""
    flagged = [each for each in statements if each.full_scans or each.repeated_in]
    # what is flagged is told, however quick it was with so few rows
    first = list(statements[:MOST_STATEMENTS])
    shown = [*first, *(each for each in flagged if each not in first)]
    more = f"  {len(shown)} of {len(statements)}" if len(statements) > len(shown) else ""
    yield Text.assemble(("Statements, by their time in all", "bold"), (more, QUIET))
    if not statements:
        yield from listed([Text("none was run within an operation")])
        return
    columns = [Column("#"), *map(Column, ("count", "total", "mean", "p99", "rows")), Column("flags", "prose", least=20)]
    yield FittingTable(
        columns, [_row_of_statement(place, each) for place, each in enumerate(shown, 1)], first_to_go=("rows",)
    )
    for place, each in enumerate(shown, 1):
        yield Text()
        yield Hanging(Text(f"{INDENT}{place:>2}  ", QUIET), name(_cut(each.sql)))
        yield from _about(each)


def _row_of_statement(place: int, statement: StatementFigures) -> list[Text]:
    return [
        Text(str(place), QUIET),
        Text(units.format_count(statement.count)),
        Text(units.format_duration(statement.total_ns)),
        Text(units.format_duration(statement.mean_ns)),
        Text(units.format_duration(statement.p99_ns)),
        Text(units.format_count(statement.rows)),
        Text("; ".join(_flags(statement)), BAD),
    ]


def _flags(statement: StatementFigures) -> Iterator[str]:
    for scan in statement.full_scans:
        yield f"FULL SCAN of {one_line(scan.table)}"
    if statement.repeated_in:
        yield f"N+1: {statement.most_in_one_operation} times in one {one_line(statement.repeated_in)}"


def _about(statement: StatementFigures) -> Iterator[RenderableType]:
    if statement.called_from:
        yield _aside("from", " < ".join(statement.called_from))
    if statement.operations:
        runs = (f"{label or 'own threads'} {count:,}" for label, count in statement.operations.items())
        yield _aside("in", ", ".join(runs))
    if statement.lock_wait_ns:
        yield _aside("waited", f"{units.format_duration(statement.lock_wait_ns)} for other writers")
    for step in statement.plan:
        yield _aside("plan", step, DOUBTFUL if _is_of_full_scan(step, statement) else QUIET)
    if statement.no_plan:
        yield _aside("plan", f"not known: {statement.no_plan}")


def _is_of_full_scan(step: str, statement: StatementFigures) -> bool:
    automatic = " USING AUTOMATIC " in step
    scan = step.startswith("SCAN") and "INDEX" not in step and "(" not in step
    return bool(statement.full_scans) and (automatic or scan)


def _aside(label: str, text: str, style: str = QUIET) -> Hanging:
    return Hanging(Text(f"{INDENT * 3}{label:<7}", QUIET), name(text, style))


def _cut(sql: str) -> str:
    return sql if len(sql) <= _LONGEST_SQL else f"{sql[: _LONGEST_SQL * 2 // 3]} ... {sql[-_LONGEST_SQL // 3 :]}"
