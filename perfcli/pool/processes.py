"""One engine process for each scenario, fresh from the interpreter."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import perfcli
from perfcli.plan import ExecutionPlan
from perfcli.pool import leftovers

_MOST_OUTPUT_BYTES: Final = 4_000
_OUTPUT = "output.txt"


class EngineProcess:
    """A running `python -m perfcli.agent`, in a session of its own: a Ctrl-C in the terminal does not reach it."""

    def __init__(self, plan: ExecutionPlan, directory: Path, database: Path) -> None:
        plan_file = directory / "plan.json"
        plan_file.write_text(plan.model_dump_json(), encoding="utf-8")
        self._output = directory / _OUTPUT
        working_directory = directory / "cwd"
        working_directory.mkdir()
        ours, theirs = socket.socketpair()
        with theirs, self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "perfcli.agent", str(theirs.fileno()), str(plan_file), str(database)],
                cwd=working_directory,
                env=_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        leftovers.register_group(self._process.pid)
        self.pid = self._process.pid
        self.connection = Connection(ours.detach())

    def kill(self) -> None:
        """End it now, with everything it started."""
        leftovers.end_group(self.pid)
        self._process.wait()
        self.connection.close()

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code, negative for the signal that ended it; None where it still runs after that time."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def output(self) -> str:
        """The end of what it printed."""
        with self._output.open("rb") as file:
            file.seek(max(0, self._output.stat().st_size - _MOST_OUTPUT_BYTES))
            return file.read().decode(errors="replace").strip()


class ProcessPool:
    """Starts engine processes on this machine."""

    def start(self, plan: ExecutionPlan, directory: Path, database: Path) -> EngineProcess:
        """Start one, with `directory` as its own and `database` as its database file."""
        return EngineProcess(plan, directory, database)


def _environment() -> dict[str, str]:
    """This process's environment, in which the same perfcli is found even where it is not installed."""
    home = str(Path(perfcli.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}
