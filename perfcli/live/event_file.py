"""The file of events: a JSON object a line, written by a thread of its own, so that no reader can hold up a run."""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from pathlib import Path
from typing import Final

from perfcli.live.events import Event, Events
from perfcli.outputs import STDOUT, reason_of
from perfcli.streams import complain

_MOST_WAITING: Final = 1_000
_TO_LEAVE_S: Final = 5.0
_LONE: Final = "backslashreplace"
"""Half a character from outside is written as its code."""


class EventFile(Events):
    """Writes each event as it happens; if the reader is too slow, snapshots are left out, and nothing else.

    Args:
        path: a file, which is replaced, a pipe, or `-` for stdout.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(self._put)
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self._descriptor = os.dup(1) if path == STDOUT else os.open(path, flags, 0o666)
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_all, daemon=True, name="events")
        self._thread.start()

    def close(self) -> None:
        """Write what is left; a reader that takes nothing for 5 s does without."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(_TO_LEAVE_S)
        if self._thread.is_alive():
            complain(f"Warning: --events {self._path}: its reader does not read: the last events are lost")
        else:
            os.close(self._descriptor)

    def _put(self, event: Event) -> None:
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING and event["event"] == "snapshot":
                return
            self._waiting.append(event)
            self._changed.notify()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    return
                event = self._waiting.popleft()
            try:
                self._write(f"{json.dumps(event, ensure_ascii=False, allow_nan=False)}\n".encode(errors=_LONE))
            except OSError as error:
                complain(f"Warning: --events {self._path}: cannot be written: {reason_of(error)}")
                return

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._descriptor, line) :]
