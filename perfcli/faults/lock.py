"""The fault `lock`: another program holds SQLite's one write lock."""

from __future__ import annotations

from typing import ClassVar, Literal

from perfcli.faults.base import DatabaseFault, Seen
from perfcli.operations.base import StepSettings


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
