"""Loads that count iterations: shared-iterations takes them from one pile, per-vu-iterations gives each vu its own."""

from __future__ import annotations

from abc import abstractmethod
from itertools import repeat
from typing import Final, Literal

from pydantic import Field

from perfcli.executors.base import WHOLE, Earlier, FixedVus, Schedule, Share, Tickets
from perfcli.executors.fields import PositiveDurationText
from perfcli.units import parse_duration_ns

MOST_ITERATIONS: Final = 100_000_000
LONGEST: Final = "10m"


class CountedLoad(FixedVus):
    """The settings of executors that count iterations, and give up when time is over."""

    max_duration: PositiveDurationText = Field(default=LONGEST, description="time limit; no iteration starts after it")

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
        """How much of the load is done, 0..1, after these iterations and this time."""
        return min(1.0, iterations / self.planned_iterations)

    def _bound(self) -> str:
        return "" if self.max_duration == LONGEST else f" (at most {self.max_duration})"


class SharedIterations(CountedLoad):
    """`iterations` in all, shared by `vus`: a fast vu does more of them."""

    executor: Literal["shared-iterations"] = Field(description="when iterations start")
    iterations: int = Field(ge=1, le=MOST_ITERATIONS, description="iterations of all vus together")

    def schedule(self, share: Share = WHOLE) -> Schedule:
        """A fresh schedule for one run, or for the share of it that one engine process carries."""
        tickets = iter(share.among(self.vu_count).part_of(self.iterations))
        return Tickets(lambda vu: tickets, self.longest_ns)

    def rest_of_schedule(self, share: Share, earlier: Earlier) -> Schedule:
        """The iterations of the share that were not completed."""
        planned = len(share.among(self.vu_count).part_of(self.iterations))
        tickets = iter(range(sum(earlier.iterations), planned))
        return Tickets(lambda vu: tickets, self.longest_ns)

    def describe(self) -> str:
        """What will run, in one line."""
        shared = "" if self.vu_count == 1 else "shared "
        return f"{self.iterations:,} iterations {shared}by {self._vus()}{self._pauses()}{self._bound()}"

    @property
    def planned_iterations(self) -> int:
        """How many iterations the load consists of."""
        return self.iterations


class PerVuIterations(CountedLoad):
    """`iterations` by each of `vus`, so every vu's work is known in advance."""

    executor: Literal["per-vu-iterations"] = Field(description="when iterations start")
    iterations: int = Field(ge=1, le=MOST_ITERATIONS, description="iterations of each vu")

    def schedule(self, share: Share = WHOLE) -> Schedule:
        """A fresh schedule for one run, or for the share of it that one engine process carries."""
        return for_each_vu(self.vu_count, self.iterations, self.longest_ns)

    def rest_of_schedule(self, share: Share, earlier: Earlier) -> Schedule:
        """The iterations that each vu had not completed."""
        tickets = [repeat(None, max(0, self.iterations - done)) for done in earlier.iterations]
        return Tickets(tickets.__getitem__, self.longest_ns)

    def describe(self) -> str:
        """What will run, in one line."""
        each = "" if self.vu_count == 1 else "each of "
        return f"{self.iterations:,} iterations by {each}{self._vus()}{self._pauses()}{self._bound()}"

    @property
    def planned_iterations(self) -> int:
        """How many iterations the load consists of."""
        return self.iterations * self.vu_count


def for_each_vu(vus: int, iterations: int, longest_ns: int) -> Tickets:
    """Counts the iterations of each of `vus` apart; none starts at `longest_ns` or later."""
    tickets = [repeat(None, iterations) for _ in range(vus)]
    return Tickets(tickets.__getitem__, longest_ns)
