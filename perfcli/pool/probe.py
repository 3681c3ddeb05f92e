"""Reads a process of this machine through psutil, and the sizes of its database files."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import psutil

from perfcli.cpus import Scheduling, harness_of, read_scheduling
from perfcli.monitor import Reading

_SCHEDULING_INTERVAL_NS: Final = 1_000_000_000


class ProcessProbe:
    """Takes readings of one process."""

    def __init__(self, pid: int, database: Path) -> None:
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None
        self._database = database
        self._wal = database.with_name(database.name + "-wal")
        self._harness = harness_of(pid)
        self._scheduling_due_ns = 0
        # macOS has no I/O counters for a process
        self._counts_io = hasattr(psutil.Process, "io_counters")

    def read(self, *, whole: bool = False) -> Reading | None:
        """A reading, None if the process is gone; USS makes the kernel walk the process's pages: only if `whole`."""
        process = self._process
        if process is None:
            return None
        try:
            with process.oneshot():
                memory = process.memory_full_info() if whole else process.memory_info()
                cpu = process.cpu_times()
                io = process.io_counters() if self._counts_io else None
                return Reading(
                    at_ns=time.perf_counter_ns(),
                    rss=memory.rss,
                    uss=getattr(memory, "uss", None),
                    cpu_ns=round((cpu.user + cpu.system) * 1e9),
                    threads=process.num_threads(),
                    open_files=(open_files := process.num_fds()),
                    fullest=_with_limit(process, open_files),
                    read_bytes=getattr(io, "read_chars", None),
                    written_bytes=getattr(io, "write_chars", None),
                    database_bytes=_size(self._database),
                    wal_bytes=_size(self._wal),
                    scheduling=self._scheduling(process.pid, wanted=whole),
                )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None

    def _scheduling(self, pid: int, *, wanted: bool) -> Scheduling | None:
        now_ns = time.perf_counter_ns()
        if not wanted and now_ns < self._scheduling_due_ns:
            return None
        self._scheduling_due_ns = now_ns + _SCHEDULING_INTERVAL_NS
        return read_scheduling(pid, self._harness)


def _with_limit(process: psutil.Process, open_files: int) -> tuple[int, int] | None:
    """macOS does not tell the limits of another process."""
    if sys.platform != "linux":
        return None
    limit, _ = process.rlimit(psutil.RLIMIT_NOFILE)
    return (open_files, limit) if limit > 0 else None


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # the engine may have put anything in its place
        return 0
