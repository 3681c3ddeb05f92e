"""The machines of a cluster that a run took place on."""

from __future__ import annotations

from pydantic import Field

from perfcli.results.observed import Record


class MachineResult(Record):
    """A machine of a cluster."""

    name: str = Field(description="what the cluster calls it: the name of its dask worker")
    host: str = Field(default="", description="its host name")
    cpus: int = Field(default=0, description="CPUs that its processes may use")
    python: str = Field(default="", description="implementation and version")
    sqlite: str = Field(default="", description="version of the SQLite library")
    kernel_ns: int = Field(default=0, description="the reference kernel there, before the run: the least of some runs")
