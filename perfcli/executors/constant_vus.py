"""constant-vus: every vu iterates for a fixed time."""

from __future__ import annotations

from itertools import repeat
from typing import Literal

from pydantic import Field

from perfcli.executors.base import WHOLE, FixedVus, Schedule, Share, Tickets
from perfcli.executors.fields import PositiveDurationText
from perfcli.units import parse_duration_ns


class ConstantVus(FixedVus):
    """`vus` that iterate as fast as the engine and their think time let them, for `duration`."""

    executor: Literal["constant-vus"] = Field(description="when iterations start")
    duration: PositiveDurationText = Field(description="length of the load")

    def largest_gap_ns(self, share: Share = WHOLE) -> int:
        """None, unless the share has no vu."""
        return 0 if share.has_part_of(self.vu_count) else self.longest_ns

    def schedule(self, share: Share = WHOLE) -> Schedule:
        """A fresh schedule for one run, or for the share of it that one engine process carries."""
        return steady(parse_duration_ns(self.duration))

    def describe(self) -> str:
        """What will run, in one line."""
        return f"{self._vus()} for {self.duration}{self._pauses()}"

    @property
    def longest_ns(self) -> int:
        """When the schedule ends, in ns after the phase began: no iteration is due then or later."""
        return parse_duration_ns(self.duration)


def steady(duration_ns: int) -> Tickets:
    """Lets every vu start until the time is over."""
    endless = repeat(None)
    return Tickets(lambda vu: endless, duration_ns)
