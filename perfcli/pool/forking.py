"""Engine processes forked from one that has the harness loaded already: started in milliseconds, by the dozen."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path

from perfcli.errors import PerfError
from perfcli.line import open_line, send_json
from perfcli.plan import ExecutionPlan
from perfcli.pool import cleanup
from perfcli.pool.processes import EngineProcess, Post, engine_environment, prepare
from perfcli.pool.supervised import PYTHON, SupervisedProcess


class Template:
    """The process to fork from; for one thread of the tool."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*PYTHON, "-m", "perfcli.agent.template", str(theirs.fileno())],
                env=engine_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        cleanup.register_group(self._process.pid)
        self._orders = Connection(ours.detach())

    def pool(self, engine: Path) -> ForkingPool:
        """A pool whose processes import the engine from that directory."""
        return ForkingPool(self, engine)

    def fork(self, line_end: int, post: Post) -> SupervisedProcess:
        """Have an agent forked that talks over this end of a line, under a supervisor of its own."""
        ours, theirs = socket.socketpair()
        order = {
            "arguments": post.arguments,
            "working_directory": str(post.working_directory),
            "directories": cleanup.scratch_directories(),
        }
        try:
            with theirs:
                send_json(self._orders, order)
                for descriptor in (line_end, theirs.fileno(), post.output.fileno()):
                    send_handle(self._orders, descriptor, self._process.pid)
            return SupervisedProcess(ours)
        except (EOFError, OSError) as error:
            ours.close()
            raise PerfError(
                "the process that engine processes are forked from has died",
                hint="see what it printed above; if that is nothing, it was killed, as is done where memory is short",
            ) from error

    def close(self) -> None:
        """End it; what was forked goes on."""
        self._orders.close()
        cleanup.end_group(self._process.pid)
        self._process.wait()


class ForkingPool:
    """Starts engine processes by forking."""

    def __init__(self, template: Template, engine: Path) -> None:
        self._template = template
        self._engine = engine

    def start(self, plan: ExecutionPlan, directory: Path, database: Path, process: int) -> EngineProcess:
        """Start the one of this number, with `directory` as its own and `database` as the database of all of them."""
        post = prepare(plan, directory, database, process, self._engine)
        line, theirs = open_line()
        with theirs:
            forked = self._template.fork(theirs.fileno(), post)
        return EngineProcess(forked, line, post.output)


@contextmanager
def forking() -> Iterator[Template]:
    """A template for as long as the block lasts."""
    template = Template()
    try:
        yield template
    finally:
        template.close()
