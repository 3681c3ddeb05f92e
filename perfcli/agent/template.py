"""`python -m perfcli.agent.template FD`: a process with the harness loaded and no engine, which agents are forked from.

Two engines are compared by many short-lived processes, and half a second each to load the harness would be most of the
time. What is forked has a memory of its own, and imports its engine by itself. It has one thread, so forking is safe.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Any

# what an engine process needs beside its engine
import perfcli.targets.checks
import perfcli.targets.marks
import perfcli.targets.pets  # noqa: F401
from perfcli.agent.__main__ import main as work
from perfcli.wire import receive_json, send_json


def main(descriptor: int) -> None:
    """Fork an agent for every order, and say how those have ended that are asked about, until the tool is gone."""
    orders = Connection(descriptor)
    # an agent collects its garbage at every checkpoint: what it has from here is none, and stays shared memory
    gc.freeze()
    agents: list[int] = []
    while True:
        try:
            order = receive_json(orders)
        except (EOFError, OSError):
            return _let_go(agents)
        if "pid" in order:
            status = _status(order["pid"])
            if status is not None:
                # its number may be another's from now on
                agents.remove(order["pid"])
            send_json(orders, status)
            continue
        line = recv_handle(orders)
        pid = os.fork()
        if pid == 0:
            orders.close()
            _become_agent(line, **order)
        # by both, as either may come first: who knows the pid may kill the group
        _lead_group(pid)
        agents.append(pid)
        os.close(line)
        send_json(orders, pid)


def _let_go(agents: list[int]) -> None:
    """The tool is gone, and with it whoever would wake an agent that stands still: it has to clear up by itself."""
    for pid in agents:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGCONT)
    for pid in agents:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _lead_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)


def _status(pid: int) -> int | None:
    """The exit code of an agent, negative for a signal; None while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _become_agent(line: int, arguments: list[str], working_directory: str, output: str) -> Any:
    try:
        _lead_group(0)
        os.chdir(working_directory)
        printed = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(printed, stream)
        os.close(printed)
        work([str(line), *arguments])
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        # never back into the template's loop
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
