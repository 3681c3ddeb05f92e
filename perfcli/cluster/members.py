"""Who is in a cluster: the machines that can work, and those that are refused, with what to do about it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from itertools import combinations
from statistics import median
from typing import Final, TypeVar

from perfcli.cluster.clocks import ROUND_TRIPS, Clock, estimate
from perfcli.cluster.description import Description, describe
from perfcli.cluster.machine import Carrier, Machine, Unreachable
from perfcli.errors import ExitCode, MachineLost, PerfError, UsageError
from perfcli.version import VERSION

WITHIN_S: Final = 10.0
"""How long is waited for as many machines as are asked for."""

T = TypeVar("T")
R = TypeVar("R")

_LOOK_S: Final = 0.25
_MOST_AT_ONCE: Final = 32
_SLOW: Final = 1.5
_DISTRIBUTION: Final = "digipal-perf"


@dataclass(frozen=True, slots=True)
class Refused:
    """A machine that cannot work with this tool."""

    name: str
    address: str
    why: str
    hint: str = ""
    description: Description = field(default_factory=Description)
    is_silent: bool = False
    """Whether it does not answer, so that nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Crew:
    """The machines of a cluster, by their names."""

    machines: Sequence[Machine]
    refused: Sequence[Refused] = ()

    def end(self) -> None:
        """End all that was started, and remove all files."""
        _each(self.machines, Machine.end)

    def notes(self) -> Iterator[str]:
        """What makes their figures worth less beside one another."""
        for one, other in combinations(self.machines, 2):
            shared = set(one.description.cpus) & set(other.description.cpus)
            if one.description.boot == other.description.boot and shared:
                yield f"{one.name} and {other.name} are on one machine ({one.description.host}) and share CPUs"
        for each in self.refused:
            if each.is_silent:
                yield f"{each.name} is left out: {each.why}"
        paces = [machine.description.kernel_ns for machine in self.machines]
        for machine in self.machines:
            if (slower := machine.description.kernel_ns / median(paces)) >= _SLOW:
                yield f"{machine.name} is slow: the reference kernel takes {slower:.1f} times the median"


def gather(
    carrier: Carrier, least: int = 1, within_s: float = WITHIN_S, clock_s: Callable[[], float] = time.monotonic
) -> Crew:
    """Hire everybody who is there, as soon as that is enough.

    Raises:
        PerfError: there are fewer machines after `within_s`; nothing has run.
    """
    deadline_s = clock_s() + within_s
    while len(addresses := carrier.addresses()) < least and clock_s() < deadline_s:
        time.sleep(_LOOK_S)
    if len(addresses) < least:
        raise _too_few(list(addresses), least, within_s)
    own = Description.of(describe())
    hired = _each(sorted(addresses.items()), lambda named: _hired(carrier, *named, own))
    answering = [each.name for each in hired if isinstance(each, Machine) or not each.is_silent]
    if len(answering) < least:
        raise _too_few(answering, least, within_s)
    machines = [each for each in hired if isinstance(each, Machine)]
    return Crew(machines, [each for each in hired if isinstance(each, Refused)])


def _too_few(there: Sequence[str], least: int, within_s: float) -> PerfError:
    return PerfError(
        f"the cluster has {len(there)} of {least} machines after {within_s:g} s: {', '.join(there) or 'none'}",
        hint="start `dask worker` on the others, or ask for fewer with --machines",
        exit_code=ExitCode.INVALID,
    )


def check(crew: Crew) -> None:
    """Check that every machine is fit.

    Raises:
        UsageError: one is not; nothing has run.
    """
    refused = [each for each in crew.refused if not each.is_silent]
    if refused:
        lines = [f"  {each.name}: {each.why}" for each in refused]
        hints = dict.fromkeys(each.hint for each in refused if each.hint)
        count = f"{len(lines)} machine{'s' if len(lines) > 1 else ''} of the cluster cannot work with this tool"
        raise UsageError("\n".join([f"{count}:", *lines]), hint="\n      ".join(hints))


def clock_of(machine: Machine) -> Clock:
    """How far its clock is from the tool's, from the round trip that took least."""
    readings = []
    for _ in range(ROUND_TRIPS):
        sent_ns = time.perf_counter_ns()
        remote_ns = machine.call("clock_ns")
        readings.append((sent_ns, remote_ns, time.perf_counter_ns()))
    return estimate(readings)


def clocks_of(machines: Sequence[Machine]) -> list[Clock]:
    """Those of several machines, one after another, as round trips beside others take longer."""
    return [clock_of(machine) for machine in machines]


def _hired(carrier: Carrier, name: str, address: str, own: Description) -> Machine | Refused:
    try:
        carrier.hire(address)
        machine = Machine(carrier, name, address)
    except (Unreachable, MachineLost) as error:
        return Refused(name, address, f"does not answer: {error}", "restart its dask worker", is_silent=True)
    except PerfError as error:
        return Refused(name, address, error.message, f"there: {install_command()}")
    why, hint = difference(own, machine.description)
    return Refused(name, address, why, hint, machine.description) if why else machine


def difference(own: Description, other: Description) -> tuple[str, str]:
    """Why a machine cannot work with this tool, and what to do about it; "" if it can."""
    if own.python_minor != other.python_minor:
        minor = own.python_minor.split()[-1]
        return f"runs {other.python or 'an unknown Python'}, this tool {own.python}", (
            f"there: start dask worker with Python {minor}, in which you ran: {install_command()}"
        )
    if own.wire != other.wire:
        return f"speaks version {other.wire} of the messages, this tool {own.wire}", f"there: {install_command()}"
    if own.source != other.source:
        theirs = f"{other.source or 'unknown'} (version {other.tool or 'unknown'})"
        return f"has perfcli {theirs}, this tool {own.source} (version {own.tool})", f"there: {install_command()}"
    if other.loaded != other.source:
        return "its worker still has the perfcli that was installed before", "restart its dask worker"
    return "", ""


def install_command() -> str:
    """What installs the very tool that runs here."""
    origin = {}
    with suppress(metadata.PackageNotFoundError, ValueError):
        origin = json.loads(metadata.distribution(_DISTRIBUTION).read_text("direct_url.json") or "{}")
    url = str(origin.get("url", ""))
    if commit := origin.get("vcs_info", {}).get("commit_id"):
        return f"pip install --force-reinstall 'digipal-perf[cluster] @ git+{url}@{commit}'"
    if url.startswith("file://"):
        folder = url.removeprefix("file://")
        return f"pip install --force-reinstall '{folder}[cluster]' (copy that folder to the same place first)"
    return f"pip install --force-reinstall 'digipal-perf[cluster]=={VERSION}'"


def _each(items: Sequence[T], work: Callable[[T], R]) -> list[R]:
    """The same of each, at the same time."""
    if not items:
        return []
    with ThreadPoolExecutor(min(len(items), _MOST_AT_ONCE)) as threads:
        return list(threads.map(work, items))
