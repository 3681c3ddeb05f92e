"""Checkpoints, at which the engine processes of a run wait for one another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from perfcli.run.engine_client import EngineClient

_LEAD_NS: Final = 20_000_000
"""For processes to receive the message that they may go on, so that they all do so at once; a line that takes longer
shows in the bound of the clock's offset, which is half of a round trip.
"""


class Barrier:
    """Lets engine processes go on from a checkpoint as soon as all of them have reached it.

    Args:
        look: called with the name of the checkpoint while they all stand still.
    """

    def __init__(self, clients: Sequence[EngineClient], look: Callable[[str], None]) -> None:
        self._clients = clients
        self._look = look

    def release(self) -> None:
        """Let go on who need not wait; to be called whenever one has reached a checkpoint."""
        first, *others = self._clients
        name = first.waits_at
        if name == "opened" and any(other.waits_at == "harness" for other in others):
            # a new database is made by one process alone, as in a user's life
            return self._go(others)
        if not name or any(other.waits_at != name for other in others):
            return None
        self._look(name)
        return self._go([first] if name == "harness" else self._clients)

    def _go(self, clients: Sequence[EngineClient]) -> None:
        bound_ns = max(client.engine.clock.bound_ns for client in self._clients)
        at_ns = time.perf_counter_ns() + _LEAD_NS + bound_ns if len(self._clients) > 1 else 0
        for client in clients:
            client.go(at_ns)
