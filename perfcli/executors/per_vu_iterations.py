"""per-vu-iterations: each vu does the same fixed number of iterations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perfcli.executors.base import WHOLE, Schedule, Share
from perfcli.executors.fixed_vus import MOST_ITERATIONS, CountedLoad


class PerVuIterations(CountedLoad):
    """`iterations` by each of `vus`, so every vu's work is known in advance."""

    executor: Literal["per-vu-iterations"] = Field(description="decides when iterations start")
    iterations: int = Field(ge=1, le=MOST_ITERATIONS, description="iterations of each vu")

    def schedule(self, share: Share = WHOLE) -> Schedule:
        """A fresh schedule for one run, or for the share of it that one engine process carries."""
        return PerVuIterationsSchedule(self.vu_count, self.iterations, self.longest_ns)

    def describe(self) -> str:
        """What will run, in one line."""
        each = "" if self.vu_count == 1 else "each of "
        return f"{self.iterations:,} iterations by {each}{self._vus()}{self._pauses()}{self._bound()}"

    @property
    def planned_iterations(self) -> int:
        """How many iterations the load consists of."""
        return self.iterations * self.vu_count


class PerVuIterationsSchedule:
    """Counts each vu's iterations apart; a vu only ever touches its own count."""

    def __init__(self, vus: int, iterations: int, max_duration_ns: int) -> None:
        self._left = [iterations] * vus
        self._deadline_ns = max_duration_ns

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """Now, while this vu has iterations left."""
        if now_ns >= self._deadline_ns or self._left[vu] == 0:
            return None
        self._left[vu] -= 1
        return now_ns
