"""`python -m perfcli.agent.template FD`: a process with the harness loaded and no engine, which agents are forked from.

Two engines are compared by many short-lived processes, and half a second each to load the harness would be most of the
time. What is forked has a memory of its own, and imports its engine by itself. The template has one thread, so forking
is safe.

A module that only some agents import, such as an SDK, is loaded by a branch: a template that was forked from this one.
So agents without it show the memory that they would have alone.

The tool orders by JSON over a socket, with the descriptors that the new engine process gets. It imports this file first
thing, so what only the template needs is imported in its functions.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

if TYPE_CHECKING:
    from perfcli.agent.private_memory import Pages

_LENGTH: Final = struct.Struct("!I")


class Order(NamedTuple):
    """An engine process to fork."""

    arguments: list[str]
    """All but the first, the number of its end of the line."""
    working_directory: str
    directories: list[str]
    """To be removed by its supervisor if the tool is gone."""
    module: str = ""
    """To be loaded before it is forked; in vain if it cannot be imported."""


class Descriptors(NamedTuple):
    """What travels with an order: the line, the socket to the tool for the supervisor, and the file to print to."""

    line: int
    control: int
    output: int

    def close(self) -> None:
        """Close all of them."""
        for descriptor in self:
            os.close(descriptor)


def send_order(end: socket.socket, order: Order, descriptors: Descriptors) -> None:
    """Send an order; raises OSError if the template is gone."""
    text = json.dumps(order).encode()
    # the descriptors arrive with the first byte
    socket.send_fds(end, [_LENGTH.pack(len(text))], descriptors)
    end.sendall(text)


def receive_order(end: socket.socket) -> tuple[Order, Descriptors]:
    """Wait for the next order; raises EOFError or OSError once the tool is gone."""
    head, descriptors, *_ = socket.recv_fds(end, _LENGTH.size, len(Descriptors._fields))
    (length,) = _LENGTH.unpack(head + _read(end, _LENGTH.size - len(head)))
    return Order(*json.loads(_read(end, length))), Descriptors(*descriptors)


def _read(end: socket.socket, length: int) -> bytes:
    read = b""
    while len(read) < length:
        part = end.recv(length - len(read))
        if not part:
            raise EOFError
        read += part
    return read


def main(descriptor: int) -> None:
    """Load the harness; then fork a supervisor with an agent for every order, until the tool is gone."""
    orders = socket.socket(fileno=descriptor)
    _load_harness()
    # the tool hears from supervisors how agents end
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _serve(orders)


def _serve(orders: socket.socket, loaded: str = "") -> None:
    """Fork agents that have this module loaded, and have branches do so for agents with others."""
    from perfcli.agent.private_memory import pages_of_files

    gc.collect()
    # an agent collects its garbage at every checkpoint: what it has from here is none
    gc.freeze()
    code_in_use = pages_of_files()
    branches: dict[str, socket.socket] = {}
    while True:
        try:
            order, descriptors = receive_order(orders)
        except (EOFError, OSError):
            return
        if order.module != loaded:
            _pass_on(order, descriptors, branches, orders)
        elif os.fork() == 0:
            _close(orders, branches)
            _supervise_agent(order, descriptors, code_in_use)
        descriptors.close()


def _pass_on(order: Order, descriptors: Descriptors, branches: dict[str, socket.socket], orders: socket.socket) -> None:
    """Give an order to the branch with its module, which is started if there is none, or none any more."""
    with suppress(KeyError, OSError):
        send_order(branches[order.module], order, descriptors)
        return
    branches[order.module], theirs = socket.socketpair()
    if os.fork() == 0:
        descriptors.close()
        _close(orders, branches)
        _branch(theirs, order.module)
    theirs.close()
    send_order(branches[order.module], order, descriptors)


def _branch(orders: socket.socket, module: str) -> NoReturn:
    from importlib import import_module

    try:
        # an agent says what is missing
        with suppress(ImportError):
            import_module(module)
        _serve(orders, module)
    finally:
        # never back into the template's loop
        os._exit(0)


def _close(orders: socket.socket, branches: dict[str, socket.socket]) -> None:
    orders.close()
    for branch in branches.values():
        branch.close()


def _load_harness() -> None:
    import ctypes  # noqa: F401 what supervisors need

    import perfcli.agent.engine_process
    import perfcli.agent.subreaper  # noqa: F401
    from perfcli.plan import ExecutionPlan

    # else every agent would build it anew, for some 20 ms
    ExecutionPlan.model_rebuild(force=True)


def _supervise_agent(order: Order, descriptors: Descriptors, code_in_use: Sequence[Pages]) -> NoReturn:
    from perfcli.agent.engine_process import main as work
    from perfcli.agent.subreaper import supervise

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
