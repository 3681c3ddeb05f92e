"""Watches the engine process from outside, so that watching costs the engine nothing and counts nothing of ours."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final, Protocol

import psutil

from perfcli.cpus import Scheduling, harness_of, read_scheduling

INTERVAL_S: Final = 0.1
# the kernel counts CPU time in ticks of 10 ms: shorter intervals would give figures made of one tick
_LEAST_CPU_INTERVAL_NS: Final = 100_000_000
_CPU_WINDOW_NS: Final = 500_000_000
_SCHEDULING_INTERVAL_NS: Final = 1_000_000_000
_RECENT: Final = 25
"""Readings among which the one before with scheduling is: they are ten a second at most."""

_MOST_READINGS: Final = 6_000


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
    fullest: tuple[int, int] | None = None
    """File descriptors, and how many there may be, of the process that is closest to its RLIMIT_NOFILE; if known."""
    scheduling: Scheduling | None = None
    """In whole readings and one reading a second; None if the system does not tell."""


def cpu_use(earlier: Reading, later: Reading) -> float | None:
    """CPU time over elapsed time, 1.0 for one core; None where too little time passed to tell."""
    elapsed_ns = later.at_ns - earlier.at_ns
    return (later.cpu_ns - earlier.cpu_ns) / elapsed_ns if elapsed_ns >= _LEAST_CPU_INTERVAL_NS else None


def highest_cpu_use(readings: Sequence[Reading]) -> float | None:
    """The highest CPU use over any half second; the mean where all of it was shorter."""
    if len(readings) < 2:
        return None
    uses, first = [], 0
    for last, reading in enumerate(readings):
        while readings[first + 1].at_ns <= reading.at_ns - _CPU_WINDOW_NS and first + 1 < last:
            first += 1
        if reading.at_ns - readings[first].at_ns >= _CPU_WINDOW_NS:
            uses.append(cpu_use(readings[first], reading))
    return max((use for use in uses if use is not None), default=cpu_use(readings[0], readings[-1]))


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
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None
        self._database = database
        self._wal = database.with_name(database.name + "-wal")
        self._operations = operations
        self._harness = harness_of(pid)
        self._scheduling_due_ns = 0
        # macOS has no I/O counters for a process
        self._counts_io = hasattr(psutil.Process, "io_counters")

    def read(self, *, whole: bool = False) -> Reading | None:
        """A reading; USS makes the kernel walk the process's pages, so it is read only where it is asked for."""
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
                    operations=self._operations(),
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


class JointProbe:
    """Reads several processes that share one database as if they were one: what each uses is added up."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._probes = probes

    def read(self, *, whole: bool = False) -> Reading | None:
        """A reading of all; None where one of them is gone."""
        readings = [reading for probe in self._probes if (reading := probe.read(whole=whole))]
        if len(readings) < len(self._probes):
            return None
        first = readings[0]
        return replace(
            first,
            rss=sum(r.rss for r in readings),
            cpu_ns=sum(r.cpu_ns for r in readings),
            threads=sum(r.threads for r in readings),
            open_files=sum(r.open_files for r in readings),
            fullest=max((r.fullest for r in readings if r.fullest), key=lambda full: full[0] / full[1], default=None),
            uss=_added([r.uss for r in readings]),
            read_bytes=_added([r.read_bytes for r in readings]),
            written_bytes=_added([r.written_bytes for r in readings]),
            scheduling=_joined([r.scheduling for r in readings]),
        )


def _with_limit(process: psutil.Process, open_files: int) -> tuple[int, int] | None:
    """macOS does not tell the limits of another process."""
    if sys.platform != "linux":
        return None
    limit, _ = process.rlimit(psutil.RLIMIT_NOFILE)
    return (open_files, limit) if limit > 0 else None


def _added(figures: Sequence[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def _joined(schedulings: Sequence[Scheduling | None]) -> Scheduling | None:
    known = [scheduling for scheduling in schedulings if scheduling is not None]
    return reduce(Scheduling.joined, known) if len(known) == len(schedulings) else None


class Monitor:
    """Takes a reading every 100 ms in a thread of its own, after ten minutes less often, and one whenever asked."""

    def __init__(self, probe: Probe | None, interval_s: float = INTERVAL_S) -> None:
        self._probe = probe
        self._interval_s = interval_s
        self._ended = Event()
        self._reading = Lock()
        self.readings: list[Reading] = []
        self._thread = Thread(target=self._watch, name="digipal-perf-monitor", daemon=True)

    def watch(self, probe: Probe | None) -> None:
        """Watch another process instead, or none, and forget what was seen of the one before."""
        with self._reading:
            self._probe = probe
            self.readings.clear()

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self, *, whole: bool = True) -> Reading | None:
        """Take a reading now; None where the process is gone, or there is none to watch."""
        with self._reading:
            reading = self._probe.read(whole=whole) if self._probe else None
            if reading is not None:
                self.readings.append(reading)
                self._forget_older_scheduling()
                self._thin_out()
            return reading

    def _forget_older_scheduling(self) -> None:
        """Only the newest is asked for; of a thousand threads it is large."""
        recent = range(len(self.readings) - 1, max(-1, len(self.readings) - _RECENT), -1)
        for place in [place for place in recent if self.readings[place].scheduling is not None][1:]:
            self.readings[place] = replace(self.readings[place], scheduling=None)

    def _thin_out(self) -> None:
        """Keep the memory of a long run within bounds: every second reading goes, and fewer are taken from then on."""
        if len(self.readings) > _MOST_READINGS:
            del self.readings[1::2]
            self._interval_s *= 2

    def _watch(self) -> None:
        while not self._ended.wait(self._interval_s):
            self.look(whole=False)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # the engine may have put anything in its place
        return 0
