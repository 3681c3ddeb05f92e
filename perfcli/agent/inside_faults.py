"""The faults of a plan inside an engine process, or inside its MCP server, as the tool orders them."""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from socket import AF_UNIX, socket
from threading import Lock, Thread
from types import TracebackType
from typing import Protocol, cast

from perfcli.agent.channel import Channel
from perfcli.agent.system_calls import hit_traced_writes, hit_writes
from perfcli.errors import PerfError, describe_error
from perfcli.faults import Lift
from perfcli.faults.inside import Clock, Inflicted, InsideFault, WriteFault
from perfcli.line import Line
from perfcli.plan import ExecutionPlan
from perfcli.targets.protocol import Surroundings
from perfcli.wire import BeginFault, EndFault, FaultBegan, FaultEnded, FaultOrder, FaultReport, NoFault


class _Traveller(Protocol):
    def time_ns(self) -> int: ...

    def shift(self, delta: timedelta) -> None: ...


class ThisProcess:
    """This process and the engine in it, as far as faults reach.

    Args:
        there: what there is of the target.
    """

    def __init__(self, plan: ExecutionPlan, there: Surroundings) -> None:
        self._plan = plan
        self._there = there
        self._traveller: _Traveller | None = None
        self._moving = Lock()

    @contextmanager
    def movable_clock(self) -> Iterator[None]:
        """Surrounds the load, so that the wall clock can jump; costs nothing if no fault of the plan asks for it.

        Each reading of `datetime.now()` and `time.time()` then takes 2 µs more, and fails as time-machine comes and
        goes: enter and leave while no thread of the engine reads the time. `perf_counter`, `monotonic` and SQLite's
        clock stay as they are.
        """
        if not any(fault.package for fault in self._plan.scenario.faults):
            yield
            return
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
        """Have the wall clock jump, on top of other jumps."""
        self._shift_clock(by_ns)
        return lambda: self._shift_clock(-by_ns)

    def _shift_clock(self, by_ns: int) -> None:
        assert self._traveller is not None, "the clock cannot be moved now"
        with self._moving:
            self._traveller.shift(timedelta(microseconds=by_ns // 1_000))

    def cut_connections(self) -> tuple[Lift, int]:
        """Reset all connections to the server, and refuse others; also return how many there were."""
        return self._there.cut()


@dataclass
class Inflictor:
    """Carries out orders in this process."""

    plan: ExecutionPlan
    process: int
    now_ns: Callable[[], int]
    inside: ThisProcess
    _on: dict[int, Inflicted] = field(default_factory=dict)

    def obey(self, order: FaultOrder) -> FaultReport:
        """Do it at once; raises KeyError if a fault is to end that is not there."""
        return self._begin(order.number) if isinstance(order, BeginFault) else self._end(order.number)

    def _begin(self, number: int) -> FaultReport:
        began_ns = self.now_ns()
        try:
            draws = Random(f"{self.plan.seed}/fault/{number}/{self.process}")
            self._on[number] = self._fault(number).inflict_inside(self.inside, draws.random)
        except Exception as error:
            return NoFault(self.process, number, describe_error(error))
        return FaultBegan(self.process, number, began_ns)

    def _end(self, number: int) -> FaultReport:
        lift, hits = self._on.pop(number)
        try:
            if not self._fault(number).stays:
                lift()
        except PerfError as error:
            return NoFault(self.process, number, str(error))
        return FaultEnded(self.process, number, self.now_ns(), None if hits is None else hits.number)

    def _fault(self, number: int) -> InsideFault:
        return cast("InsideFault", self.plan.faults[number].fault)


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


def host_server(arguments: Sequence[str]) -> None:
    """Run the engine's MCP server in this process, and obey orders of the agent's meanwhile.

    Args:
        arguments: `CONTROL PLAN PROCESS -m MODULE …`, as `perfcli.targets.mcp_server` gives them.
    """
    # imports the engine, which an agent must not do yet
    from perfcli.targets.simulated_ai import watch_ai

    control, plan_file, process, _, module, *rest = arguments
    plan = ExecutionPlan.model_validate_json(Path(plan_file).read_text(encoding="utf-8"), strict=False)
    end = socket(AF_UNIX)
    end.connect(control)
    inside = ThisProcess(plan, Surroundings(watch_ai()))
    inflictor = Inflictor(plan, int(process), time.perf_counter_ns, inside)
    Thread(target=_obey, args=(Line(end), inflictor), daemon=True).start()
    sys.argv = [module, *rest]
    # the clock goes back when this process ends
    with inside.movable_clock():
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def _obey(line: Line, inflictor: Inflictor) -> None:
    # the agent is gone, and ends this process
    with suppress(EOFError, OSError):
        while isinstance(order := line.receive(), BeginFault | EndFault):
            line.send(inflictor.obey(order))
