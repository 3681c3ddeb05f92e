"""The fault `disk_full`: there is no space left for what SQLite writes."""

from __future__ import annotations

from errno import ENOSPC
from typing import Literal

from perfcli.faults.disk import DiskFault


class DiskFull(DiskFault):
    """SQLite's writes fail for want of space (ENOSPC), and its calls with "database or disk is full" (SQLITE_FULL).

    It is inflicted in the engine processes, through SQLite's own system calls, and so needs no full disk. At least one
    write must be hit.
    """

    fault: Literal["disk_full"] = "disk_full"

    def hit(self) -> int:
        """No space."""
        return ENOSPC
