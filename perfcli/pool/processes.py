"""One engine process for each scenario, fresh from the interpreter."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import psutil

import perfcli
from perfcli.plan import ExecutionPlan
from perfcli.pool import leftovers

_MOST_OUTPUT_BYTES: Final = 4_000
_SENT_AHEAD_BYTES: Final = 4 * 2**20
_OUTPUT = "output.txt"


class EngineProcess:
    """A running `python -m perfcli.agent`, in a session of its own: a Ctrl-C in the terminal does not reach it."""

    def __init__(
        self, plan: ExecutionPlan, directory: Path, database: Path, process: int, engine: Path | None = None
    ) -> None:
        plan_file = directory / "plan.json"
        plan_file.write_text(plan.model_dump_json(), encoding="utf-8")
        self._output = directory / _OUTPUT
        working_directory = directory / "cwd"
        working_directory.mkdir()
        ours, theirs = socket.socketpair()
        # the engine must not wait for a tool that is busy for a moment
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD_BYTES)
        arguments = [str(theirs.fileno()), str(plan_file), str(database), str(process)]
        with theirs, self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "perfcli.agent", *arguments, *([str(engine)] if engine else [])],
                cwd=working_directory,
                env=engine_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        leftovers.register_group(self._process.pid)
        self.pid = self._process.pid
        self._groups = [self.pid]
        self._children: set[psutil.Process] = set()
        self._left: list[str] = []
        self.connection = Connection(ours.detach())

    def adopt(self, pid: int) -> None:
        """Have another process, which this one started in a session of its own, end with it."""
        leftovers.register_group(pid)
        self._groups.append(pid)

    def note_children(self) -> None:
        """Remember the processes it has started, so that they end with it even where they leave its group."""
        with suppress(psutil.Error):
            self._children.update(psutil.Process(self.pid).children(recursive=True))

    def leftovers(self) -> str:
        """What it left running, in words; "" for nothing."""
        return f"the engine left processes running, which were ended: {', '.join(self._left)}" if self._left else ""

    def kill(self) -> None:
        """End it now, with everything it started."""
        self.note_children()
        strays = [child for child in self._children if child.pid not in self._groups]
        if self._process.poll() is not None:
            # it has ended by itself, in good order or not: whoever still runs was left by it
            self._left += [name for child in strays if (name := _name_of_running(child))]
        for group in self._groups:
            leftovers.end_group(group)
        self._process.wait()
        for child in strays:
            with suppress(psutil.Error):
                child.kill()  # checks that the pid is still this process's
        self.connection.close()

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code, negative for the signal that ended it; None where it still runs after that time."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

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
    """Starts engine processes on this machine.

    Args:
        engine: the directory to import the engine from, where it is not the one this tool came with.
    """

    def __init__(self, engine: Path | None = None) -> None:
        self._engine = engine

    def start(self, plan: ExecutionPlan, directory: Path, database: Path, process: int) -> EngineProcess:
        """Start the one of this number, with `directory` as its own and `database` as the database of all of them."""
        return EngineProcess(plan, directory, database, process, self._engine)


def engine_environment() -> dict[str, str]:
    """This process's environment, in which the same perfcli is found even where it is not installed."""
    home = str(Path(perfcli.__file__).resolve().parent.parent)
    # relative entries would mean another place, as the engine has a working directory of its own
    given = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    path = os.pathsep.join([*given, home])
    return {**os.environ, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}
