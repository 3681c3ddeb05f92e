"""ramping-arrival-rate: iterations start at a rate that rises and falls by stages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from perfcli.executors.arrivals import ArrivalRate, Arrivals, RateStage
from perfcli.executors.fields import RateText, Stage, Stages, duration_text, exact_rate_per_s, path_text, total_ns


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
