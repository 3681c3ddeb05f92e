"""Messages from engine processes, each read in a thread of its own: half a message must not stop the tool."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, Queue
from threading import Thread
from typing import Final

from perfcli.line import Line, Received, next_message
from perfcli.wire import Garbled

_MOST_WAITING: Final = 256
"""Messages kept until they are taken: the engine's frames wait in its socket beyond that."""


class Inbox:
    """What several lines bring, each in its own order."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._messages: Queue[tuple[int, Received]] = Queue(_MOST_WAITING)
        self._lines = lines
        self._read_from = [0] * len(lines)
        self._taken_from = [0] * len(lines)
        for number, line in enumerate(lines):
            Thread(target=self._read, args=(number, line), name="digipal-perf-inbox", daemon=True).start()

    def take(self, timeout_s: float) -> tuple[int, Received] | None:
        """The next message with the number of its line; None if none came in time."""
        try:
            number, message = self._messages.get(timeout=timeout_s)
        except Empty:
            return None
        self._taken_from[number] += 1
        return number, message

    def holds_from(self, number: int) -> bool:
        """Whether something has arrived by this line that was not taken yet."""
        return self._read_from[number] > self._taken_from[number] or self._lines[number].poll(0)

    def _read(self, number: int, line: Line) -> None:
        while True:
            message = next_message(line)
            # each thread has a count of its own
            self._read_from[number] += 1
            self._messages.put((number, message))
            if message is None or isinstance(message, Garbled):
                return
