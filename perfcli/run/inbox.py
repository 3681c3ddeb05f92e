"""Messages from an engine process, read in a thread of their own: half a message must not stop the tool."""

from __future__ import annotations

from multiprocessing.connection import Connection
from queue import Empty, Queue
from threading import Thread
from typing import Final

from perfcli import wire
from perfcli.recorder import Frame

Message = wire.Event | Frame

_MOST_WAITING: Final = 256
"""Messages kept until they are taken: the engine's frames wait in its socket beyond that."""


class Inbox:
    """What a connection brings, in its order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages: Queue[Message | None] = Queue(_MOST_WAITING)
        Thread(target=self._read, name="digipal-perf-inbox", daemon=True).start()

    def take(self, timeout_s: float) -> Message | None:
        """The next message; None where none came in time.

        Raises:
            EOFError: nothing will come any more.
        """
        try:
            message = self._messages.get(timeout=timeout_s)
        except Empty:
            return None
        if message is None:
            raise EOFError
        return message

    def _read(self) -> None:
        try:
            while True:
                self._messages.put(wire.receive(self._connection))
        except (EOFError, OSError):
            self._messages.put(None)
