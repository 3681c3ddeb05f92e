"""shared-iterations: a fixed number of iterations that the vus take from one pile."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perfcli.executors.base import MOST_ITERATIONS, WHOLE, CountedLoad, Earlier, Schedule, Share, Tickets


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
