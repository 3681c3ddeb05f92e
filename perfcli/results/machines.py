"""The machines of a cluster that a run took place on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from perfcli.results.observed import Record
from perfcli.units import format_duration


class MachineClock(Record):
    """Its clock, beside that of the tool's machine."""

    offset_ns: int = Field(description="how far it is ahead")
    bound_ns: int = Field(description="how far off `offset_ns` may be: half of the shortest round trip")
    drift_ppm: float | None = Field(
        default=None, description="how much faster it runs, in millionths; null in runs of less than two seconds"
    )


class MachineResult(Record):
    """A machine of a cluster."""

    name: str = Field(description="what the cluster calls it: the name of its dask worker")
    host: str = Field(default="", description="its host name")
    cpus: int = Field(default=0, description="CPUs that its processes may use")
    python: str = Field(default="", description="implementation and version")
    sqlite: str = Field(default="", description="version of the SQLite library")
    kernel_ns: int = Field(default=0, description="the reference kernel there, before the run: the least of some runs")
    role: Literal["whole", "server", "load", "server and load"] = Field(
        default="whole", description="what ran there: the whole run, or its part of a split run"
    )
    processes: list[int] = Field(default=[], description="the processes with vus that ran there, by their numbers")
    clock: MachineClock | None = Field(default=None, description="null if the whole run took place there")
    start_late_ns: int | None = Field(
        default=None, description="how long after the common start its slowest process began; null without vus"
    )
    samples: int = Field(default=0, description="operations that its vus tried while measured")


UNSURE_NS: Final = 50_000_000
"""With a larger bound, windows that join machines get no verdict: intervals of the time line take 100 ms."""


def unsure_clocks(machines: Sequence[MachineResult]) -> str:
    """Whose clock is known too little for windows of time that join machines; "" if all are known."""
    at_work = [machine for machine in machines if machine.processes and machine.clock]
    if len(at_work) < 2:
        return ""
    unsure = [machine for machine in at_work if machine.clock and machine.clock.bound_ns > UNSURE_NS]
    return ", ".join(
        f"the clock of {each.name} is known to ±{format_duration(each.clock.bound_ns)}" for each in unsure if each.clock
    )
