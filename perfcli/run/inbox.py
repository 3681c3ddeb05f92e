"""Messages from engine processes, each read in a thread of its own: half a message must not stop the tool."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, Queue
from threading import Thread
from typing import Final

from perfcli import wire
from perfcli.recorder import Frame

Message = wire.Event | Frame | wire.Garbled

_MOST_WAITING: Final = 256
"""Messages kept until they are taken: the engine's frames wait in its socket beyond that."""


class Inbox:
    """What several lines bring, each in its own order."""

    def __init__(self, lines: Sequence[wire.Line]) -> None:
        self._messages: Queue[tuple[int, Message | None]] = Queue(_MOST_WAITING)
        for number, line in enumerate(lines):
            Thread(target=self._read, args=(number, line), name="digipal-perf-inbox", daemon=True).start()

    def take(self, timeout_s: float) -> tuple[int, Message | None] | None:
        """The next message with the number of its line; None where none came in time.

        The message is None where nothing will come any more by that line.
        """
        try:
            return self._messages.get(timeout=timeout_s)
        except Empty:
            return None

    def _read(self, number: int, line: wire.Line) -> None:
        try:
            while True:
                self._messages.put((number, line.receive()))
        except (EOFError, OSError):
            self._messages.put((number, None))
        except wire.Garbled as error:
            self._messages.put((number, error))
