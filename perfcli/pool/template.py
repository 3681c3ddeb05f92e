"""A process with the harness loaded and no engine, which engine processes are forked from: the tool's end of it.

Light: `run` starts one before the tool itself has loaded, so that both load at the same time.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Final, Self

from perfcli.agent.template import Descriptors, Order, send_order

PYTHON: Final = (sys.executable, "-P")
"""An interpreter that imports nothing from the directory it is started in, which may be anybody's."""


def engine_environment() -> dict[str, str]:
    """This process's environment, in which the same perfcli is found even where it is not installed."""
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    # relative entries would mean another place, as the engine has a working directory of its own
    given = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    path = os.pathsep.join([*given, home])
    # the tool does without plugins of pydantic, the engine does not
    inherited = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    return {**inherited, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}


class Template:
    """A template, until it is closed; for one thread of the tool."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*PYTHON, "-m", "perfcli.agent.template", str(theirs.fileno())],
                env=engine_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        # not before: each millisecond is one that the template waits
        from perfcli.pool import cleanup

        self._cleanup = cleanup
        cleanup.register_group(self._process.pid)

    @property
    def pid(self) -> int:
        """Its process, which leads a group and a session."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether it was closed or killed."""
        return self._process.poll() is not None

    def order(self, order: Order, descriptors: Descriptors) -> None:
        """Have it fork an engine process; raises OSError if it is gone."""
        send_order(self._orders, order, descriptors)

    def restart_if_ended(self) -> None:
        """Start another process if this one was killed, as is done if memory is short."""
        if self.has_ended():
            self.close()
            self._start()

    def close(self) -> None:
        """End it; what was forked goes on. Again does no harm."""
        self._orders.close()
        if not self.has_ended():
            self._cleanup.end_group(self.pid)
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
