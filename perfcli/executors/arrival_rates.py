"""Iterations that start at a rate, whatever time each takes: constant-arrival-rate and ramping-arrival-rate."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from perfcli.executors.arrivals import Arrivals, ArrivalSchedule, RateStage
from perfcli.executors.base import WHOLE, Earlier, FixedVus, Schedule, Share, Vus
from perfcli.executors.fields import (
    PositiveDurationText,
    PositiveRateText,
    RateText,
    Stage,
    Stages,
    duration_text,
    exact_rate_per_s,
    path_text,
    total_ns,
)
from perfcli.units import NS_PER_S, parse_duration_ns


class ArrivalRate(FixedVus):
    """The settings of executors that start iterations at a rate, whatever time each takes."""

    vus: Vus = Field(default=10, description="vus to run iterations; an iteration that is due while all are busy waits")

    @property
    @abstractmethod
    def rate_stages(self) -> Sequence[RateStage]:
        """The rate over the time of the phase."""

    @property
    def arrivals(self) -> Arrivals:
        """When iterations arrive."""
        return Arrivals(self.rate_stages)

    def schedule(self, share: Share = WHOLE) -> Schedule:
        """A fresh schedule for one run, or for the share of it that one engine process carries."""
        return ArrivalSchedule(self.arrivals, share.among(self.vu_count))

    def rest_of_schedule(self, share: Share, earlier: Earlier) -> Schedule:
        """What was due from the kill on: what was due during the outage begins at once, late."""
        return ArrivalSchedule(self.arrivals, share.among(self.vu_count), earlier.until_ns)

    def largest_gap_ns(self, share: Share = WHOLE) -> int:
        """The longest time in which no arrival of this share is due."""
        tickets = share.among(self.vu_count).part_of(self.planned_iterations)
        return self.arrivals.largest_gap_ns(tickets if share.has_part_of(self.vu_count) else range(0))

    @property
    def is_open(self) -> bool:
        """Yes: iterations arrive when it is their time, however long those before them take."""
        return True

    @property
    def planned_iterations(self) -> int:
        """How many iterations arrive."""
        return self.due_before(self.arrivals.duration_ns)

    @property
    def offered_per_s(self) -> float:
        """How many iterations a second arrive in the mean."""
        return self.planned_iterations * NS_PER_S / self.arrivals.duration_ns

    @property
    def offered_line(self) -> list[tuple[int, float]]:
        """The rate over time: both ends of each stage, as ns since the phase began and iterations a second."""
        ends_ns = list(accumulate((stage.duration_ns for stage in self.rate_stages), initial=0))
        return [
            (at_ns, float(rate))
            for (began_ns, ended_ns), stage in zip(pairwise(ends_ns), self.rate_stages, strict=True)
            for at_ns, rate in ((began_ns, stage.from_per_s), (ended_ns, stage.to_per_s))
        ]

    @property
    def longest_ns(self) -> int:
        """When the schedule ends, in ns after the phase began; the last iteration may start LATE_START_NS later."""
        return self.arrivals.duration_ns

    def due_before(self, elapsed_ns: int) -> int:
        """How many iterations arrive before a time, in ns after the phase began."""
        return self.arrivals.due_before(elapsed_ns)

    def _at_most(self) -> str:
        return f"by {'' if self.vu_count == 1 else 'at most '}{self._vus()}"


class ConstantArrivalRate(ArrivalRate):
    """Iterations that start at `rate` for `duration`, at most `vus` of them at once."""

    executor: Literal["constant-arrival-rate"] = Field(description="when iterations start")
    rate: PositiveRateText = Field(description="iterations started per second or minute")
    duration: PositiveDurationText = Field(description="length of the load")

    @property
    def rate_stages(self) -> list[RateStage]:
        """One stage at an even rate."""
        rate_per_s = exact_rate_per_s(self.rate)
        return [RateStage(rate_per_s, rate_per_s, parse_duration_ns(self.duration))]

    def describe(self) -> str:
        """What will run, in one line."""
        return f"{self.rate} for {self.duration} {self._at_most()}{self._pauses()}"


class ArrivalStage(Stage):
    """A change of the rate."""

    target: RateText = Field(description="rate at the end of the stage")


class RampingArrivalRate(ArrivalRate):
    """Iterations that start at a rate which goes linearly from `start_rate` to the target of each stage in turn."""

    executor: Literal["ramping-arrival-rate"] = Field(description="when iterations start")
    start_rate: RateText = Field(default="0/s", description="rate at the start")
    stages: Stages[ArrivalStage] = Field(description="rates to ramp to, one after the other")

    @field_validator("stages")
    @classmethod
    def _let_something_arrive(cls, stages: list[ArrivalStage], seen: ValidationInfo) -> list[ArrivalStage]:
        if "start_rate" not in seen.data:
            return stages
        if not Arrivals(_rate_stages(seen.data["start_rate"], stages)).due_before(total_ns(stages)):
            raise ValueError("every rate is 0/s, so nothing would run: give one stage a target above 0/s")
        return stages

    @property
    def rate_stages(self) -> list[RateStage]:
        """A slope for each stage."""
        return _rate_stages(self.start_rate, self.stages)

    def describe(self) -> str:
        """What will run, in one line."""
        path = path_text([self.start_rate, *(stage.target for stage in self.stages)])
        return f"ramping {path} over {duration_text(total_ns(self.stages))} {self._at_most()}{self._pauses()}"


def _rate_stages(start_rate: str, stages: Sequence[ArrivalStage]) -> list[RateStage]:
    rates_per_s = map(exact_rate_per_s, [start_rate, *(stage.target for stage in stages)])
    return [
        RateStage(before, after, stage.duration_ns)
        for (before, after), stage in zip(pairwise(rates_per_s), stages, strict=True)
    ]
