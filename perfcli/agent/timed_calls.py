"""Calls that may take so long and no longer: done by a thread that can be left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from threading import Barrier, Thread
from typing import Any, Final, NamedTuple, Protocol

from perfcli import units
from perfcli.errors import UsageError
from perfcli.targets.protocol import EngineGone

MOST_STUCK: Final = 100
"""Calls that may hang at once, in the whole process."""


class TimedOut(TimeoutError):  # noqa: N818 an outcome of an operation, as others are
    """A call took longer than it may."""


class _Done(NamedTuple):
    start_ns: int
    end_ns: int
    answer: Any
    error: BaseException | None


_Order = tuple[Callable[..., Any], tuple[Any, ...]]


class CallThread(Thread):
    """Does one call after another, until it is dismissed."""

    def __init__(self, name: str, now_ns: Callable[[], int], stuck: set[Thread]) -> None:
        super().__init__(name=name, daemon=True)
        self.orders: SimpleQueue[_Order | None] = SimpleQueue()
        self.done: SimpleQueue[_Done] = SimpleQueue()
        self._now_ns = now_ns
        self._stuck = stuck

    def run(self) -> None:
        """Work; what a call raises is given back like an answer."""
        while self._carry_out(self.orders.get()):
            pass
        self._stuck.discard(self)

    def _carry_out(self, order: _Order | None) -> bool:
        if order is not None:
            self.done.put(self._do(*order))
        return order is not None

    def _do(self, invoke: Callable[..., Any], arguments: tuple[Any, ...]) -> _Done:
        now_ns = self._now_ns
        start_ns = now_ns()
        try:
            answer = invoke(*arguments)
            end_ns = now_ns()
        except BaseException as error:
            # an engine may raise anything, SystemExit too: it is the operation's failure
            return _Done(start_ns, now_ns(), None, error)
        return _Done(start_ns, end_ns, answer, None)


class TimedCaller:
    """Does the calls of one vu in a thread; leaves a thread behind if its call does not return in time.

    Args:
        name: what the threads are called.
        stuck: threads whose calls have not returned; one set for all vus of the process.
        now_ns: the clock, read right before and right after the call, by the thread that does it.
    """

    def __init__(self, name: str, stuck: set[Thread], now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self.start_ns = 0
        """When the last call began."""

        self.end_ns = 0
        """When it was over, or given up."""

        self._name = name
        self._stuck = stuck
        self._now_ns = now_ns
        self._hand = self._new_hand()

    @property
    def thread(self) -> Thread:
        """The thread that does the next call."""
        return self._hand

    def do(self, invoke: Callable[..., Any], arguments: tuple[Any, ...], timeout_ns: int) -> tuple[int, int, Any]:
        """Call, and wait at most so long; `start_ns` and `end_ns` hold the times however this ends.

        Returns:
            When the call began, when it was over (both in ns), and its answer.

        Raises:
            BaseException: what the call raised.
            TimedOut: it took longer than `timeout_ns`, or still does.
            EngineGone: too many calls have not returned.
        """
        self.start_ns = self._now_ns()
        self._hand.orders.put((invoke, arguments))
        done = self._await(timeout_ns)
        if done is None:
            self.end_ns = self._now_ns()
            self._leave_behind()
            raise _timed_out(timeout_ns)
        self.start_ns, self.end_ns, answer, error = done
        try:
            if self.end_ns - self.start_ns > timeout_ns:
                raise _timed_out(timeout_ns)
            if error is not None:
                raise error
        finally:
            # no circle from the error through its traceback back to the error
            del done, error
        return self.start_ns, self.end_ns, answer

    def _await(self, timeout_ns: int) -> _Done | None:
        try:
            return self._hand.done.get(timeout=timeout_ns / 1e9)
        except Empty:
            pass
        try:
            # it may have come between the end of waiting and now
            return self._hand.done.get_nowait()
        except Empty:
            return None

    def _leave_behind(self) -> None:
        self._stuck.add(self._hand)
        # should the call return one day, its thread then ends
        self._hand.orders.put(None)
        if len(self._stuck) >= MOST_STUCK:
            raise EngineGone(f"{MOST_STUCK} calls have not returned: the engine is hung")
        self._hand = self._new_hand()

    def _new_hand(self) -> CallThread:
        hand = CallThread(self._name, self._now_ns, self._stuck)
        try:
            hand.start()
        except RuntimeError as error:
            raise EngineGone(f"no thread is left for another call, {len(self._stuck)} hang: {error}") from error
        return hand


def _timed_out(timeout_ns: int) -> TimedOut:
    return TimedOut(f"no answer within {units.format_duration(timeout_ns)}")


class Threads(Protocol):
    """Runs the vus of a session."""

    stuck: set[Thread]
    """Threads that calls with a timeout were left behind in."""

    def run(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Do all jobs at once, each in a thread of its own; raise what one of them raised."""

    def timed_caller(self, name: str) -> TimedCaller:
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
            raise UsageError(f"this system refuses {vus} threads in one process: {error}") from error

    def run(self, jobs: Sequence[Callable[[], object]]) -> None:
        """Do all jobs at once, each in a thread of its own; raise what one of them raised."""
        futures = [self._executor.submit(job) for job in jobs]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()

    def timed_caller(self, name: str) -> TimedCaller:
        """What does the calls of one vu that have a timeout."""
        return TimedCaller(name, self.stuck)
