"""What the engine process used, whether it slowed down, and whether it kept what it acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.report.figures import BAD, GOOD, QUIET, UNKNOWN, counted, figure, name, share, signed
from perfcli.report.layout import Column, FittingTable, labelled
from perfcli.results import MemoryResult, ResourceResult, RunResult

_CHANGE: Final = signed(units.format_size)
_COLUMNS: Final = (
    Column("memory", "prose"),
    Column(""),
    Column("  resources", "prose"),
    Column(""),
)

Fact = tuple[str, Text]


def render_resources(result: RunResult) -> Iterator[RenderableType]:
    """Memory and other resources side by side."""
    memory, resources = _memory(result.memory), _resources(result.resources)
    if all(value.plain == UNKNOWN for _, value in (*memory, *resources)):
        yield from labelled([("memory and resources", _why_not(result, "measured"))])
        return
    nothing = ("", Text())
    rows = [
        [Text(left), left_value, Text(f"  {right}" if right else ""), right_value]
        for (left, left_value), (right, right_value) in zip_longest(memory, resources, fillvalue=nothing)
    ]
    yield FittingTable(_COLUMNS, rows)


def render_stability(result: RunResult) -> Iterator[RenderableType]:
    """Degradation, integrity, and where the database was kept."""
    lines = [("degradation", _degradation(result)), ("integrity", _integrity(result))]
    if result.kept_database:
        lines.append(("database", Text.assemble("kept at ", name(result.kept_database))))
    yield from labelled(lines)


def _memory(memory: MemoryResult) -> list[Fact]:
    pets = f" of {units.format_count(memory.active_pets)}" if memory.active_pets else ""
    return [
        ("baseline", figure(_less(memory.baseline_rss, memory.harness_rss), units.format_size)),
        ("growth", figure(memory.growth, _CHANGE)),
        ("growth, unshared", figure(_less(memory.end_uss, memory.baseline_uss), _CHANGE)),
        ("peak", figure(memory.peak, units.format_size)),
        (f"per active pet{pets}", figure(memory.per_pet, units.format_size)),
        ("left after cleanup", figure(memory.after_cleanup, _CHANGE)),
        ("slope", figure(memory.slope_bytes_per_operation, signed(units.format_size_per_operation))),
        ("harness, not counted", figure(memory.harness_rss, units.format_size)),
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


def _degradation(result: RunResult) -> Text:
    overall = result.total.degradation
    if result.duration_ns is None:
        return _why_not(result, "measured")
    if overall is None:
        return Text("not known: too few operations to tell", QUIET)
    text = Text.assemble(signed(share)(overall), (", the last fifth of the operations against the first", QUIET))
    each = [(operation.degradation, operation.name) for operation in result.operations if operation.degradation]
    if len(each) > 1:
        most, operation = max(each)
        text.append_text(Text.assemble(("; most in ", QUIET), name(operation), f" {signed(share)(most)}"))
    return text


def _why_not(result: RunResult, done: str) -> Text:
    """Why something is not known: the run broke off, or it was an engine that only answers."""
    why = "the run did not get that far" if result.duration_ns is None else "the engine is none that this run started"
    return Text(f"not {done}: {why}", QUIET)


def _integrity(result: RunResult) -> Text:
    integrity = result.integrity
    if integrity is None:
        return _why_not(result, "checked")
    acknowledged = counted(integrity.acknowledged, "acknowledged write")
    if integrity.lost == 0:
        return Text(f"{acknowledged}, none lost", GOOD if integrity.acknowledged else "")
    text = Text(f"{units.format_count(integrity.lost)} of {acknowledged} lost", BAD)
    return text.append_text(_examples(integrity.examples))


def _examples(examples: list[str]) -> Text:
    return Text.assemble(": ", Text("; ").join(map(name, examples[:3]))) if examples else Text()
