"""What faults of the disk share: they hit writes of SQLite, on all its connections in the engine processes."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from perfcli.executors.fields import PercentageText
from perfcli.faults.base import LastingFault, Seen
from perfcli.faults.inside import Hits, Inflicted, Inside, InsideFault
from perfcli.units import parse_fraction


class DiskFault(InsideFault, LastingFault):
    """Something happens to a share of SQLite's writes."""

    share: PercentageText = Field(default="100%", description="share of SQLite's writes to hit")

    def hit(self) -> int:
        """Happen to one write; return the errno that it fails with, 0 to let it be done."""
        raise NotImplementedError

    def inflict_inside(self, engine: Inside, draw: Callable[[], float]) -> Inflicted:
        """Hit writes from now on."""
        share, hits = parse_fraction(self.share), Hits()

        def before_write() -> int:
            if draw() >= share:
                return 0
            hits.add()
            return self.hit()

        return Inflicted(engine.before_writes(before_write), hits)

    def why_unseen(self, seen: Seen) -> str:
        """A load without writes does not notice it."""
        return "" if seen.hits != 0 else "it hit no write by SQLite: does the load write?"
