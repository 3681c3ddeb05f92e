"""Time as an argument: the system's clock here, a simulated one in tests."""

from __future__ import annotations

import time
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """What a vu needs of time."""

    def now_ns(self) -> int:
        """Nanoseconds of a monotonic clock."""

    def pause(self, duration_ns: int) -> None:
        """Wait; less than that where the run is being stopped."""


class SystemClock:
    """The monotonic clock of the system; its pauses end at once when `stop` is set.

    On Linux and macOS every process reads the same clock, so times of the engine process and of the tool compare.
    """

    def __init__(self, stop: Event) -> None:
        self.now_ns = time.perf_counter_ns
        self._stop = stop

    def pause(self, duration_ns: int) -> None:
        """Wait; less than that where the run is being stopped."""
        if duration_ns > 0:
            self._stop.wait(duration_ns / 1e9)
