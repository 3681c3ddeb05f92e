"""Engine processes of this machine: what the tool can do with one, and the pools that start them, fresh or forked."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from perfcli.agent.template import Descriptors, Order
from perfcli.cpus import pin
from perfcli.errors import PerfError
from perfcli.line import Line, open_line
from perfcli.monitor import Reading
from perfcli.plan import ExecutionPlan
from perfcli.pool import cleanup
from perfcli.pool.database import LocalDatabase, local_database
from perfcli.pool.probe import ProcessProbe
from perfcli.pool.protocol import EngineClock
from perfcli.pool.supervised import Output, SupervisedProcess, start_supervised
from perfcli.pool.template import Template
from perfcli.recorder import BEGUN, Begun, begun_calls
from perfcli.results import Environment
from perfcli.results.observed import MachineResult

_OUTPUT: Final = "output.txt"
AGENT: Final = "perfcli.agent.engine_process"
_COUNTING_AGENT: Final = "perfcli.agent.counting_process"


class Post(NamedTuple):
    """Where an agent works, and what it is to know."""

    arguments: list[str]
    """All but the first, the number of its end of the line."""
    working_directory: Path
    output: Output
    module: str = ""
    """What it imports in any case: a forked process has it loaded already."""


Begin = Callable[[int, Post], SupervisedProcess]
"""Starts an agent that talks over this descriptor of a line."""


class EngineProcess:
    """A running agent, out of reach of a Ctrl-C in the terminal.

    Args:
        begin: how its processes are started.
        prepare: lays ready what the agent of this incarnation needs.
    """

    line: Line
    lost = ""

    def __init__(self, begin: Begin, prepare: Callable[[int], Post], database: LocalDatabase) -> None:
        self._begin = begin
        self._prepare = prepare
        self.database = database
        self.clock = EngineClock(is_shared=True)
        self.incarnation = 0
        self._printed_bytes_before = 0
        self._left: list[str] = []
        self._start()

    def _start(self) -> None:
        post = self._prepare(self.incarnation)
        self.line, theirs = open_line()
        self._output = post.output
        self._begun = post.working_directory.with_name(BEGUN)
        self._is_killed = False
        try:
            with theirs:
                self._process = self._begin(theirs.fileno(), post)
        except BaseException:
            self.line.close()
            self._output.close()
            raise
        self._groups = [self._process.pid]
        self._probe: ProcessProbe | None = ProcessProbe(self._process.pid, self.database.path)

    def readings(self, *, whole: bool = False) -> Reading | None:
        """What it holds and uses now, with USS if `whole`; None if it is gone or out of sight."""
        probe = self._probe
        return probe.read(whole=whole) if probe else None

    def lives_in(self, process: int | None) -> None:
        """Have another process, which this one started in a session of its own, stand still and end with it."""
        self._probe = None
        if process is not None:
            cleanup.register_group(process)
            self._groups.append(process)
            self._process.own(process)
            self._probe = ProcessProbe(process, self.database.path)

    def note_children(self) -> None:
        """Remember the processes it has started, so that they end with it on systems that do not lead to orphans."""
        self._process.look()

    def pin(self, cpus: Sequence[int]) -> None:
        """Have it and all below it run on these CPUs alone; nothing happens to one that is gone."""
        with suppress(OSError, psutil.Error):
            pin(self._process.pid, cpus)

    def halt(self) -> None:
        """Have it stand still, with all its threads and what it started, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for group in self._groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def end_by_signal(self, number: signal.Signals) -> None:
        """Send a signal to it and what it started, which may end them; what they leave running is then not their fault.

        No harm where it has ended.
        """
        self._is_killed = True
        self._signal(number)
        # one that stands still takes no other signal than SIGKILL
        self._signal(signal.SIGCONT)

    def begun_calls(self) -> Sequence[Begun]:
        """The calls that each vu of the plan had begun in its last load; empty unless it is to be killed."""
        return begun_calls(self._begun)

    def is_stopped(self) -> bool:
        """Whether somebody else has it, or what it started, stand still."""
        with suppress(psutil.Error):
            agent = psutil.Process(self._process.pid)
            return any(each.status() == psutil.STATUS_STOPPED for each in (agent, *agent.children(recursive=True)))
        return False

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code (negative: the signal that ended it); None where it still runs after that time."""
        return self._process.wait(timeout_s)

    def bound_output(self) -> None:
        """Keep what it prints from filling the disk."""
        self._output.bound()

    def printed_bytes(self) -> int:
        """How much it printed, with those it replaced."""
        return self._printed_bytes_before + self._output.printed_bytes()

    def output(self) -> str:
        """The end of what it printed."""
        return self._output.end()

    def end(self) -> None:
        """End it now, with everything it started."""
        left = self._process.end()
        self._left += [] if self._is_killed else left
        for group in self._groups:
            cleanup.end_group(group)
        self.line.close()
        self._output.close()

    def leftovers(self) -> Sequence[str]:
        """The processes that it, and those it replaced, left running."""
        return self._left

    def replace(self) -> None:
        """End it, and start the next incarnation on the same database, with a line of its own."""
        self.end()
        self._printed_bytes_before += self._output.printed_bytes()
        self.incarnation += 1
        self._start()


class LocalPool:
    """Starts engine processes on this machine.

    Args:
        engine: the directory to import the engine from.
        begin: how each is started; as a fresh interpreter, by default.
    """

    def __init__(self, engine: Path, begin: Begin | None = None) -> None:
        self._engine = engine
        self._begin = begin or fresh(AGENT)

    machines: Sequence[MachineResult] = ()
    environment: Environment | None = None

    def for_counting(self) -> LocalPool:
        """Starts processes that count what operations cost: fresh interpreters that order sets alike."""
        return LocalPool(self._engine, fresh(_COUNTING_AGENT, {"PYTHONHASHSEED": "0"}))

    def make_database(self) -> AbstractContextManager[LocalDatabase]:
        """A place for the database of a run, and for what its processes need; removed at the end."""
        return local_database(self._engine)

    def start(self, plan: ExecutionPlan, database: LocalDatabase, process: int = 0) -> EngineProcess:
        """Start the engine process of this number on the database of all of them."""

        def prepare(incarnation: int) -> Post:
            """Lay ready what an agent needs."""
            place = database.make_place(f"engine-{process}" + (f"-{incarnation}" if incarnation else ""))
            plan_file = place / "plan.json"
            plan_file.write_text(plan.model_dump_json(), encoding="utf-8")
            working_directory = place / "cwd"
            working_directory.mkdir()
            output = Output(place / _OUTPUT)
            database.note_given(place)
            arguments = [str(plan_file), str(database.path), str(process), str(incarnation), str(self._engine)]
            return Post(arguments, working_directory, output, plan.scenario.target.preloadable)

        return EngineProcess(self._begin, prepare, database)


def fresh(agent: str, variables: Mapping[str, str] = {}) -> Begin:
    """Starts a fresh interpreter that calls `main` of this module, with these variables in its environment."""

    def begin(line: int, post: Post) -> SupervisedProcess:
        return start_supervised(
            agent,
            [str(line), *post.arguments],
            working_directory=post.working_directory,
            variables=variables,
            output=post.output.fileno(),
            line=line,
        )

    return begin


def forked(template: Template) -> Begin:
    """Starts agents by forking them from a template, each under a supervisor of its own.

    Raises:
        PerfError: the template has died; once an agent is to be started.
    """

    def begin(line: int, post: Post) -> SupervisedProcess:
        ours, theirs = socket.socketpair()
        order = Order(post.arguments, str(post.working_directory), cleanup.scratch_directories(), post.module)
        try:
            with theirs:
                template.order(order, Descriptors(line, theirs.fileno(), post.output.fileno()))
            return SupervisedProcess(ours)
        except (EOFError, OSError) as error:
            ours.close()
            raise PerfError(
                "the process that forks engine processes has died",
                hint="see its output above. Without output it was killed, perhaps for lack of memory",
            ) from error

    return begin
