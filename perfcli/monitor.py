"""Watches the engine process from outside, so that watching costs the engine nothing and counts nothing of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final, Protocol

import psutil

INTERVAL_S: Final = 0.1
_LEAST_CPU_INTERVAL_NS: Final = 20_000_000  # the kernel counts CPU time in ticks of 10 ms


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the engine process. Sizes in bytes, times in ns."""

    at_ns: int
    rss: int
    cpu_ns: int
    threads: int
    open_files: int
    uss: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    database_bytes: int = 0
    wal_bytes: int = 0
    operations: int = 0


def cpu_use(earlier: Reading, later: Reading) -> float | None:
    """CPU time over elapsed time, 1.0 for one core; None where too little time passed to tell."""
    elapsed_ns = later.at_ns - earlier.at_ns
    return (later.cpu_ns - earlier.cpu_ns) / elapsed_ns if elapsed_ns >= _LEAST_CPU_INTERVAL_NS else None


class Probe(Protocol):
    """Takes readings of one engine process."""

    def read(self, *, whole: bool = False) -> Reading | None:
        """A reading, with USS if `whole`; None where the process is gone."""


class ProcessProbe:
    """Reads a process through psutil, and the sizes of its database files.

    Args:
        operations: how many operations are known to be done; noted in each reading.
    """

    def __init__(self, pid: int, database: Path, operations: Callable[[], int]) -> None:
        self._process = psutil.Process(pid)
        self._database = database
        self._wal = database.with_name(database.name + "-wal")
        self._operations = operations
        # macOS has no I/O counters for a process
        self._counts_io = hasattr(self._process, "io_counters")

    def read(self, *, whole: bool = False) -> Reading | None:
        """A reading; USS makes the kernel walk the process's pages, so it is read only where it is asked for."""
        try:
            with self._process.oneshot():
                memory = self._process.memory_full_info() if whole else self._process.memory_info()
                cpu = self._process.cpu_times()
                io = self._process.io_counters() if self._counts_io else None
                return Reading(
                    at_ns=time.perf_counter_ns(),
                    rss=memory.rss,
                    uss=getattr(memory, "uss", None),
                    cpu_ns=round((cpu.user + cpu.system) * 1e9),
                    threads=self._process.num_threads(),
                    open_files=self._process.num_fds(),
                    read_bytes=getattr(io, "read_chars", None),
                    written_bytes=getattr(io, "write_chars", None),
                    database_bytes=_size(self._database),
                    wal_bytes=_size(self._wal),
                    operations=self._operations(),
                )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None


class Monitor:
    """Takes a reading every 100 ms in a thread of its own, and one more whenever it is asked."""

    def __init__(self, probe: Probe, interval_s: float = INTERVAL_S) -> None:
        self._probe = probe
        self._interval_s = interval_s
        self._ended = Event()
        self._reading = Lock()
        self.readings: list[Reading] = []
        self._thread = Thread(target=self._watch, name="digipal-perf-monitor", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self, *, whole: bool = True) -> Reading | None:
        """Take a reading now; None where the process is gone."""
        with self._reading:
            reading = self._probe.read(whole=whole)
            if reading is not None:
                self.readings.append(reading)
            return reading

    def _watch(self) -> None:
        while not self._ended.wait(self._interval_s):
            if self.look(whole=False) is None:
                return


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
