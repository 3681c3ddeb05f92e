"""What the engine process used."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.report.blocks import Column
from perfcli.report.figures import UNKNOWN, figure, share, signed, why_not
from perfcli.report.layout import FittingTable, labelled
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
        yield from labelled([("memory and resources", why_not(result, "measured"))])
        return
    nothing = ("", Text())
    rows = [
        [Text(left), left_value, Text(f"  {right}" if right else ""), right_value]
        for (left, left_value), (right, right_value) in zip_longest(memory, resources, fillvalue=nothing)
    ]
    yield FittingTable(_COLUMNS, rows)


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
