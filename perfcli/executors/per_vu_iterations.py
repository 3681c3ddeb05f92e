"""per-vu-iterations: each vu does the same fixed number of iterations."""

from __future__ import annotations

from itertools import repeat
from typing import Literal

from pydantic import Field

from perfcli.executors.base import MOST_ITERATIONS, WHOLE, CountedLoad, Earlier, Schedule, Share, Tickets


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
