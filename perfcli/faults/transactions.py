"""The faults `lock` and `reader`: another program holds a transaction on the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from perfcli.faults.base import LastingFault, Lift, Place, Seen
from perfcli.figures import Needs
from perfcli.operations.base import StepSettings


class DatabaseFault(LastingFault):
    """A transaction of the tool's own on the database; it ends with the tool, and outlives engine processes."""

    needs: ClassVar[Needs] = Needs.DATABASE
    ends_with_process: ClassVar[bool] = False
    writes: ClassVar[bool]

    def places(self, places: Sequence[Place]) -> Sequence[Place]:
        """All: the database is there while a process is replaced."""
        return places

    def inflict(self, places: Sequence[Place]) -> Lift | None:
        """Begin the transaction; None while an engine process holds the lock that it needs."""
        return places[0].database.hold_transaction(writes=self.writes)


class Lock(DatabaseFault):
    """Another program holds the write lock of the database (BEGIN IMMEDIATE): writes wait, or fail as busy.

    It is inflicted from outside, by a connection of the tool's own, and so ends with the tool. An operation must wait
    for half of it, or fail.
    """

    why_not_yet: ClassVar[str] = "the engine held the write lock all the time"
    writes: ClassVar[bool] = True
    fault: Literal["lock"] = "lock"

    def blocks(self, step: StepSettings) -> bool:
        """What writes."""
        return step.effects.is_write

    def why_unseen(self, seen: Seen) -> str:
        """A load without writes does not notice it."""
        if seen.failed or 2 * seen.longest_ns >= seen.lasted_ns:
            return ""
        return "no operation failed or waited for half of it: does the load write?"


class Reader(DatabaseFault):
    """Another program holds a read transaction open, so that the WAL grows and no checkpoint ends.

    It is inflicted from outside, by a connection of the tool's own, and so ends with the tool. A good engine shows
    nothing but a larger WAL: limit it by a threshold on wal.max.
    """

    writes: ClassVar[bool] = False
    fault: Literal["reader"] = "reader"

    def why_unseen(self, seen: Seen) -> str:
        """Nothing need be seen of it."""
        return ""
