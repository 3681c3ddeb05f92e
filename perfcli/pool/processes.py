"""Engine processes: what the tool can do with one, and a pool that starts each as a fresh interpreter."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

import psutil

import perfcli
from perfcli.plan import ExecutionPlan
from perfcli.pool import leftovers

_MOST_OUTPUT_BYTES: Final = 4_000
_SENT_AHEAD_BYTES: Final = 4 * 2**20
_OUTPUT: Final = "output.txt"
_TO_BE_GONE_S: Final = 60.0


class EngineProcess:
    """A running agent, in a session of its own: a Ctrl-C in the terminal does not reach it.

    Args:
        connection: the line to it.
        output: the file that it prints into.
        wait: gives its exit code, negative for the signal that ended it; None where it still runs after so many s.
    """

    def __init__(self, pid: int, connection: Connection, output: Path, wait: Callable[[float], int | None]) -> None:
        leftovers.register_group(pid)
        self.pid = pid
        self.connection = connection
        self.wait = wait
        self._output = output
        self._groups = [pid]
        self._children: set[psutil.Process] = set()
        self._left: list[str] = []

    def adopt(self, pid: int) -> None:
        """Have another process, which this one started in a session of its own, end with it."""
        leftovers.register_group(pid)
        self._groups.append(pid)

    def note_children(self) -> None:
        """Remember the processes it has started, so that they end with it even where they leave its group."""
        with suppress(psutil.Error):
            self._children.update(psutil.Process(self.pid).children(recursive=True))

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

    def leftovers(self) -> str:
        """What it left running, in words; "" for nothing."""
        return f"the engine left processes running, which were ended: {', '.join(self._left)}" if self._left else ""

    def kill(self) -> None:
        """End it now, with everything it started."""
        self.note_children()
        strays = [child for child in self._children if child.pid not in self._groups]
        if self.wait(0) is not None:
            # it has ended by itself, in good order or not: whoever still runs was left by it
            self._left += [name for child in strays if (name := _name_of_running(child))]
        for group in self._groups:
            leftovers.end_group(group)
        self.wait(_TO_BE_GONE_S)
        for child in strays:
            with suppress(psutil.Error):
                child.kill()  # checks that the pid is still this process's
        self.connection.close()

    def printed_bytes(self) -> int:
        """How much it printed."""
        return self._output.stat().st_size

    def output(self) -> str:
        """The end of what it printed."""
        with self._output.open("rb") as file:
            file.seek(max(0, self._output.stat().st_size - _MOST_OUTPUT_BYTES))
            return file.read().decode(errors="replace").strip()


def _name_of_running(process: psutil.Process) -> str:
    """Its name; "" where it has ended."""
    with suppress(psutil.Error):
        return process.name() if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else ""
    return ""


class ProcessPool:
    """Starts engine processes on this machine, each a fresh interpreter.

    Args:
        engine: the directory to import the engine from, where it is not the one this tool came with.
    """

    def __init__(self, engine: Path | None = None) -> None:
        self._engine = engine

    def start(self, plan: ExecutionPlan, directory: Path, database: Path, process: int) -> EngineProcess:
        """Start the one of this number, with `directory` as its own and `database` as the database of all of them."""
        post = prepare(plan, directory, database, process, self._engine)
        ours, theirs = line()
        with theirs, post.output.open("wb") as output:
            started = subprocess.Popen(
                [sys.executable, "-m", "perfcli.agent", str(theirs.fileno()), *post.arguments],
                cwd=post.working_directory,
                env=engine_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        def wait(timeout_s: float) -> int | None:
            try:
                return started.wait(timeout_s)
            except subprocess.TimeoutExpired:
                return None

        return EngineProcess(started.pid, Connection(ours.detach()), post.output, wait)


class Post(NamedTuple):
    """Where an agent works, and what it is told."""

    arguments: list[str]
    """All but the first, the number of its end of the line."""
    working_directory: Path
    output: Path


def prepare(plan: ExecutionPlan, directory: Path, database: Path, process: int, engine: Path | None) -> Post:
    """Lay ready in `directory` what an agent needs."""
    plan_file = directory / "plan.json"
    plan_file.write_text(plan.model_dump_json(), encoding="utf-8")
    working_directory = directory / "cwd"
    working_directory.mkdir()
    arguments = [str(plan_file), str(database), str(process), *([str(engine)] if engine else [])]
    return Post(arguments, working_directory, directory / _OUTPUT)


def line() -> tuple[socket.socket, socket.socket]:
    """The tool's end of a line to an agent, and the agent's."""
    ours, theirs = socket.socketpair()
    # the engine must not wait for a tool that is busy for a moment
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD_BYTES)
    return ours, theirs


def engine_environment() -> dict[str, str]:
    """This process's environment, in which the same perfcli is found even where it is not installed."""
    home = str(Path(perfcli.__file__).resolve().parent.parent)
    # relative entries would mean another place, as the engine has a working directory of its own
    given = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    path = os.pathsep.join([*given, home])
    return {**os.environ, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}
