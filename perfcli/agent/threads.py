"""Where vus run: threads of the engine process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Barrier, Thread
from typing import Protocol

from perfcli.agent.timed_calls import TimedCaller
from perfcli.errors import UsageError


class Threads(Protocol):
    """Runs the vus of a session."""

    stuck: set[Thread]
    """Threads that calls with a timeout were left behind in."""

    def run(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Do all jobs at once, each in a thread of its own; raise what one of them raised."""

    def hands(self, name: str) -> TimedCaller:
        """What does the calls of one vu that have a timeout."""


class SystemThreads:
    """Threads of this process, all started here, so that their memory is not taken for the engine's."""

    def __init__(self, vus: int) -> None:
        self.stuck: set[Thread] = set()
        self._executor = ThreadPoolExecutor(vus, thread_name_prefix="vu")
        barrier = Barrier(vus)
        try:
            self.run([barrier.wait] * vus)
        except RuntimeError as error:
            barrier.abort()
            raise UsageError(f"this system does not let a process have {vus} threads: {error}") from error

    def run(self, jobs: Sequence[Callable[[], object]]) -> None:
        """Do all jobs at once, each in a thread of its own; raise what one of them raised."""
        futures = [self._executor.submit(job) for job in jobs]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()

    def hands(self, name: str) -> TimedCaller:
        """What does the calls of one vu that have a timeout."""
        return TimedCaller(name, self.stuck)
