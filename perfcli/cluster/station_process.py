"""A process that a station has started, with pipes that never keep it waiting."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final

from perfcli.cluster.outbox import Outbox

_PIECE_BYTES: Final = 2**16
_SHOWN_BYTES: Final = 8192
_LAST_WORDS_S: Final = 1.0
"""A process that it started may hold its stdout for longer than it lives."""


class StationProcess:
    """A running process; to be used by the loop in which it was made.

    Args:
        folder: where it runs; what it writes to stderr and what has not been taken yet are beside it.
        ended: told when it has ended, from a thread.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], ended: Callable[[int], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._errors = folder.with_suffix(".stderr")
        self._outbox = Outbox(folder.with_suffix(".stdout"))
        self._inbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._received = 0
        self._told_ended = ended
        self.code: int | None = None
        """Its exit code, once all that it wrote is here."""
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                bufsize=0,
            )
        self._reader = Thread(target=self._read, daemon=True)
        for thread in (self._reader, Thread(target=self._write, daemon=True), Thread(target=self._wait, daemon=True)):
            thread.start()

    @property
    def group(self) -> int:
        """Its process group."""
        return self._process.pid

    async def take(self, position: int, most_bytes: int, wait_s: float) -> tuple[bytes, int | None]:
        """What it wrote from there on; b"" and its exit code once all is taken, b"" and None if nothing came."""
        # in this order: what came before it ended is never left out
        code = self.code
        self._changed.clear()
        content = self._outbox.take(position, most_bytes)
        if not content and code is None and wait_s > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)
            code, content = self.code, self._outbox.take(position, most_bytes)
        return content, None if content else code

    def send(self, position: int, content: bytes) -> None:
        """Write to its stdin what is new of this: bytes before `position` have been sent already."""
        if position > self._received:
            raise ValueError(f"position {position} is beyond {self._received}")
        new = content[self._received - position :]
        if new:
            self._received += len(new)
            self._inbox.put(new)

    def shut(self) -> None:
        """Close its stdin, once all that was sent is written."""
        self._inbox.put(None)

    def signal(self, number: int) -> None:
        """Send a signal to it and what is in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, number)

    def errors(self) -> str:
        """The end of what it wrote to stderr."""
        with suppress(OSError), self._errors.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _SHOWN_BYTES))
            return file.read().decode(errors="replace")
        return ""

    def close(self) -> None:
        """Kill it, if it still runs, and forget what was not taken."""
        self.signal(signal.SIGKILL)
        self.shut()
        self._outbox.close()

    def _read(self) -> None:
        assert self._process.stdout
        with suppress(OSError, ValueError):
            while content := os.read(self._process.stdout.fileno(), _PIECE_BYTES):
                self._outbox.add(content)
                self._tell()

    def _write(self) -> None:
        assert self._process.stdin
        with suppress(OSError):  # it has ended: its code shows that
            while (content := self._inbox.get()) is not None:
                while content:
                    content = content[self._process.stdin.write(content) :]
        with suppress(OSError):
            self._process.stdin.close()

    def _wait(self) -> None:
        code = self._process.wait()
        self._reader.join(_LAST_WORDS_S)
        if self._process.stdout and not self._reader.is_alive():
            self._process.stdout.close()
        self.code = code
        self._told_ended(self.group)
        self.shut()
        self._tell()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the worker is ending, and its loop is closed
            self._loop.call_soon_threadsafe(self._changed.set)
