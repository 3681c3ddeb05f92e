"""What the engine process used, and what was seen from inside it, as blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.metrics.memory import LEAST_GROWTH_BYTES, LEAST_SLOPE
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Facts, Line, Section
from perfcli.report.figures import UNKNOWN, counted, figure, name, share, signed, why_not
from perfcli.results import Inspection, LeakResult, MemoryResult, ResourceResult, RunResult

_MOST_NAMED: Final = 5
_SIZE_CHANGE: Final = signed(units.format_size)
_SLOPE: Final = signed(units.format_size_per_operation)

Fact = tuple[str, Text]


def process_sections(result: RunResult) -> Iterator[Section]:
    """Memory, and the other resources."""
    memory, resources = _known(_memory(result.memory)), _known(_resources(result.resources))
    if not memory and not resources:
        unknown = Line(why_not(result, "measured"), Text("  memory and resources", QUIET))
        yield Section("memory and resources", [unknown], detail=True)
        return
    yield Section("memory", [Facts(memory)], detail=True)
    yield Section("resources", [Facts(resources)], detail=True)


def resources_in_brief(result: RunResult) -> Text:
    """Memory, CPU and disk on a line."""
    memory, used = result.memory, result.resources
    parts = []
    if memory.growth is not None:
        leak = f" ({_leak_in_brief(memory.leak)})" if memory.leak else ""
        parts.append(Text.assemble(f"memory {_SIZE_CHANGE(memory.growth)}", (leak, QUIET)))
    if used.cpu_mean is not None:
        parts.append(Text(f"CPU {share(used.cpu_mean)}"))
    if (written := result.inspection.written_per_operation) is not None:
        parts.append(Text(f"{units.format_size(written)} written/op"))
    elif used.written_bytes is not None:
        parts.append(Text(f"{units.format_size(used.written_bytes)} written"))
    if (fsyncs := result.inspection.fsyncs_per_operation) is not None:
        parts.append(Text(f"{units.format_number(fsyncs)} fsyncs/op"))
    return Text(" · ").join(parts) if parts else why_not(result, "measured")


def describe_leak(leak: LeakResult, *, failed: bool) -> Text:
    """Whether memory grows for good, or how much longer a run must be to tell."""
    slope, bound = _SLOPE(leak.slope), _SLOPE(leak.lower_bound)
    if leak.judged:
        grown = units.format_size(leak.growth_bytes)
        if failed:
            return Text(f"{bound} at least; slope {slope}, {grown} in all", BAD)
        what = "; a leak, or caches and histories that still fill: run longer"
        return Text.assemble(f"memory still grew, by {slope}, {grown} in all", (what, QUIET))
    if not _is_short(leak):
        return Text.assemble("none", (f": {slope} (95% lower bound {bound})", QUIET))
    needed, has = map(units.format_size, (LEAST_GROWTH_BYTES, leak.growth_bytes))
    return Text.assemble(
        "unproven", (f": {slope} (95% lower bound {bound}). Needs {needed} of growth, has {has}: run longer", QUIET)
    )


def inspection_lines(inspection: Inspection) -> Iterator[Fact]:
    """A label and a text for each thing that is known."""
    if costs := list(_costs(inspection)):
        yield "per operation", Text("; ").join(costs)
    if inspection.shutdown_ns is not None:
        left = left_behind(inspection) or Text("nothing left behind")
        yield "shutdown", Text(f"in {units.format_duration(inspection.shutdown_ns)}, ").append_text(left)
    yield from heard(inspection)


def heard(inspection: Inspection) -> Iterator[Fact]:
    """Errors that were logged, and what was printed."""
    if inspection.log_errors:
        yield "log", _log(inspection)
    if inspection.printed_bytes:
        printed = units.format_size(inspection.printed_bytes)
        yield "output", Text(f"{printed} printed by the engine to stdout and stderr", DOUBTFUL)


def left_behind(inspection: Inspection) -> Text:
    """Processes, threads, connections and files that outlived the engine; empty if none did."""
    return Text("; ").join(_left(inspection))


def _known(facts: Sequence[Fact]) -> list[Fact]:
    return [(label, value) for label, value in facts if value.plain != UNKNOWN]


def _memory(memory: MemoryResult) -> list[Fact]:
    pets = f" of {units.format_count(memory.active_pets)}" if memory.active_pets else ""
    return [
        ("baseline", figure(_less(memory.baseline_rss, memory.harness_rss), units.format_size)),
        ("RSS growth", figure(memory.growth, _SIZE_CHANGE)),
        ("USS growth", figure(_less(memory.end_uss, memory.baseline_uss), _SIZE_CHANGE)),
        ("peak", figure(memory.peak, units.format_size)),
        (f"per active pet{pets}", figure(memory.per_pet, units.format_size)),
        ("left after cleanup", figure(memory.after_cleanup, _SIZE_CHANGE)),
        ("slope", figure(memory.slope_bytes_per_operation, _SLOPE)),
        ("harness (excluded)", figure(memory.harness_rss, units.format_size)),
    ]


def _resources(resources: ResourceResult) -> list[Fact]:
    return [
        ("CPU mean", figure(resources.cpu_mean, share)),
        ("CPU max", figure(resources.cpu_max, share)),
        ("threads", figure(resources.threads_max, units.format_count)),
        ("open files", figure(resources.open_files_max, units.format_count)),
        ("read", figure(resources.read_bytes, units.format_size)),
        ("written", figure(resources.written_bytes, units.format_size)),
        ("database", figure(resources.database_bytes, units.format_size)),
        ("WAL at most", figure(resources.wal_bytes_max, units.format_size)),
    ]


def _less(value: int | None, part: int | None) -> int | None:
    return None if value is None or part is None else value - part


def _leak_in_brief(leak: LeakResult) -> str:
    if leak.judged:
        return f"still growing by {_SLOPE(leak.slope)}"
    return "leak: run too short" if _is_short(leak) else "no leak"


def _is_short(leak: LeakResult) -> bool:
    """Whether memory grew, and by less than would prove a leak."""
    return leak.lower_bound > LEAST_SLOPE and leak.growth_bytes <= LEAST_GROWTH_BYTES


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
