"""Time in which this process ran: limits of what others may take count no other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import subprocess
    from typing import Any

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
