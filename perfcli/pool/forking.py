"""Engine processes forked from one that has the harness loaded already: started in milliseconds, by the dozen."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Any, Final

from perfcli.errors import PerfError
from perfcli.plan import ExecutionPlan
from perfcli.pool import leftovers
from perfcli.pool.processes import EngineProcess, engine_environment, line, prepare
from perfcli.wire import receive_json, send_json

_POLL_S: Final = 0.002


class Template:
    """The process to fork from; for one thread of the tool."""

    def __init__(self) -> None:
        ours, theirs = line()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "perfcli.agent.template", str(theirs.fileno())],
                env=engine_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        leftovers.register_group(self._process.pid)
        self._orders = Connection(ours.detach())
        self._codes: dict[int, int] = {}

    def pool(self, engine: Path | None) -> ForkingPool:
        """A pool whose processes import the engine from that directory; None for the one this tool came with."""
        return ForkingPool(self, engine)

    def fork(self, line_end: int, **order: Any) -> int:
        """Have an agent forked that talks over this end of a line; return its pid."""
        with self._died():
            send_json(self._orders, order)
            send_handle(self._orders, line_end, self._process.pid)
            pid = int(receive_json(self._orders))
        # the system may give a number again
        self._codes.pop(pid, None)
        return pid

    def wait(self, pid: int, timeout_s: float) -> int | None:
        """The exit code of an agent, negative for a signal; None where it still runs after that time."""
        until_s = time.monotonic() + timeout_s
        while pid not in self._codes:
            with self._died():
                send_json(self._orders, {"pid": pid})
                code = receive_json(self._orders)
            if code is not None:
                self._codes[pid] = code
            elif time.monotonic() >= until_s:
                return None
            else:
                time.sleep(_POLL_S)
        return self._codes[pid]

    def close(self) -> None:
        """End it; what was forked goes on."""
        self._orders.close()
        leftovers.end_group(self._process.pid)
        self._process.wait()

    @contextmanager
    def _died(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            raise PerfError(
                "the process that engine processes are forked from has died",
                hint="see what it printed above; if that is nothing, it was killed, as is done where memory is short",
            ) from error


class ForkingPool:
    """Starts engine processes by forking."""

    def __init__(self, template: Template, engine: Path | None) -> None:
        self._template = template
        self._engine = engine

    def start(self, plan: ExecutionPlan, directory: Path, database: Path, process: int) -> EngineProcess:
        """Start the one of this number, with `directory` as its own and `database` as the database of all of them."""
        post = prepare(plan, directory, database, process, self._engine)
        ours, theirs = line()
        with theirs:
            pid = self._template.fork(
                theirs.fileno(),
                arguments=post.arguments,
                working_directory=str(post.working_directory),
                output=str(post.output),
            )
        return EngineProcess(pid, Connection(ours.detach()), post.output, partial(self._template.wait, pid))


@contextmanager
def forking() -> Iterator[Template]:
    """A template for as long as the block lasts."""
    template = Template()
    try:
        yield template
    finally:
        template.close()
