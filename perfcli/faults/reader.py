"""The fault `reader`: another program reads for long, and SQLite cannot reuse its WAL."""

from __future__ import annotations

from typing import ClassVar, Literal

from perfcli.faults.base import DatabaseFault, Seen


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
