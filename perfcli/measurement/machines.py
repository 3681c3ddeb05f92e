"""What a run knows of the machines of a cluster that it took place on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from perfcli.measurement.measurement import Measurement
from perfcli.plan import INCARNATION
from perfcli.results.observed import MachineResult
from perfcli.units import format_duration

_APART_NS: Final = 100_000_000
_SLOWER: Final = 1.5


def machine_results(measurement: Measurement, machines: Sequence[MachineResult]) -> list[MachineResult]:
    """The machines, with what their vus did."""
    return [machine.model_copy(update=_of_vus(measurement, machine)) for machine in machines]


def _of_vus(measurement: Measurement, machine: MachineResult) -> dict[str, int | None]:
    plan, processes = measurement.plan, set(machine.processes)
    works = measurement.performed.items()
    late = [late_ns for process, late_ns in measurement.start_late_ns.items() if process in processes]
    return {
        "start_late_ns": max(late, default=None),
        "samples": sum(work.tried for vu, work in works if plan.process_of(vu % INCARNATION) in processes),
    }


def machine_notes(machines: Sequence[MachineResult]) -> Iterator[str]:
    """What makes the load of several machines another one than that of one."""
    late = {machine.name: machine.start_late_ns for machine in machines if machine.start_late_ns is not None}
    if late and max(late.values()) - min(late.values()) > _APART_NS:
        last = max(late, key=lambda name: late[name])
        apart = format_duration(max(late.values()) - min(late.values()))
        yield f"the machines began {apart} apart, {last} last: windows at the beginning hold less load"
    paces = [machine.kernel_ns for machine in machines if machine.kernel_ns]
    for machine in machines:
        if len(paces) > 1 and machine.kernel_ns >= _SLOWER * median(paces):
            slower = machine.kernel_ns / median(paces)
            yield f"{machine.name} is slow: the reference kernel takes {slower:.1f} times the median"
