"""`python -m perfcli.agent.template FD`: a process with the harness loaded and no engine, which agents are forked from.

Two engines are compared by many short-lived processes, and half a second each to load the harness would be most of the
time. What is forked has a memory of its own, and imports its engine by itself. It has one thread, so forking is safe.
"""

from __future__ import annotations

import ctypes  # noqa: F401 what supervisors need
import gc
import os
import signal
import sys
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import NoReturn

# what an engine process needs beside its engine
import perfcli.targets.checks
import perfcli.targets.marks
import perfcli.targets.pets  # noqa: F401
from perfcli.agent.engine_process import main as work
from perfcli.agent.subreaper import supervise
from perfcli.line import receive_json


def main(descriptor: int) -> None:
    """Fork a supervisor with an agent for every order, until the tool is gone."""
    orders = Connection(descriptor)
    # an agent collects its garbage at every checkpoint: what it has from here is none, and stays shared memory
    gc.freeze()
    # the tool hears from supervisors how agents end
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        try:
            order = receive_json(orders)
            line, control, output = (recv_handle(orders) for _ in range(3))
        except (EOFError, OSError):
            return
        if os.fork() == 0:
            orders.close()
            _supervise_agent(line, control, output, **order)
        for descriptor in (line, control, output):
            os.close(descriptor)


def _supervise_agent(
    line: int, control: int, output: int, arguments: list[str], working_directory: str, directories: list[str]
) -> NoReturn:
    def work_there() -> None:
        os.chdir(working_directory)
        work([str(line), *arguments])

    try:
        # out of the template's group: whoever kills that has supervisors end what is below them
        os.setsid()
        for stream in (1, 2):
            os.dup2(output, stream)
        os.close(output)
        supervise(control, line, directories, work_there)
    finally:
        # never back into the template's loop
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
