"""Watches the engine processes from outside, so that watching costs the engine nothing and counts nothing of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event, Lock, Thread
from typing import Final, Protocol

from perfcli.readings import Reading

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
