"""Engine processes: what the tool can do with one, and a pool that starts each as a fresh interpreter."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from perfcli.line import Line, open_line
from perfcli.plan import ExecutionPlan
from perfcli.pool import cleanup
from perfcli.pool.interpreter import engine_environment
from perfcli.pool.output import Output
from perfcli.pool.supervised import SupervisedProcess, start_supervised

_OUTPUT: Final = "output.txt"
AGENT: Final = "perfcli.agent.engine_process"


class EngineProcess:
    """A running agent, out of reach of a Ctrl-C in the terminal.

    Args:
        line: to talk to it.
        output: what it prints into.
    """

    def __init__(self, process: SupervisedProcess, line: Line, output: Output) -> None:
        self._process = process
        self.pid = process.pid
        self.line = line
        self.wait = process.wait
        self.note_children = process.look
        self.printed_bytes = output.printed_bytes
        self.output = output.end
        self.bound_output = output.bound
        self._output = output
        self._groups = [process.pid]
        self._left: list[str] = []

    def adopt(self, pid: int) -> None:
        """Have another process, which this one started in a session of its own, stand still and end with it."""
        cleanup.register_group(pid)
        self._groups.append(pid)
        self._process.own(pid)

    def halt(self) -> None:
        """Have it stand still, with all its threads and what it started, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def is_stopped(self) -> bool:
        """Whether somebody else has it, or what it started, stand still."""
        with suppress(psutil.Error):
            agent = psutil.Process(self.pid)
            return any(each.status() == psutil.STATUS_STOPPED for each in (agent, *agent.children(recursive=True)))
        return False

    def _signal(self, number: signal.Signals) -> None:
        for group in self._groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def leftovers(self) -> Sequence[str]:
        """The processes it left running."""
        return self._left

    def kill(self) -> None:
        """End it now, with everything it started."""
        self._left = self._process.end()
        for group in self._groups:
            cleanup.end_group(group)
        self.line.close()
        self._output.close()


class ProcessPool:
    """Starts engine processes on this machine, each a fresh interpreter.

    Args:
        engine: the directory to import the engine from.
    """

    def __init__(self, engine: Path) -> None:
        self._engine = engine

    def start(self, plan: ExecutionPlan, directory: Path, database: Path, process: int) -> EngineProcess:
        """Start the one of this number, with `directory` as its own and `database` as the database of all of them."""
        post = prepare(plan, directory, database, process, self._engine)
        line, theirs = open_line()
        with theirs:
            started = start_supervised(
                AGENT,
                [str(theirs.fileno()), *post.arguments],
                working_directory=post.working_directory,
                environment=engine_environment(),
                output=post.output.fileno(),
                line=theirs.fileno(),
            )
        return EngineProcess(started, line, post.output)


class Post(NamedTuple):
    """Where an agent works, and what it is told."""

    arguments: list[str]
    """All but the first, the number of its end of the line."""
    working_directory: Path
    output: Output


def prepare(plan: ExecutionPlan, directory: Path, database: Path, process: int, engine: Path) -> Post:
    """Lay ready in `directory` what an agent needs."""
    plan_file = directory / "plan.json"
    plan_file.write_text(plan.model_dump_json(), encoding="utf-8")
    working_directory = directory / "cwd"
    working_directory.mkdir()
    arguments = [str(plan_file), str(database), str(process), str(engine)]
    return Post(arguments, working_directory, Output(directory / _OUTPUT))
