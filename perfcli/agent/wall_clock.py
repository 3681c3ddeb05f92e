"""The wall clock of this process, moved by time-machine: what `datetime.now()` and `time.time()` answer.

Clocks that measure (`perf_counter`, `monotonic`) and that of SQLite stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from threading import Lock
from typing import Protocol

from perfcli.faults.inside import Clock


class _Traveller(Protocol):
    def time_ns(self) -> int: ...

    def shift(self, delta: timedelta) -> None: ...


class WallClock:
    """Moves the wall clock, within a block that makes it movable."""

    def __init__(self) -> None:
        self._traveller: _Traveller | None = None
        self._moving = Lock()

    @contextmanager
    def movable(self) -> Iterator[None]:
        """Have each reading of the wall clock look where it is moved to: 2 µs each.

        To be entered and left while no other thread reads it: time-machine's readings fail as it comes and goes.
        """
        # of the extra `faults`, which checks of types do without
        journey = import_module(Clock.package).travel(datetime.now(UTC))
        self._traveller = journey.start()
        # it stands still until it is read first
        self._traveller.time_ns()
        try:
            yield
        finally:
            self._traveller = None
            journey.stop()

    def move(self, by_ns: int) -> Callable[[], None]:
        """Move it, on top of other moves; return what takes that back."""
        self._shift(by_ns)
        return lambda: self._shift(-by_ns)

    def _shift(self, by_ns: int) -> None:
        assert self._traveller is not None, "the clock cannot be moved now"
        with self._moving:
            self._traveller.shift(timedelta(microseconds=by_ns // 1_000))
