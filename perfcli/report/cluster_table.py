"""The machines of a cluster as a table: what each has, and why some are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from perfcli.cluster.clocks import Clock
from perfcli.cluster.description import Description
from perfcli.cluster.members import Crew, Refused
from perfcli.report.blocks import BAD, GOOD, Block, Column, Facts, Notes, Section, Table
from perfcli.report.wording import UNKNOWN, name
from perfcli.units import format_duration

_COLUMNS = (
    Column("machine", "word"),
    Column("host", "word"),
    Column("CPUs", "figure"),
    Column("Python", "word"),
    Column("SQLite", "word"),
    Column("perfcli", "word"),
    Column("kernel", "figure"),
    Column("clock", "figure"),
    Column("", "word"),
)
_FIRST_TO_GO = ("kernel", "SQLite", "host", "CPUs", "Python", "perfcli", "clock")
"""The machine's name and state always stay."""


def cluster_document(own: Description, crew: Crew, clocks: Sequence[Clock]) -> list[Section]:
    """Who is there, and who is refused.

    Args:
        own: the tool's machine.
        clocks: of the machines that are not refused, in their order.
    """
    rows = [
        [*_cells(machine.name, machine.description), Text(f"± {format_duration(clock.bound_ns)}"), Text("ready", GOOD)]
        for machine, clock in zip(crew.machines, clocks, strict=True)
    ]
    rows += [[*_cells(each.name, each.description), Text(UNKNOWN), _state(each)] for each in crew.refused]
    blocks: list[Block] = [Table(_COLUMNS, rows, "machines", first_to_go=_FIRST_TO_GO)]
    blocks += [Facts([(each.name, _reason(each)) for each in crew.refused])] if crew.refused else []
    blocks += [Notes([name(note) for note in crew.notes()])] if any(crew.notes()) else []
    tool = f"perfcli {own.source}, version {own.tool}, {own.python}"
    return [Section("cluster", [Facts([("this tool", name(tool))]), *blocks])]


def _cells(machine: str, there: Description) -> Iterator[Text]:
    cells = [
        there.host,
        f"{there.usable_cpus:g}" if there.cpus else "",
        there.python,
        there.sqlite,
        there.source,
        format_duration(there.kernel_ns) if there.kernel_ns else "",
    ]
    yield name(machine)
    yield from (name(cell or UNKNOWN) for cell in cells)


def _state(refused: Refused) -> Text:
    return Text("silent" if refused.is_silent else "refused", BAD)


def _reason(refused: Refused) -> Text:
    return name(f"{refused.why}: {refused.hint}" if refused.hint else refused.why)
