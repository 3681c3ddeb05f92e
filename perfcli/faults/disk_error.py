"""The fault `disk_error`: the disk does not take what SQLite writes."""

from __future__ import annotations

from errno import EIO
from typing import Literal

from perfcli.faults.disk import DiskFault


class DiskError(DiskFault):
    """SQLite's writes fail as on a broken disk (EIO), and its calls with "disk I/O error" (SQLITE_IOERR_WRITE).

    It is inflicted in the engine processes, through SQLite's own system calls. At least one write must be hit.
    """

    fault: Literal["disk_error"] = "disk_error"

    def hit(self) -> int:
        """An input/output error."""
        return EIO
