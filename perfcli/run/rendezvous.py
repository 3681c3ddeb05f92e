"""Where the engine processes of a run wait for one another, and for the tool to look at them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from perfcli.measurement.measurement import Measurement
from perfcli.monitor import Monitor
from perfcli.run.conversation import Conversation

_HEAD_START_NS: Final = 20_000_000
"""For processes to hear that they may begin, so that they all begin at once."""


class Rendezvous:
    """Lets engine processes go on from a checkpoint when all of them have reached it."""

    def __init__(self, measurement: Measurement, monitor: Monitor, database: Path) -> None:
        self._measurement = measurement
        self._monitor = monitor
        self._database = database
        self.conversations: Sequence[Conversation] = ()

    def arrive(self, name: str) -> None:
        """A process waits at this checkpoint."""
        first, *others = self.conversations
        if name == "opened" and first.waits_at == "opened" and any(other.waits_at == "harness" for other in others):
            # a new database is made by one process alone, as in a user's life
            return self._go(others)
        if any(each.waits_at != name for each in self.conversations):
            return None
        self._look(name)
        return self._go([first] if name == "harness" else self.conversations)

    def _go(self, conversations: Sequence[Conversation]) -> None:
        together = len(self.conversations) > 1
        at_ns = time.perf_counter_ns() + _HEAD_START_NS if together else 0
        for conversation in conversations:
            conversation.go(at_ns)

    def _look(self, name: str) -> None:
        reading = self._monitor.look()
        if reading is not None:
            self._measurement.mark(name, reading)
        if name == "baseline":
            self._measurement.begin_account(self._database)
        if name == "account":
            # before the engine shuts down: what it stores only then was not stored when it said so
            self._measurement.check_integrity(self._database)

    def engine_lives_elsewhere(self, *, watched: bool) -> None:
        """The engine has a process of its own, in which there is nothing of the harness; perhaps out of sight."""
        harness = self._measurement.marks.pop("harness", None)
        if harness is not None and watched:
            self._measurement.marks["harness"] = replace(harness, rss=0, uss=0)
