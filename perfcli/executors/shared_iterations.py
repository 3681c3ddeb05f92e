"""shared-iterations: a fixed number of iterations that the vus take from one pile."""

from __future__ import annotations

from itertools import count
from typing import Literal

from pydantic import Field

from perfcli.executors.base import WHOLE, Schedule, Share
from perfcli.executors.fixed_vus import MOST_ITERATIONS, CountedLoad


class SharedIterations(CountedLoad):
    """`iterations` in all, shared by `vus`: a fast vu does more of them."""

    executor: Literal["shared-iterations"] = Field(description="decides when iterations start")
    iterations: int = Field(ge=1, le=MOST_ITERATIONS, description="iterations in all")

    def schedule(self, share: Share = WHOLE) -> Schedule:
        """A fresh schedule for one run, or for the share of it that one engine process carries."""
        return SharedIterationsSchedule(len(share.among(self.vu_count).part_of(self.iterations)), self.longest_ns)

    def describe(self) -> str:
        """What will run, in one line."""
        shared = "" if self.vu_count == 1 else "shared "
        return f"{self.iterations:,} iterations {shared}by {self._vus()}{self._pauses()}{self._bound()}"

    @property
    def planned_iterations(self) -> int:
        """How many iterations the load consists of."""
        return self.iterations


class SharedIterationsSchedule:
    """TimedCaller out tickets until they or the time run out."""

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
