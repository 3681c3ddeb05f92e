"""What a machine says of itself: what must be the same as the tool's, and what results are worth beside others."""

from __future__ import annotations

import os
import platform
import socket
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from perfcli.clock import StopSignal, SystemClock
from perfcli.cpus import allowed_cpus, cpu_model, pinnable_cpus, usable_cpus
from perfcli.results import Environment
from perfcli.results.observed import MachineResult
from perfcli.targets.protocol import source_digest
from perfcli.version import VERSION, python_version
from perfcli.wire import WIRE_VERSION

_SOURCES: Final = Path(__file__).parents[1]
_LOADED: Final = source_digest(_SOURCES)
"""The sources as they were when this process began, which may have been replaced since."""

_KERNEL_RUNS: Final = 20


@dataclass(frozen=True, slots=True)
class Description:
    """A machine, in a form that other versions of the tool can read."""

    host: str = ""
    tool: str = ""
    wire: int = 0
    source: str = ""
    """The digest of perfcli's sources, as processes of that machine import them."""

    loaded: str = ""
    """Of those that its worker has imported."""

    python: str = ""
    sqlite: str = ""
    system: str = ""
    machine: str = ""
    cpu_model: str = ""
    cpus: list[int] = field(default_factory=list)
    usable_cpus: float = 0.0
    pins: bool = False
    """Whether it can hold processes on CPUs."""

    boot: str = ""
    """What two workers share that are on one machine."""

    kernel_ns: int = 0
    """The reference kernel, the least of some runs."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Description:
        """What a station says; of a key that it does not know, the default."""
        return cls(**{each.name: given[each.name] for each in fields(cls) if each.name in given})

    @property
    def python_minor(self) -> str:
        """The part of Python's version that must be the tool's: "CPython 3.11"."""
        return ".".join(self.python.split(".")[:2])

    @property
    def fingerprint(self) -> tuple[str | float, ...]:
        """What machines share whose times can be put together."""
        return (self.machine, self.cpu_model, self.usable_cpus, self.system, self.python, self.sqlite)

    def environment(self, engine_version: str = "") -> Environment:
        """Where a run takes place, as results hold it."""
        return Environment(
            tool_version=self.tool,
            engine_version=engine_version,
            python=self.python,
            sqlite=self.sqlite,
            system=self.system,
            machine=self.machine,
            cpu_model=self.cpu_model,
            cpu_count=len(self.cpus),
            usable_cpus=self.usable_cpus,
        )

    def result(self, name: str) -> MachineResult:
        """The machine under its name, as results list it."""
        return MachineResult(
            name=name,
            host=self.host,
            cpus=len(self.cpus),
            python=self.python,
            sqlite=self.sqlite,
            kernel_ns=self.kernel_ns,
        )


def describe() -> dict[str, Any]:
    """This machine, as plain values by the names of `Description`."""
    clock = SystemClock(StopSignal())
    return asdict(
        Description(
            host=socket.gethostname(),
            tool=VERSION,
            wire=WIRE_VERSION,
            source=source_digest(_SOURCES),
            loaded=_LOADED,
            python=python_version(),
            sqlite=sqlite3.sqlite_version,
            system=f"{platform.system()} {platform.release()}",
            machine=platform.machine(),
            cpu_model=cpu_model(),
            cpus=sorted(allowed_cpus()),
            usable_cpus=usable_cpus(),
            pins=bool(pinnable_cpus()),
            boot=_boot(),
            kernel_ns=min(clock.time_reference_ns() for _ in range(_KERNEL_RUNS)),
        )
    )


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return f"{socket.gethostname()} {sys.platform} {os.sysconf('SC_NPROCESSORS_CONF')}"
