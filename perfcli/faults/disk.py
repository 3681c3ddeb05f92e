"""The faults `disk_full`, `disk_error` and `disk_slow`: SQLite's writes fail or take longer, on all its connections."""

from __future__ import annotations

from collections.abc import Callable
from errno import EIO, ENOSPC
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from perfcli.executors.fields import PercentageText, PositiveDurationText
from perfcli.faults.base import LastingFault, Seen
from perfcli.faults.inside import Inflicted, Inside, InsideFault, WriteFault
from perfcli.units import parse_duration_ns, parse_fraction


class DiskFault(InsideFault, LastingFault):
    """Something happens to a share of SQLite's writes."""

    error: ClassVar[int] = 0
    """The errno that a write fails with; 0 to have it done."""

    share: PercentageText = Field(default="100%", description="share of SQLite's writes to hit")

    @field_validator("share")
    @classmethod
    def _hits_some(cls, share: str) -> str:
        if not parse_fraction(share):
            raise ValueError(f"{share} hits no write: write e.g. 10%")
        return share

    def inflict_inside(self, engine: Inside, draw: Callable[[], float]) -> Inflicted:
        """Hit writes from now on."""
        return engine.hit_writes(WriteFault(parse_fraction(self.share), self.error, self.holds_up_ns), draw)

    def why_unseen(self, seen: Seen) -> str:
        """A load without writes does not notice it."""
        return "" if seen.hits != 0 else "it hit no write by SQLite: does the load write?"


class DiskFull(DiskFault):
    """SQLite's writes fail for want of space (ENOSPC), and its calls with "database or disk is full" (SQLITE_FULL).

    It is inflicted in the engine processes, through SQLite's own system calls or else by strace, and so needs no full
    disk. Flushes (fsync) go on: SQLite does not let them be replaced. At least one write must be hit.
    """

    error: ClassVar[int] = ENOSPC
    fault: Literal["disk_full"] = "disk_full"


class DiskError(DiskFault):
    """SQLite's writes fail as on a broken disk (EIO), and its calls with "disk I/O error" (SQLITE_IOERR_WRITE).

    It is inflicted in the engine processes, through SQLite's own system calls or else by strace. Flushes (fsync) go on
    as before: SQLite does not let them be replaced. At least one write must be hit.
    """

    error: ClassVar[int] = EIO
    fault: Literal["disk_error"] = "disk_error"


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
