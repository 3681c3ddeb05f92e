"""The fault `disk_error`: the disk does not take what SQLite writes."""

from __future__ import annotations

from errno import EIO
from typing import ClassVar, Literal

from perfcli.faults.disk import DiskFault


class DiskError(DiskFault):
    """SQLite's writes fail as on a broken disk (EIO), and its calls with "disk I/O error" (SQLITE_IOERR_WRITE).

    It is inflicted in the engine processes, through SQLite's own system calls or else by strace. Flushes (fsync) go on
    as before: SQLite does not let them be replaced. At least one write must be hit.
    """

    error: ClassVar[int] = EIO
    fault: Literal["disk_error"] = "disk_error"
