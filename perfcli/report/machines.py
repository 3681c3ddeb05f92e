"""The machines of a cluster that a run took place on, as a table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import DOUBTFUL, Column, Section, Table
from perfcli.report.wording import name
from perfcli.results import RunResult
from perfcli.results.observed import UNSURE_NS, MachineClock, MachineResult

_COLUMNS = (
    Column("machine", "word"),
    Column("role", "word"),
    *map(Column, ("processes", "CPUs", "kernel", "samples", "start late", "clock", "drift")),
)
_UNKNOWN = Text("–")


def machines_section(result: RunResult) -> Iterator[Section]:
    """Who did what, and how surely its clock is known; nothing without a cluster."""
    if result.machines:
        rows = [_row(machine) for machine in result.machines]
        yield Section("machines", [Table(_COLUMNS, rows, "machines", first_to_go=("drift", "kernel", "CPUs"))])


def _row(machine: MachineResult) -> list[Text]:
    late_ns = machine.start_late_ns
    return [
        name(machine.name),
        Text(machine.role),
        Text(units.format_count(len(machine.processes))),
        Text(units.format_count(machine.cpus)),
        Text(units.format_duration(machine.kernel_ns)),
        Text(units.format_count(machine.samples)),
        _UNKNOWN if late_ns is None else Text(units.format_duration(late_ns)),
        *_clock(machine.clock),
    ]


def _clock(clock: MachineClock | None) -> list[Text]:
    if clock is None:
        return [_UNKNOWN, _UNKNOWN]
    bound = Text(f"±{units.format_duration(clock.bound_ns)}", DOUBTFUL * (clock.bound_ns > UNSURE_NS))
    return [bound, _UNKNOWN if clock.drift_ppm is None else Text(f"{clock.drift_ppm:+.1f} ppm")]
