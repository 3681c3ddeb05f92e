"""Checkpoints, at which the engine processes of a run wait for one another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from perfcli.judgement import Ending
from perfcli.run.engine_client import EngineClient
from perfcli.wire import StopLoad


class Barrier:
    """Lets engine processes go on from a checkpoint as soon as all of them have reached it.

    Args:
        look: called with the name of the checkpoint while they all stand still.
        host: the process that serves the engine to the others. It has no part in their waves: it serves until their
            load is over, and leaves after them.
    """

    def __init__(self, clients: Sequence[EngineClient], look: Callable[[str], None], host: int | None = None) -> None:
        self._clients = clients
        self._look = look
        self._host = None if host is None else clients[host]
        self._first = self._host or clients[0]
        self._others = [client for client in clients if client is not self._first]
        self._is_host_told = False

    def release(self) -> None:
        """Let go on who need not wait; to be called whenever one has reached a checkpoint, or has ended."""
        if self._host is not None and self._release_for_host(self._host):
            return None
        name = self._first.waits_at
        if name == "opened" and any(other.waits_at == "harness" for other in self._others):
            # a new database is made by one process alone, as in a user's life
            return self._go(self._others)
        if not name or any(other.waits_at != name for other in self._others):
            return None
        self._look(name)
        if name == "harness":
            return self._go([self._first])
        return self._go(self._others if self._host and name == "account" else self._clients)

    def _release_for_host(self, host: EngineClient) -> bool:
        """What only a host makes necessary; whether that was all there is to do."""
        load = {client.waits_at for client in self._others}
        if load == {"wave"}:
            self._look("wave")
            self._go(self._others)
        elif load == {"end"} and not host.waits_at:
            # a host that is being replaced cannot read it
            if not (self._is_host_told or host.is_away):
                self._is_host_told = True
                host.send(StopLoad())
        elif host.waits_at == "account" and all(client.ending == Ending() for client in self._others):
            host.go(0)
        else:
            return False
        return True

    def _go(self, clients: Sequence[EngineClient]) -> None:
        # all begin at once
        lead_ns = max(client.engine.clock.lead_ns for client in self._clients)
        at_ns = time.perf_counter_ns() + lead_ns if len(self._clients) > 1 else 0
        for client in clients:
            client.go(at_ns)
