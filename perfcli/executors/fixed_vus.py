"""What executors share whose number of vus stays, and what those share that count iterations."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Final

from pydantic import AfterValidator, Discriminator, Field, Tag

from perfcli.executors.base import MOST_VUS, WHOLE, LoadSettings, Share
from perfcli.executors.fields import PositiveDurationText
from perfcli.units import parse_duration_ns

MOST_ITERATIONS: Final = 100_000_000
LONGEST: Final = "10m"


def _distinct(numbers: list[int]) -> list[int]:
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise ValueError(f"holds {twice} twice: the phase runs once for each number")
    return numbers


_Number = Annotated[int, Field(ge=1, le=MOST_VUS)]
_Numbers = Annotated[list[_Number], Field(min_length=1, max_length=100), AfterValidator(_distinct)]
Vus = Annotated[
    Annotated[_Number, Tag("number")] | Annotated[_Numbers, Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list) else "number"),
]
"""A number of vus, or several: then the phase runs for each."""


class FixedVus(LoadSettings):
    """The settings of executors with a number of vus that stays."""

    vus: Vus = Field(default=1, description="virtual users, each a thread with its own seed")

    @property
    def vu_count(self) -> int:
        """How many vus there are; not to be asked of a list of numbers, but of each phase it is spelt out into."""
        assert isinstance(self.vus, int), "a list of vus is spelt out into phases before it is run"
        return self.vus

    def _vus(self) -> str:
        return "1 vu" if self.vu_count == 1 else f"{self.vu_count} vus"


class CountedLoad(FixedVus):
    """The settings of executors that count iterations, and give up when time is over."""

    max_duration: PositiveDurationText = Field(default=LONGEST, description="no iteration starts after this")

    @property
    @abstractmethod
    def planned_iterations(self) -> int:
        """How many iterations the load consists of."""

    @property
    def longest_ns(self) -> int:
        """When the schedule ends, in ns after the phase began: no iteration is due then or later."""
        return parse_duration_ns(self.max_duration)

    @property
    def planned_ns(self) -> None:
        """None: iterations decide how long the phase lasts."""
        return None

    def largest_gap_ns(self, share: Share = WHOLE) -> int:
        """None: a vu works until the iterations are done."""
        return 0

    def share_done(self, iterations: int, elapsed_ns: int) -> float:
        """How much of the load is done, 0..1, after so many iterations and so much time."""
        return min(1.0, iterations / self.planned_iterations)

    def _bound(self) -> str:
        return "" if self.max_duration == LONGEST else f" (at most {self.max_duration})"
