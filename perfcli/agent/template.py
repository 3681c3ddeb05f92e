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
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import NoReturn

from perfcli.agent.engine_process import main as work
from perfcli.agent.private_memory import Pages, can_be_private, pages_of_files
from perfcli.agent.subreaper import supervise
from perfcli.line import receive_json


def main(descriptor: int) -> None:
    """Fork a supervisor with an agent for every order, until the tool is gone."""
    orders = Connection(descriptor)
    gc.collect()
    # an agent collects its garbage at every checkpoint: what it has from here is none
    gc.freeze()
    code_in_use = pages_of_files() if can_be_private() else []
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
            _supervise_agent(line, control, output, code_in_use, **order)
        for descriptor in (line, control, output):
            os.close(descriptor)


def _supervise_agent(
    line: int,
    control: int,
    output: int,
    code_in_use: Sequence[Pages],
    arguments: list[str],
    working_directory: str,
    directories: list[str],
) -> NoReturn:
    def work_there() -> None:
        os.chdir(working_directory)
        work([str(line), *arguments], code_in_use)

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
