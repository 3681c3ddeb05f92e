"""When the phases of a run were, and how fast the machine was meanwhile."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final

_MOST_REFERENCES: Final = 20_000


@dataclass(slots=True)
class PhaseTimes:
    """When a phase ran, as readings of the clock; None until it is known."""

    began_ns: int | None = None
    ended_ns: int | None = None
    interrupted: int = 0
    over_in: int = 0  # engine processes in which it is over


@dataclass(slots=True)
class References:
    """What the reference kernel took, and when since the phase began; of 20,000 times every second one is dropped."""

    at_ns: array[int] = field(default_factory=lambda: array("q"))
    took_ns: array[int] = field(default_factory=lambda: array("q"))

    def add(self, at_ns: int, took_ns: int) -> None:
        """It took so long at that time."""
        if len(self.at_ns) == _MOST_REFERENCES:
            self.at_ns, self.took_ns = self.at_ns[::2], self.took_ns[::2]
        self.at_ns.append(at_ns)
        self.took_ns.append(took_ns)

    def during(self, begins_ns: int, ends_ns: int) -> list[int]:
        """What it took within a span of time; where it was not run then, what it took at the nearest time."""
        times = list(zip(self.at_ns, self.took_ns, strict=True))
        inside = [took_ns for at_ns, took_ns in times if begins_ns <= at_ns <= ends_ns]
        if inside or not times:
            return inside
        middle_ns = (begins_ns + ends_ns) // 2
        return [min(times, key=lambda each: abs(each[0] - middle_ns))[1]]
