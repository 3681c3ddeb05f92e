"""constant-arrival-rate: iterations start at even distances, whatever time each takes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perfcli.executors.arrivals import ArrivalRate, RateStage
from perfcli.executors.fields import PositiveDurationText, PositiveRateText, exact_rate_per_s
from perfcli.units import parse_duration_ns


class ConstantArrivalRate(ArrivalRate):
    """Iterations that start at `rate` for `duration`, at most `vus` of them at once."""

    executor: Literal["constant-arrival-rate"] = Field(description="decides when iterations start")
    rate: PositiveRateText = Field(description="iterations that start in a time")
    duration: PositiveDurationText = Field(description="no iteration is due after this")

    @property
    def rate_stages(self) -> list[RateStage]:
        """One stage at an even rate."""
        rate_per_s = exact_rate_per_s(self.rate)
        return [RateStage(rate_per_s, rate_per_s, parse_duration_ns(self.duration))]

    def describe(self) -> str:
        """What will run, in one line."""
        return f"{self.rate} for {self.duration} {self._at_most()}{self._pauses()}"
