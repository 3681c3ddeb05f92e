"""The machines of a cluster as tables: those of a run, and those that are there, with why some are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, Block, Column, Facts, Notes, Section, Table
from perfcli.report.wording import UNKNOWN, name
from perfcli.results import RunResult
from perfcli.results.observed import UNSURE_NS, MachineClock, MachineResult

if TYPE_CHECKING:
    # a run without a cluster does not wait for it
    from perfcli.cluster.clocks import Clock
    from perfcli.cluster.description import Description
    from perfcli.cluster.members import Crew, Refused

_OF_RUN = (
    Column("machine", "word"),
    Column("role", "word"),
    *map(Column, ("processes", "CPUs", "kernel", "samples", "start late", "clock", "drift")),
)


def machines_section(result: RunResult) -> Iterator[Section]:
    """Who did what, and how surely its clock is known; nothing without a cluster."""
    if result.machines:
        rows = [_row(machine) for machine in result.machines]
        yield Section("machines", [Table(_OF_RUN, rows, "machines", first_to_go=("drift", "kernel", "CPUs"))])


def _row(machine: MachineResult) -> list[Text]:
    late_ns = machine.start_late_ns
    return [
        name(machine.name),
        Text(machine.role),
        Text(units.format_count(len(machine.processes))),
        Text(units.format_count(machine.cpus)),
        Text(units.format_duration(machine.kernel_ns)),
        Text(units.format_count(machine.samples)),
        Text(UNKNOWN) if late_ns is None else Text(units.format_duration(late_ns)),
        *_clock(machine.clock),
    ]


def _clock(clock: MachineClock | None) -> list[Text]:
    if clock is None:
        return [Text(UNKNOWN), Text(UNKNOWN)]
    bound = Text(f"±{units.format_duration(clock.bound_ns)}", DOUBTFUL * (clock.bound_ns > UNSURE_NS))
    return [bound, Text(UNKNOWN) if clock.drift_ppm is None else Text(f"{clock.drift_ppm:+.1f} ppm")]


_OF_CLUSTER = (
    Column("machine", "word"),
    Column("host", "word"),
    Column("CPUs"),
    *(Column(title, "word") for title in ("Python", "SQLite", "perfcli")),
    Column("kernel"),
    Column("clock"),
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
    bounds = [Text(f"± {units.format_duration(clock.bound_ns)}") for clock in clocks]
    rows = [
        [*_cells(machine.name, machine.description), bound, Text("ready", GOOD)]
        for machine, bound in zip(crew.machines, bounds, strict=True)
    ]
    rows += [[*_cells(each.name, each.description), Text(UNKNOWN), _state(each)] for each in crew.refused]
    blocks: list[Block] = [Table(_OF_CLUSTER, rows, "machines", first_to_go=_FIRST_TO_GO)]
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
        units.format_duration(there.kernel_ns) if there.kernel_ns else "",
    ]
    yield name(machine)
    yield from (name(cell or UNKNOWN) for cell in cells)


def _state(refused: Refused) -> Text:
    return Text("silent" if refused.is_silent else "refused", BAD)


def _reason(refused: Refused) -> Text:
    return name(f"{refused.why}: {refused.hint}" if refused.hint else refused.why)
