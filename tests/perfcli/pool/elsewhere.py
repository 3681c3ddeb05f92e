"""Engine processes as if on another machine: each message takes its time, and the monotonic clock is another one."""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from perfcli.monitor import Reading
from perfcli.plan import ExecutionPlan
from perfcli.pool.database import LocalDatabase
from perfcli.pool.processes import LocalPool, Post, fresh
from perfcli.pool.protocol import EngineClock
from perfcli.pool.supervised import SupervisedProcess

AGENT = "tests.perfcli.pool.shifted_agent"
_PART_BYTES = 2**16


class PoolElsewhere:
    """A local pool, held at a distance.

    Args:
        delay_ms: what each byte takes, in each direction.
        ahead_ns: how far the engine processes' clock is ahead of the tool's.
    """

    def __init__(self, engine: Path, *, delay_ms: float, ahead_ns: int) -> None:
        self._delay_s = delay_ms / 1e3
        self._ahead_ns = ahead_ns
        self._local = LocalPool(engine, self._begin)

    def start(self, plan: ExecutionPlan, database: LocalDatabase, process: int = 0) -> Any:
        return EngineElsewhere(self._local.start(plan, database, process), self._ahead_ns)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._local, name)

    def _begin(self, line: int, post: Post) -> SupervisedProcess:
        tool = socket.socket(fileno=os.dup(line))
        near, far = socket.socketpair()
        with far:
            post = post._replace(arguments=[str(self._ahead_ns), *post.arguments])
            process = fresh(AGENT)(far.fileno(), post)
        Thread(target=relay, args=(tool, near, self._delay_s), daemon=True).start()
        return process


class EngineElsewhere:
    """An engine process whose readings are by its own clock, too."""

    def __init__(self, local: Any, ahead_ns: int) -> None:
        self._local = local
        self._ahead_ns = ahead_ns
        self.clock = EngineClock(is_shared=False)

    def readings(self, *, whole: bool = False) -> Reading | None:
        reading: Reading | None = self._local.readings(whole=whole)
        return reading and reading.earlier(-self._ahead_ns)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._local, name)


def relay(one: socket.socket, other: socket.socket, delay_s: float) -> None:
    """Pass on what arrives at each of two sockets to the other one, later; until both have ended."""
    sockets = {one.fileno(): one, other.fileno(): other}
    reached_from = {one.fileno(): other, other.fileno(): one}
    waiting: deque[tuple[float, socket.socket, bytes]] = deque()
    poll = select.poll()
    for descriptor in sockets:
        poll.register(descriptor, select.POLLIN)
    listening = set(sockets)
    with one, other:
        while listening or waiting:
            left_ms = max(0.0, waiting[0][0] - time.monotonic()) * 1e3 if waiting else None
            for descriptor, _ in poll.poll(left_ms):
                data = _read(sockets[descriptor])
                waiting.append((time.monotonic() + delay_s, reached_from[descriptor], data))
                if not data:
                    poll.unregister(descriptor)
                    listening.discard(descriptor)
            while waiting and waiting[0][0] <= time.monotonic():
                _, to, data = waiting.popleft()
                with suppress(OSError):  # it is gone
                    if data:
                        to.sendall(data)
                    else:
                        to.shutdown(socket.SHUT_WR)


def _read(end: socket.socket) -> bytes:
    try:
        return end.recv(_PART_BYTES)
    except OSError:
        return b""
