"""constant-vus: every vu iterates for a fixed time."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perfcli.executors.base import LoadSettings, PositiveDurationText, Schedule
from perfcli.units import parse_duration_ns


class ConstantVus(LoadSettings):
    """`vus` that iterate as fast as the engine and their think time let them, for `duration`."""

    executor: Literal["constant-vus"]
    duration: PositiveDurationText = Field(description="no iteration starts after this")

    def schedule(self) -> Schedule:
        """A fresh schedule for one run."""
        return ConstantVusSchedule(parse_duration_ns(self.duration))

    def describe(self) -> str:
        """What will run, in one line."""
        return f"{self.vus} {'vus' if self.vus > 1 else 'vu'} for {self.duration}{self._pauses()}"

    @property
    def longest_ns(self) -> int:
        """When the last iteration may start, in ns after the first."""
        return parse_duration_ns(self.duration)

    @property
    def planned_iterations(self) -> None:
        """How many iterations the load consists of; unknown, as only time ends it."""
        return None

    def share_done(self, iterations: int, elapsed_ns: int) -> float:
        """How much of the load is done, 0..1, after so many iterations and so much time."""
        return min(1.0, elapsed_ns / self.longest_ns)


class ConstantVusSchedule:
    """Lets every vu start until the time is over."""

    def __init__(self, duration_ns: int) -> None:
        self._deadline_ns = duration_ns

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """Now, until the deadline."""
        return now_ns if now_ns < self._deadline_ns else None
