"""When each fault is due: a pure function of the scenario and the seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perfcli.faults.base import FaultSettings
from perfcli.units import parse_duration_ns


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a fault is inflicted.

    Args:
        phase: the index of its phase.
        at_ns: when it is due, in ns since that phase began.
    """

    fault: FaultSettings
    phase: int
    at_ns: int

    @property
    def ends_ns(self) -> int:
        """When it is over by plan, in ns since its phase began."""
        return self.at_ns + self.fault.lasts_ns


def occurrences(faults: Sequence[FaultSettings], phases: Sequence[str], seed: int) -> list[Occurrence]:
    """Every time of every fault, ascending within each phase.

    Args:
        phases: the names of all phases, in their order.
        seed: of the run; each fault draws its jitter from a stream of its own.
    """
    every = (each for number, fault in enumerate(faults) for each in _of_fault(fault, number, phases, seed))
    return sorted(every, key=lambda occurrence: (occurrence.phase, occurrence.at_ns))


def _of_fault(fault: FaultSettings, number: int, phases: Sequence[str], seed: int) -> Iterator[Occurrence]:
    draws = random.Random(f"{seed}/fault/{number}")
    phase = phases.index(fault.phase) if fault.phase else 0
    jitter_ns = parse_duration_ns(fault.jitter)
    for time in range(fault.times):
        yield Occurrence(fault, phase, fault.at_ns + time * fault.every_ns + int(draws.random() * jitter_ns))
