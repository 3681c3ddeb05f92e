"""shared-iterations: a fixed number of iterations that the vus take from one pile."""

from __future__ import annotations

from itertools import count
from typing import Literal

from pydantic import Field

from perfcli.executors.base import LONGEST, MOST_ITERATIONS, LoadSettings, PositiveDurationText, Schedule
from perfcli.units import parse_duration_ns


class SharedIterations(LoadSettings):
    """`iterations` in all, shared by `vus`: a fast vu does more of them."""

    executor: Literal["shared-iterations"]
    iterations: int = Field(ge=1, le=MOST_ITERATIONS, description="iterations in all")
    max_duration: PositiveDurationText = Field(default=LONGEST, description="no iteration starts after this")

    def schedule(self) -> Schedule:
        """A fresh schedule for one run."""
        return SharedIterationsSchedule(self.iterations, parse_duration_ns(self.max_duration))

    def describe(self) -> str:
        """What will run, in one line."""
        shared = f" shared by {self.vus} vus" if self.vus > 1 else " by 1 vu"
        return f"{self.iterations:,} iterations{shared}{self._pauses()}{self._bound()}"

    def _bound(self) -> str:
        return "" if self.max_duration == LONGEST else f" (at most {self.max_duration})"

    @property
    def longest_ns(self) -> int:
        """When the last iteration may start, in ns after the first."""
        return parse_duration_ns(self.max_duration)

    @property
    def planned_iterations(self) -> int:
        """How many iterations the load consists of."""
        return self.iterations

    def share_done(self, iterations: int, elapsed_ns: int) -> float:
        """How much of the load is done, 0..1, after so many iterations and so much time."""
        return min(1.0, iterations / self.iterations)


class SharedIterationsSchedule:
    """Hands out tickets until they or the time run out."""

    def __init__(self, iterations: int, max_duration_ns: int) -> None:
        self._iterations = iterations
        self._deadline_ns = max_duration_ns
        self._tickets = count()

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """Now, while tickets are left."""
        if now_ns >= self._deadline_ns:
            return None
        # next() on itertools.count is one atomic step in CPython: no lock, no ticket twice
        return now_ns if next(self._tickets) < self._iterations else None
