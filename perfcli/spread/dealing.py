"""Deals jobs out to machines: each does one at a time, and takes the next one when it is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from typing import Final, Generic, TypeVar

from perfcli.errors import MachineLost
from perfcli.run.supervision import StopRequest
from perfcli.spread.remote_runner import RemoteRunner

J = TypeVar("J")
R = TypeVar("R")

_TICK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """A job that was done."""

    number: int
    """Its place among the jobs."""

    result: R
    runner: RemoteRunner


@dataclass(frozen=True, slots=True)
class _Left:
    """A machine takes no more jobs."""

    error: BaseException | None


class Dealer(Generic[J, R]):
    """Hands jobs out in their order, and gives what comes of them in the order in which it comes.

    A machine that is lost while it does nothing takes no more jobs. Any other exception of a job ends all.

    Args:
        do: does a job on a machine; called in a thread of each machine.
        tick: called in the caller's thread, several times a second.
    """

    def __init__(
        self,
        runners: Sequence[RemoteRunner],
        do: Callable[[RemoteRunner, J], R],
        stop: StopRequest,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._runners = runners
        self._do = do
        self._stop = stop
        self._tick = tick
        self._changed = Condition()
        self._in_flight = 0
        self._threads: list[Thread] = []
        self._events: SimpleQueue[Done[R] | _Left] = SimpleQueue()
        self._is_over = False
        self._waiting: Iterator[tuple[int, J]] = iter(())
        self._again: deque[tuple[int, J]] = deque()
        self.lost: list[str] = []
        """The machines that are gone, in words."""

    def deal(self, jobs: Iterable[J]) -> Iterator[Done[R]]:
        """Have all jobs done; after a stop, or with no machine left, none is begun."""
        self._waiting = enumerate(jobs)
        self._threads = [Thread(target=self._work, args=(runner,), daemon=True) for runner in self._runners]
        for thread in self._threads:
            thread.start()
        working = len(self._threads)
        try:
            while working:
                self._tick()
                with suppress(Empty):
                    event = self._events.get(timeout=_TICK_S)
                    if isinstance(event, Done):
                        yield event
                        continue
                    working -= 1
                    if event.error:
                        raise event.error
        finally:
            self._is_over = True

    def wait(self) -> None:
        """Wait for what is still being done, once `deal` is over."""
        for thread in self._threads:
            thread.join()

    def _work(self, runner: RemoteRunner) -> None:
        job: tuple[int, J] | None = None
        try:
            while job := self._next():
                self._events.put(Done(job[0], self._do(runner, job[1]), runner))
                self._finish()
        except MachineLost as error:
            self.lost.append(error.message)
            self._finish(job)
            self._events.put(_Left(None))
        except BaseException as error:
            self._finish()
            self._events.put(_Left(error))
        else:
            self._events.put(_Left(None))

    def _next(self) -> tuple[int, J] | None:
        """The next job; as long as others work, one of theirs may have to be done again."""
        with self._changed:
            while not (self._is_over or self._stop.reason):
                job = self._again.popleft() if self._again else next(self._waiting, None)
                if job:
                    self._in_flight += 1
                    return job
                if not self._in_flight:
                    return None
                self._changed.wait(_TICK_S)
        return None

    def _finish(self, again: tuple[int, J] | None = None) -> None:
        with self._changed:
            self._in_flight -= 1
            if again:
                self._again.append(again)
            self._changed.notify_all()
