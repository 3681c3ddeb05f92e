"""Time as an argument: the system's clock here, a simulated one in tests; and the time in which this process ran."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    import subprocess
    from typing import Any


class Clock(Protocol):
    """What a vu needs of time."""

    def now_ns(self) -> int:
        """Nanoseconds of a monotonic clock."""

    def pause(self, duration_ns: int) -> None:
        """Wait; less than that where the run is being stopped."""

    def time_reference_ns(self) -> int:
        """What the reference kernel takes now."""


class StopSignal:
    """Set once, when a run is being stopped. Vus look at `asked` before every iteration, so it is a mere attribute."""

    __slots__ = ("_event", "asked")

    def __init__(self) -> None:
        self.asked = False
        self._event = Event()

    def set(self) -> None:
        """Stop."""
        self.asked = True
        self._event.set()

    def wait(self, duration_s: float) -> None:
        """Wait that long, or until it is set."""
        self._event.wait(duration_s)


class SystemClock:
    """The monotonic clock of the system; its pauses end at once when `stop` is set.

    On Linux and macOS every process reads the same clock, so times of the engine process and of the tool compare.
    """

    def __init__(self, stop: StopSignal) -> None:
        self.now_ns = time.perf_counter_ns
        self._stop = stop

    def pause(self, duration_ns: int) -> None:
        """Wait; less than that where the run is being stopped."""
        if duration_ns > 0:
            self._stop.wait(duration_ns / 1e9)

    def time_reference_ns(self) -> int:
        """The shortest of three runs: what else the machine did meanwhile is in the longer ones."""
        return min(self._time_kernel() for _ in range(3))

    def _time_kernel(self) -> int:
        began_ns = self.now_ns()
        reference_kernel()
        return self.now_ns() - began_ns


_DOCUMENT: Final = {"pet": "user-1", "attributes": {"energy": 71, "happiness": 64}, "history": list(range(24))}


def reference_kernel() -> int:
    """A fixed piece of work of the kind an engine does, JSON and dictionaries without I/O: some 20 µs.

    What it takes says how fast the machine is just now; it must never change, as results are compared in units of it.
    """
    text = json.dumps(_DOCUMENT)
    document = json.loads(text)
    counts: dict[int, int] = {}
    for number in document["history"]:
        counts[number % 7] = counts.get(number % 7, 0) + number
    return len(text) + sum(counts.values())


LONGEST_STEP_NS: Final = 1_000_000_000
"""A process that watches a limit looks at the clock more often than this, while it runs."""

SPOILS_NS: Final = 2_000_000_000
"""A load that stood still for so long, while the tool did, is not the one that was planned."""

_LOOK_INTERVAL_S: Final = 0.02


class Stop(NamedTuple):
    """A time in which a process did not run, by the monotonic clock."""

    began_ns: int
    ended_ns: int


class RunningTime:
    """A clock that stands still while this process is stopped; to be asked several times a second.

    After a stop (SIGSTOP, Ctrl-Z, a virtual machine that stands still) the monotonic clock is far ahead, and nothing
    that others did meanwhile has been looked at. The sleep of a laptop is no such case: the monotonic clock of Linux
    and macOS stands still in it.
    """

    def __init__(self, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._now_ns = now_ns
        self._seen_ns = now_ns()
        self._ran_ns = 0
        self.stops: list[Stop] = []
        """The times between two looks that were too long for a process that runs."""

    def elapsed_s(self) -> float:
        """Seconds this process ran since this was made; a stop counts as LONGEST_STEP_NS."""
        now_ns = self._now_ns()
        if now_ns - self._seen_ns > LONGEST_STEP_NS:
            self.stops.append(Stop(self._seen_ns, now_ns))
        self._ran_ns += min(now_ns - self._seen_ns, LONGEST_STEP_NS)
        self._seen_ns = now_ns
        return self._ran_ns / 1e9


def await_exit(process: subprocess.Popen[Any], limit_s: float) -> int | None:
    """The exit code of a process; None if it still runs after this time."""
    running = RunningTime()
    while (code := process.poll()) is None and running.elapsed_s() < limit_s:
        time.sleep(_LOOK_INTERVAL_S)
    return code
