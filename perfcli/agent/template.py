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
from socket import socket
from typing import NoReturn

from perfcli.agent.engine_process import main as work
from perfcli.agent.orders import Descriptors, Order, receive_order
from perfcli.agent.private_memory import Pages, pages_of_files
from perfcli.agent.subreaper import supervise
from perfcli.plan import ExecutionPlan


def main(descriptor: int) -> None:
    """Fork a supervisor with an agent for every order, until the tool is gone."""
    orders = socket(fileno=descriptor)
    # else every agent would build it anew, for some 20 ms
    ExecutionPlan.model_rebuild(force=True)
    gc.collect()
    # an agent collects its garbage at every checkpoint: what it has from here is none
    gc.freeze()
    code_in_use = pages_of_files()
    # the tool hears from supervisors how agents end
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        try:
            order, descriptors = receive_order(orders)
        except (EOFError, OSError):
            return
        if os.fork() == 0:
            orders.close()
            _supervise_agent(order, descriptors, code_in_use)
        descriptors.close()


def _supervise_agent(order: Order, descriptors: Descriptors, code_in_use: Sequence[Pages]) -> NoReturn:
    line, control, output = descriptors

    def work_there() -> None:
        os.chdir(order.working_directory)
        work([str(line), *order.arguments], code_in_use)

    try:
        # out of the template's group: whoever kills that has supervisors end what is below them
        os.setsid()
        for stream in (1, 2):
            os.dup2(output, stream)
        os.close(output)
        supervise(control, line, order.directories, work_there)
    finally:
        # never back into the template's loop
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
