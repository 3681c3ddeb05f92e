"""Watches the engine processes from outside, so that watching costs the engine nothing and counts nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from threading import Event, Lock, Thread
from typing import Final, Protocol

from perfcli.cpus import Scheduling

# the kernel counts CPU time in ticks of 10 ms: shorter intervals would give figures made of one tick
_LEAST_CPU_INTERVAL_NS: Final = 100_000_000
_CPU_WINDOW_NS: Final = 500_000_000


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
    """Measured operations that the tool knew of by then."""
    fullest: tuple[int, int] | None = None
    """File descriptors, and how many there may be, of the process that is closest to its RLIMIT_NOFILE; if known."""
    scheduling: Scheduling | None = None
    """In whole readings and one reading a second; None if the system does not tell."""

    def earlier(self, by_ns: int) -> Reading:
        """The same reading by a clock that is behind."""
        scheduling = self.scheduling and replace(self.scheduling, at_ns=self.scheduling.at_ns - by_ns)
        return replace(self, at_ns=self.at_ns - by_ns, scheduling=scheduling)


def joined(readings: Sequence[Reading | None]) -> Reading | None:
    """Several processes that share one database: what each uses is added up; None if one is gone."""
    known = [reading for reading in readings if reading is not None]
    if len(known) < len(readings):
        return None
    first, *others = known
    if not others:
        return first
    return replace(
        first,
        rss=sum(r.rss for r in known),
        cpu_ns=sum(r.cpu_ns for r in known),
        threads=sum(r.threads for r in known),
        open_files=sum(r.open_files for r in known),
        fullest=max((r.fullest for r in known if r.fullest), key=lambda full: full[0] / full[1], default=None),
        uss=_added([r.uss for r in known]),
        read_bytes=_added([r.read_bytes for r in known]),
        written_bytes=_added([r.written_bytes for r in known]),
        scheduling=_joined([r.scheduling for r in known]),
    )


def _added(figures: Sequence[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def _joined(schedulings: Sequence[Scheduling | None]) -> Scheduling | None:
    known = [scheduling for scheduling in schedulings if scheduling is not None]
    return reduce(Scheduling.joined, known) if len(known) == len(schedulings) else None


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


def recent_cpu_use(readings: Sequence[Reading]) -> float | None:
    """The CPU use over the newest half second; None if there are too few readings yet."""
    if not readings:
        return None
    newest = readings[-1]
    since = next((each for each in reversed(readings) if newest.at_ns - each.at_ns >= _CPU_WINDOW_NS), readings[0])
    return cpu_use(since, newest)


INTERVAL_S: Final = 0.1
_RECENT: Final = 25
"""Readings among which the one before with scheduling is: they are ten a second at most."""

_MOST_READINGS: Final = 6_000


class Read(Protocol):
    """Takes a reading."""

    def __call__(self, *, whole: bool) -> Reading | None:
        """A reading, with USS if `whole`; None if the processes are gone, or out of sight."""


class Monitor:
    """Takes a reading every 100 ms in a thread of its own, after ten minutes less often, and one whenever asked.

    Args:
        operations: how many operations are known to be done; noted in each reading.
    """

    def __init__(self, read: Read, operations: Callable[[], int], interval_s: float = INTERVAL_S) -> None:
        self._read = read
        self._operations = operations
        self._interval_s = interval_s
        self._ended = Event()
        self._reading = Lock()
        self.readings: list[Reading] = []
        self._thread = Thread(target=self._watch, name="digipal-perf-monitor", daemon=True)

    def forget(self) -> None:
        """Drop what was read: it is another process that is watched from now on."""
        with self._reading:
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
        """Take a reading now; None if there is none to take."""
        with self._reading:
            reading = self._read(whole=whole)
            if reading is not None:
                reading = replace(reading, operations=self._operations())
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
