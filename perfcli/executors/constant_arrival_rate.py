"""constant-arrival-rate: iterations start at even distances, whatever time each takes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perfcli.executors.arrivals import ArrivalRate, RateStage
from perfcli.executors.fields import PositiveDurationText, PositiveRateText, exact_rate_per_s
from perfcli.units import parse_duration_ns


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
