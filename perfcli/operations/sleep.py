"""sleep: a pause of the vu."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from perfcli.executors.fields import PositiveDurationText
from perfcli.operations.base import IN_PROCESS, StepSettings
from perfcli.units import parse_duration_ns


class Sleep(StepSettings):
    """A pause of the vu; not an operation of the engine, so never a sample."""

    needs_pet: ClassVar[bool] = False
    is_pause: ClassVar[bool] = True
    short_key: ClassVar[str] = "duration"
    targets: ClassVar[tuple[str, ...]] = tuple(IN_PROCESS)

    operation: Literal["sleep"] = "sleep"
    duration: PositiveDurationText = Field(description="how long")

    @field_validator("timeout")
    @classmethod
    def _needs_none(cls, timeout: str | None) -> str | None:
        if timeout is not None:
            raise ValueError("sleep takes no timeout: remove it")
        return timeout

    @property
    def pause_ns(self) -> int:
        """The pause, in nanoseconds."""
        return parse_duration_ns(self.duration)
