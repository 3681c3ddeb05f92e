"""Vus that iterate as fast as the engine lets them: constant-vus for a fixed time, ramping-vus in changing numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise, repeat
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from perfcli.executors.base import MOST_VUS, WHOLE, FixedVus, LoadSettings, Schedule, Share, Tickets
from perfcli.executors.fields import PositiveDurationText, Stage, Stages, duration_text, path_text, total_ns
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


Span = tuple[int, int]
"""A time in which a vu works: from the first ns up to the second, since the phase began."""


class VuStage(Stage):
    """A change of the number of vus."""

    target: int = Field(ge=0, le=MOST_VUS, description="vus at the end of the stage")


class RampingVus(LoadSettings):
    """Vus that iterate as fast as the engine lets them; their number goes from `start_vus` to each target in turn."""

    executor: Literal["ramping-vus"] = Field(description="when iterations start")
    start_vus: int = Field(default=1, ge=0, le=MOST_VUS, description="vus at the start")
    stages: Stages[VuStage] = Field(description="numbers of vus to ramp to, one after the other")

    @field_validator("stages")
    @classmethod
    def _need_a_vu(cls, stages: list[VuStage], seen: ValidationInfo) -> list[VuStage]:
        if seen.data.get("start_vus") == 0 and not any(stage.target for stage in stages):
            raise ValueError("every stage has 0 vus, so nothing would run: give one a target of 1 or more")
        return stages

    @property
    def vus(self) -> int:
        """The most vus there are at any time."""
        return max(self._levels())

    @property
    def vu_count(self) -> int:
        """The most vus there are at any time."""
        return self.vus

    def vus_at(self, elapsed_ns: int) -> int:
        """How many of them the ramp has at work at a time, in ns since the phase began."""
        return sum(begin_ns <= elapsed_ns < end_ns for vu in range(self.vus) for begin_ns, end_ns in self.spans(vu))

    @property
    def longest_ns(self) -> int:
        """When the schedule ends, in ns after the phase began: no iteration is due then or later."""
        return total_ns(self.stages)

    def largest_gap_ns(self, share: Share = WHOLE) -> int:
        """The longest time in which the ramp keeps all vus of this share away."""
        gap_ns = busy_until_ns = 0
        for begin_ns, end_ns in sorted(span for vu in share.part_of(self.vus) for span in self.spans(vu)):
            gap_ns = max(gap_ns, begin_ns - busy_until_ns)
            busy_until_ns = max(busy_until_ns, end_ns)
        return max(gap_ns, self.longest_ns - busy_until_ns)

    @property
    def vus_line(self) -> list[tuple[int, int]]:
        """The number of vus over time, as steps (ns since the phase began, vus from then on)."""
        spans = [span for vu in range(self.vus) for span in self.spans(vu)]
        changes = Counter(begin_ns for begin_ns, _ in spans)
        changes.subtract(end_ns for _, end_ns in spans)
        times_ns = sorted({0, *changes})
        return list(zip(times_ns, accumulate(changes[at_ns] for at_ns in times_ns), strict=True))

    def schedule(self, share: Share = WHOLE) -> Schedule:
        """A fresh schedule for one run, or for the share of it that one engine process carries."""
        return RampingVusSchedule([list(self.spans(vu)) for vu in range(self.vus)])

    def spans(self, vu: int) -> Iterator[Span]:
        """When a vu works, by k6's steps.

        On the way up it begins when the ramp has reached it, on the way down it ends when the ramp has left it: from 0
        to 2 in 2 s, the first begins after 1 s; from 2 to 0, the second ends after 1 s.
        """
        begin_ns = 0 if self.start_vus > vu else None
        ends_ns = 0
        for (before, after), stage in zip(pairwise(self._levels()), self.stages, strict=True):
            ends_ns += stage.duration_ns
            if before <= vu < after:
                begin_ns = ends_ns - stage.duration_ns * (after - vu - 1) // (after - before)
            elif after <= vu < before and begin_ns is not None:
                end_ns = ends_ns - stage.duration_ns * (vu - after) // (before - after)
                if begin_ns < end_ns:
                    yield begin_ns, end_ns
                begin_ns = None
        if begin_ns is not None and begin_ns < ends_ns:
            yield begin_ns, ends_ns

    def describe(self) -> str:
        """What will run, in one line."""
        unit = "vu" if self.vus == 1 else "vus"
        return f"ramping {path_text(self._levels())} {unit} over {duration_text(self.longest_ns)}{self._pauses()}"

    def _levels(self) -> list[int]:
        return [self.start_vus, *(stage.target for stage in self.stages)]


class RampingVusSchedule:
    """Lets every vu start in its spans; a vu only ever touches its own."""

    def __init__(self, spans: Sequence[Sequence[Span]]) -> None:
        self._to_come = [list(reversed(of_vu)) for of_vu in spans]

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """Now, while this vu is needed, or else when it will be."""
        to_come = self._to_come[vu]
        while to_come:
            begin_ns, end_ns = to_come[-1]
            if now_ns < end_ns:
                # a hot path: max() takes twice as long
                return now_ns if now_ns > begin_ns else begin_ns
            to_come.pop()
        return None

    def back_to_back(self, vu: int) -> None:
        """None: how many vus there are changes."""
