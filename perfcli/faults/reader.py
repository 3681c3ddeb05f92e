"""The fault `reader`: another program reads for long, and SQLite cannot reuse its WAL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from perfcli.faults.base import FaultSettings, Lift, Place, Seen
from perfcli.figures import Needs
from perfcli.operations.base import StepSettings


class Reader(FaultSettings):
    """Another program holds a read transaction open, so that the WAL grows and no checkpoint ends.

    It is inflicted from outside, by a connection of the tool's own, and so ends with the tool. A good engine shows
    nothing but a larger WAL: limit it by a threshold on wal.peak.
    """

    needs: ClassVar[Needs] = Needs.DATABASE
    fault: Literal["reader"] = "reader"

    def touches(self, step: StepSettings) -> bool:
        """Nothing waits for a reader."""
        return False

    def inflict(self, places: Sequence[Place]) -> Lift | None:
        """Begin to read."""
        return places[0].database.hold_transaction(writes=False)

    def why_unseen(self, seen: Seen) -> str:
        """Nothing need be seen of it."""
        return ""
