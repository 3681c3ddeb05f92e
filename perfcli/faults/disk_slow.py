"""The fault `disk_slow`: each write takes longer."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from perfcli.executors.fields import PositiveDurationText
from perfcli.faults.disk import DiskFault
from perfcli.units import parse_duration_ns


class DiskSlow(DiskFault):
    """SQLite's writes take longer by `delay`; an operation does a few of them.

    It is inflicted in the engine processes, through SQLite's own system calls or else by strace. Flushes (fsync) go on
    as before: SQLite does not let them be replaced. At least one write must be hit.
    """

    example: ClassVar[str] = "{at: 3s, for: 1s, delay: 20ms}"
    fault: Literal["disk_slow"] = "disk_slow"
    delay: PositiveDurationText = Field(description="delay of each write")

    @model_validator(mode="after")
    def _shorter_than_itself(self) -> DiskSlow:
        if self.holds_up_ns > self.lasts_ns:
            raise ValueError(f"delay: {self.delay} is longer than the fault, which has for: {self.for_}")
        return self

    @property
    def holds_up_ns(self) -> int:
        """The delay of a write that was begun."""
        return parse_duration_ns(self.delay)
