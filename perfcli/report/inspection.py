"""What was seen from inside the engine: the cost of an operation, its end, its log and what it printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET
from perfcli.report.figures import counted, name
from perfcli.results import Inspection

_MOST_NAMED: Final = 5


def inspection_lines(inspection: Inspection) -> Iterator[tuple[str, Text]]:
    """A label and a text for each thing that is known."""
    if costs := list(_costs(inspection)):
        yield "per operation", Text("; ").join(costs)
    if inspection.shutdown_ns is not None:
        yield "shutdown", _shutdown(inspection, inspection.shutdown_ns)
    if inspection.log_errors:
        yield "log", _log(inspection)
    if inspection.printed_bytes:
        printed = units.format_size(inspection.printed_bytes)
        yield "output", Text(f"{printed} printed by the engine to stdout and stderr", DOUBTFUL)


def _costs(inspection: Inspection) -> Iterator[Text]:
    if inspection.written_per_operation is not None:
        yield Text(f"{units.format_size(inspection.written_per_operation)} written")
    if inspection.fsyncs_per_operation is not None:
        yield Text(f"{units.format_number(inspection.fsyncs_per_operation)} fsyncs")
    elif inspection.fsyncs_not_told:
        yield Text.assemble(("fsyncs not known: ", QUIET), name(inspection.fsyncs_not_told))
    if counts := inspection.statements_per_operation:
        most_first = sorted(counts.items(), key=lambda each: -each[1])
        each = [Text.assemble(name(label), f" {units.format_number(count)}") for label, count in most_first]
        yield Text.assemble(("statements: ", QUIET), Text(", ").join(each))


def _shutdown(inspection: Inspection, shutdown_ns: int) -> Text:
    text = Text(f"in {units.format_duration(shutdown_ns)}, ")
    left = list(_left(inspection))
    return text.append_text(Text("; ").join(left) if left else Text("nothing left behind"))


def _left(inspection: Inspection) -> Iterator[Text]:
    if inspection.processes_left:
        yield _named("process left", "processes left", inspection.processes_left)
    if inspection.threads_left:
        yield _named("thread left", "threads left", inspection.threads_left)
    if inspection.connections_left:
        yield Text(counted(inspection.connections_left, "connection left", "connections left"), BAD)
    if inspection.files_left:
        yield _named("file left", "files left", inspection.files_left)


def _named(noun: str, plural: str, names: Sequence[str]) -> Text:
    beyond = len(names) - _MOST_NAMED
    shown = [*map(name, names[:_MOST_NAMED]), *([Text(f"{beyond} more")] if beyond > 0 else [])]
    return Text.assemble((counted(len(names), noun, plural), BAD), ": ", Text(", ").join(shown))


def _log(inspection: Inspection) -> Text:
    """How many errors were logged, then each logger with one of its records: what is swallowed shows here."""
    total = sum(inspection.log_errors.values())
    lines = [Text(counted(total, "record of level ERROR or above", "records of level ERROR or above"), BAD)]
    for logger, count in sorted(inspection.log_errors.items(), key=lambda each: -each[1]):
        example = inspection.log_examples.get(logger, "")
        said = Text.assemble(": ", name(example)) if example else Text()
        lines.append(Text.assemble(name(logger), f" {units.format_count(count)}", said))
    return Text("\n").join(lines)
