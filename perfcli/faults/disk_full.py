"""The fault `disk_full`: there is no space left for what SQLite writes."""

from __future__ import annotations

from errno import ENOSPC
from typing import ClassVar, Literal

from perfcli.faults.disk import DiskFault


class DiskFull(DiskFault):
    """SQLite's writes fail for want of space (ENOSPC), and its calls with "database or disk is full" (SQLITE_FULL).

    It is inflicted in the engine processes, through SQLite's own system calls or else by strace, and so needs no full
    disk. Flushes (fsync) go on: SQLite does not let them be replaced. At least one write must be hit.
    """

    error: ClassVar[int] = ENOSPC
    fault: Literal["disk_full"] = "disk_full"
