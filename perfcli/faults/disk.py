"""What faults of the disk share: they hit writes of SQLite, on all its connections in the engine processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field, field_validator

from perfcli.executors.fields import PercentageText
from perfcli.faults.base import LastingFault, Seen
from perfcli.faults.inside import Inflicted, Inside, InsideFault, WriteFault
from perfcli.units import parse_fraction


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
