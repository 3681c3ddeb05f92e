"""The faults of a plan that this engine process inflicts on itself, as the tool orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from threading import Lock
from types import TracebackType
from typing import cast

from perfcli.agent.channel import Channel
from perfcli.agent.sqlite_calls import SQLITE_WRITES
from perfcli.clock import Clock
from perfcli.errors import describe_error
from perfcli.faults import Lift
from perfcli.faults.inside import Inflicted, Inside, InsideFault
from perfcli.plan import ExecutionPlan
from perfcli.scenario.models import SimulatedAi
from perfcli.targets.protocol import Target
from perfcli.wire import BeginFault, FaultBegan, FaultEnded, FaultOrder, Message, NoFault


class ThisProcess:
    """This engine process, as far as faults reach.

    Args:
        ai: of its engine, as the scenario has it.
    """

    def __init__(self, target: Target, ai: SimulatedAi) -> None:
        self._target = target
        self._ai = ai

    def before_writes(self, act: Callable[[], int]) -> Lift:
        """Call `act` before each write of SQLite; an errno other than 0 fails the write.

        Raises:
            PerfError: SQLite's system calls cannot be replaced in this Python.
        """
        return SQLITE_WRITES.add(act)

    def change_ai(self, changes: Mapping[str, str], on_call: Callable[[], None]) -> Lift:
        """Have the engine's AI behave otherwise, and call `on_call` at each of its calls."""
        return self._target.change_ai(self._ai.model_copy(update=dict(changes)), on_call)


class InsideFaults:
    """Takes the tool's orders within a block, and lifts every fault at its end.

    A fault is reported before anything else is sent, so a sample that shows it never arrives before the report.
    """

    def __init__(self, plan: ExecutionPlan, process: int, channel: Channel, clock: Clock, engine: Inside) -> None:
        self._engine = engine
        self._plan = plan
        self._process = process
        self._channel = channel
        self._clock = clock
        self._on: dict[int, Inflicted] = {}
        self._changing = Lock()
        self._is_open = False

    def __enter__(self) -> None:
        self._is_open = True
        self._channel.obey(self._take)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._changing:
            self._is_open = False
            for number in list(self._on):
                self._end(number)

    def _take(self, order: FaultOrder) -> None:
        with self._changing:
            if isinstance(order, BeginFault):
                self._channel.send_as_it_happens(lambda: self._begin(order.number))
            elif order.number in self._on:
                self._end(order.number)

    def _begin(self, number: int) -> Message:
        if not self._is_open:
            return NoFault(self._process, number, "the load was over")
        fault = cast("InsideFault", self._plan.faults[number].fault)
        began_ns = self._clock.now_ns()
        try:
            draws = Random(f"{self._plan.seed}/fault/{number}/{self._process}")
            self._on[number] = fault.inflict_inside(self._engine, draws.random)
        except Exception as error:
            return NoFault(self._process, number, describe_error(error))
        return FaultBegan(self._process, number, began_ns)

    def _end(self, number: int) -> None:
        lift, hits = self._on.pop(number)

        def end() -> Message:
            lift()
            return FaultEnded(self._process, number, self._clock.now_ns(), hits.number)

        self._channel.send_as_it_happens(end)
