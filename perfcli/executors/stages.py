"""The stages of a ramp: where to and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from perfcli.executors.durations import DurationText
from perfcli.units import parse_duration_ns

_MOST_STAGES: Final = 100
_MOST_SHOWN: Final = 8


class Stage(BaseModel):
    """What stages of any ramp share."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    duration: DurationText = Field(description="how long it takes; 0s changes at once")

    @property
    def duration_ns(self) -> int:
        """How long the stage takes, in nanoseconds."""
        return parse_duration_ns(self.duration)


AnyStage = TypeVar("AnyStage", bound=Stage)


def total_ns(stages: Sequence[Stage]) -> int:
    """How long stages take, one after another, in nanoseconds."""
    return sum(stage.duration_ns for stage in stages)


def _take_time(stages: list[AnyStage]) -> list[AnyStage]:
    if total_ns(stages) == 0:
        raise ValueError("they take no time at all: give one of them a duration of more than 0")
    return stages


Stages = Annotated[list[AnyStage], Field(min_length=1, max_length=_MOST_STAGES), AfterValidator(_take_time)]
"""Stages that follow one another, and take some time together."""


def path_text(levels: Sequence[object]) -> str:
    """The levels a ramp goes through, e.g. "1 → 20 → 0"; of many, the first and the last."""
    shown = list(map(str, levels))
    if len(shown) > _MOST_SHOWN:
        shown[_MOST_SHOWN - 2 : -1] = ["…"]
    return " → ".join(shown)
