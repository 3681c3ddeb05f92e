"""Deals jobs, and pairs of engines, out to machines; each takes the next one when it is done with one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from typing import Any, Final, Generic, TypeVar

from perfcli.ab.pairs import BothPlans, CountOutcome, PairOutcome
from perfcli.ab.side import Interrupted
from perfcli.errors import ExitCode, MachineLost, PerfError
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.results import MachineResult
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


def nobody_left(lost: Sequence[str]) -> PerfError:
    """What to raise with no machine left; `lost` as of a dealer."""
    return PerfError(f"no machine of the cluster is left: {'; '.join(lost)}", exit_code=ExitCode.INVALID)


class SpreadPairs:
    """Has all machines make pairs at the same time, until it is closed.

    Pairs are given in the order in which they were begun, so that which of them count does not hang on how long they
    take.

    Args:
        cpus: of each machine that each pair is given.
    """

    def __init__(
        self,
        runners: Sequence[RemoteRunner],
        plans: BothPlans,
        engines: tuple[EngineSource, EngineSource],
        cpus: int,
        stop: StopRequest,
    ) -> None:
        self._runners = runners
        self._stop = stop
        self._order = {
            "plans": [plan.model_dump(mode="json") for plan in plans],
            "engines": [runners[0].named(engine) for engine in engines],
            "cpus": cpus,
        }
        self._dealer: Dealer[str, PairOutcome] = Dealer(runners, self._make_on, stop)
        self._pairs = self._in_order()

    @property
    def machines(self) -> Sequence[MachineResult]:
        """Those that make pairs."""
        return [runner.machine.description.result(runner.machine.name) for runner in self._runners]

    @property
    def is_pinned(self) -> bool:
        """Whether all of them can hold both engines of a pair on the same CPUs."""
        return all(runner.machine.description.pins for runner in self._runners)

    def count(self, plan: ExecutionPlan, *, of_candidate: bool) -> CountOutcome:
        """Count what operations of one engine cost, on the first machine that answers."""
        order = {
            **self._order,
            "do": "count",
            "counted": plan.model_dump(mode="json"),
            "of_candidate": of_candidate,
        }
        return CountOutcome.read(self._anywhere(order))

    def make(self) -> PairOutcome:
        """The next pair.

        Raises:
            Interrupted: the comparison is being stopped.
            PerfError: no machine is left.
        """
        pair = next(self._pairs, None)
        if pair is not None:
            return pair
        if self._stop.reason:
            raise Interrupted
        raise nobody_left(self._dealer.lost)

    def problem_of_base_alone(self) -> str:
        """Why a pair of two bases cannot go on."""
        self.close()
        return str(self._anywhere({**self._order, "do": "pair of bases"}))

    def close(self) -> None:
        """Begin no more pairs, and wait for those that are being made."""
        self._pairs.close()
        self._dealer.wait()

    def _anywhere(self, order: dict[str, Any]) -> Any:
        lost = []
        for runner in self._runners:
            try:
                answer = runner.do(order)
            except MachineLost as error:
                lost.append(error.message)
                continue
            if answer is None:
                raise Interrupted
            return answer
        raise nobody_left(lost)

    def _make_on(self, runner: RemoteRunner, do: str) -> PairOutcome:
        answer = runner.do({**self._order, "do": do})
        if answer is None:
            raise Interrupted
        return PairOutcome.read({**answer, "machine": runner.machine.name})

    def _in_order(self) -> Generator[PairOutcome]:
        early: dict[int, PairOutcome] = {}
        number = 0
        for done in self._dealer.deal(repeat("pair")):
            early[done.number] = done.result
            while number in early:
                yield early.pop(number)
                number += 1
