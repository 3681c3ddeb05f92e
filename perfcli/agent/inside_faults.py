"""The faults of a plan inside an engine process, as the tool orders them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from random import Random
from threading import Lock
from types import TracebackType
from typing import cast

from perfcli.agent.channel import Channel
from perfcli.agent.sqlite_calls import hit_writes
from perfcli.agent.strace import hit_traced_writes
from perfcli.agent.wall_clock import WallClock
from perfcli.errors import PerfError, describe_error
from perfcli.faults import Lift
from perfcli.faults.inside import Inflicted, InsideFault, WriteFault
from perfcli.plan import ExecutionPlan
from perfcli.targets.protocol import Surroundings
from perfcli.wire import BeginFault, EndFault, FaultBegan, FaultEnded, FaultOrder, FaultReport, NoFault


class ThisProcess:
    """This process and the engine in it, as far as faults reach.

    Args:
        there: what there is of the target.
    """

    def __init__(self, plan: ExecutionPlan, there: Surroundings) -> None:
        self._plan = plan
        self._there = there
        self._clock = WallClock()

    def movable_clock(self) -> AbstractContextManager[None]:
        """What is to surround the load, so that the clock can jump; costs nothing if no fault of the plan asks for it.

        To be entered and left while no thread of the engine reads the time.
        """
        return self._clock.movable() if any(fault.package for fault in self._plan.scenario.faults) else nullcontext()

    def hit_writes(self, fault: WriteFault, draw: Callable[[], float]) -> Inflicted:
        """Have it happen to writes of SQLite: through its own system calls, or else by strace.

        Raises:
            PerfError: neither is possible here.
        """
        try:
            return hit_writes(fault, draw)
        except PerfError as why_not:
            try:
                return hit_traced_writes(fault)
            except PerfError as error:
                raise PerfError(f"{why_not}; {error}") from error

    def change_ai(self, changes: Mapping[str, str], on_call: Callable[[], None]) -> Lift:
        """Have the engine's AI behave otherwise, and call `on_call` at each of its calls."""
        return self._there.change_ai(self._plan.scenario.engine.ai.model_copy(update=dict(changes)), on_call)

    def move_clock(self, by_ns: int) -> Lift:
        """Have the wall clock jump."""
        return self._clock.move(by_ns)

    def cut_connections(self) -> tuple[Lift, int]:
        """Reset all connections to the server, and refuse others; also return how many there were."""
        return self._there.cut()


class Inflictor:
    """Carries out orders in this process."""

    def __init__(self, plan: ExecutionPlan, process: int, now_ns: Callable[[], int], inside: ThisProcess) -> None:
        self._plan = plan
        self._process = process
        self._now_ns = now_ns
        self._inside = inside
        self._on: dict[int, Inflicted] = {}

    def obey(self, order: FaultOrder) -> FaultReport:
        """Do it at once; raises KeyError if a fault is to end that is not there."""
        return self._begin(order.number) if isinstance(order, BeginFault) else self._end(order.number)

    def _begin(self, number: int) -> FaultReport:
        began_ns = self._now_ns()
        try:
            draws = Random(f"{self._plan.seed}/fault/{number}/{self._process}")
            self._on[number] = self._fault(number).inflict_inside(self._inside, draws.random)
        except Exception as error:
            return NoFault(self._process, number, describe_error(error))
        return FaultBegan(self._process, number, began_ns)

    def _end(self, number: int) -> FaultReport:
        lift, hits = self._on.pop(number)
        try:
            if not self._fault(number).stays:
                lift()
        except PerfError as error:
            return NoFault(self._process, number, str(error))
        return FaultEnded(self._process, number, self._now_ns(), None if hits is None else hits.number)

    def _fault(self, number: int) -> InsideFault:
        return cast("InsideFault", self._plan.faults[number].fault)


class FaultOrders:
    """Takes the tool's orders within a block, and has every fault lifted at its end.

    A fault is reported before anything else is sent, so a sample that shows it never arrives before the report.

    Args:
        obey: carries out an order where the engine is.
    """

    def __init__(self, process: int, channel: Channel, obey: Callable[[FaultOrder], FaultReport]) -> None:
        self._process = process
        self._channel = channel
        self._obey = obey
        self._on: set[int] = set()
        self._changing = Lock()
        self._is_open = False

    def __enter__(self) -> None:
        self._is_open = True
        self._channel.obey(self._take)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._changing:
            self._is_open = False
            for number in sorted(self._on):
                self._channel.send_as_it_happens(partial(self._obey, EndFault(number)))
            self._on.clear()

    def _take(self, order: FaultOrder) -> None:
        with self._changing:
            if isinstance(order, BeginFault):
                self._channel.send_as_it_happens(partial(self._begin, order))
            elif order.number in self._on:
                self._on.remove(order.number)
                self._channel.send_as_it_happens(partial(self._obey, order))

    def _begin(self, order: BeginFault) -> FaultReport:
        if not self._is_open:
            return NoFault(self._process, order.number, "the load was over")
        report = self._obey(order)
        if isinstance(report, FaultBegan):
            self._on.add(order.number)
        return report
