"""What every executor shares: the protocol of a schedule and the settings any load has."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from perfcli import units

MOST_VUS: Final = 1_000
MOST_ITERATIONS: Final = 100_000_000
LONGEST: Final = "10m"


def _written_duration(value: object) -> str:
    units.parse_duration_ns(value)
    return str(value).strip()


DurationText = Annotated[str, BeforeValidator(_written_duration)]
"""A duration kept as it was written ("50ms"), known to parse."""


def _positive_duration(value: object) -> str:
    if units.parse_duration_ns(value) == 0:
        raise units.UnitError(f"{value!r} is no time at all: write more than 0")
    return str(value).strip()


PositiveDurationText = Annotated[str, BeforeValidator(_positive_duration)]


class Schedule(Protocol):
    """When iterations start: asked by every vu before each iteration, from its own thread."""

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """The intended start of this vu's next iteration, in ns since the phase began; None when it is done."""


class LoadSettings(BaseModel):
    """The settings that every executor takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    vus: int = Field(default=1, ge=1, le=MOST_VUS, description="virtual users, each a thread with its own seed")
    think_time: DurationText = Field(default="0s", description="pause of a vu after each iteration")
    warmup: DurationText = Field(default="0s", description="time the flow runs first, its samples discarded")

    @property
    def think_time_ns(self) -> int:
        """The pause after each iteration, in nanoseconds."""
        return units.parse_duration_ns(self.think_time)

    @property
    def warmup_ns(self) -> int:
        """The warm-up, in nanoseconds."""
        return units.parse_duration_ns(self.warmup)

    def _pauses(self) -> str:
        think = f", {self.think_time} between iterations" if self.think_time_ns else ""
        return think + (f", after {self.warmup} of warm-up" if self.warmup_ns else "")


class CountedLoad(LoadSettings):
    """The settings of executors that count iterations, and give up when time is over."""

    max_duration: PositiveDurationText = Field(default=LONGEST, description="no iteration starts after this")

    @property
    @abstractmethod
    def planned_iterations(self) -> int:
        """How many iterations the load consists of."""

    @property
    def longest_ns(self) -> int:
        """When the last iteration may start, in ns after the first."""
        return units.parse_duration_ns(self.max_duration)

    def share_done(self, iterations: int, elapsed_ns: int) -> float:
        """How much of the load is done, 0..1, after so many iterations and so much time."""
        return min(1.0, iterations / self.planned_iterations)

    def _bound(self) -> str:
        return "" if self.max_duration == LONGEST else f" (at most {self.max_duration})"
