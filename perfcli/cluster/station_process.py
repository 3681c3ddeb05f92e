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
from threading import Lock, Thread
from typing import Final

_PIECE_BYTES: Final = 2**16
_SHOWN_BYTES: Final = 8192
_LAST_WORDS_S: Final = 1.0
"""A process that it started may hold its stdout for longer than it lives."""

_MOST_IN_MEMORY: Final = 64 * 2**20
"""Of what was not taken. A process is never kept waiting, as that would slow the load down."""


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

    def errors(self) -> str:
        """The end of what it wrote to stderr."""
        with suppress(OSError), self._errors.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _SHOWN_BYTES))
            return file.read().decode(errors="replace")
        return ""

    def close(self) -> None:
        """Kill it, if it still runs, and forget what was not taken."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, signal.SIGKILL)
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


class Outbox:
    """What a process wrote and the tool has not taken yet: some in memory, the rest in a file, all of it kept.

    Bytes by their position in the stream, from 0. One thread adds, another one takes.

    Args:
        file: where they go beyond `most_bytes`; made when it is needed.
    """

    def __init__(self, file: Path, most_bytes: int = _MOST_IN_MEMORY) -> None:
        self._path = file
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._memory = bytearray()
        self._begin = 0
        self._file: int | None = None
        self._file_read = 0
        self._file_size = 0

    @property
    def end(self) -> int:
        """The position behind the last byte that was added."""
        return self._begin + len(self._memory) + self._file_size - self._file_read

    def add(self, content: bytes) -> None:
        """Keep these bytes behind the others."""
        with self._lock:
            # what comes after bytes in the file goes there too
            if self._file_size > self._file_read or len(self._memory) + len(content) > self._most_bytes:
                self._spill(content)
            else:
                self._memory += content

    def take(self, position: int, most_bytes: int) -> bytes:
        """The bytes from `position` on; those before it are forgotten.

        Raises:
            ValueError: they are forgotten already, or there are none yet before that position.
        """
        with self._lock:
            self._forget(position)
            return bytes(self._memory[:most_bytes])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _forget(self, position: int) -> None:
        if not self._begin <= position <= self.end:
            raise ValueError(f"position {position} is not in {self._begin} to {self.end}")
        while position > self._begin + len(self._memory):
            self._begin += len(self._memory)
            self._memory = bytearray()
            self._load()
        del self._memory[: position - self._begin]
        self._begin = position
        if not self._memory:
            self._load()

    def _spill(self, content: bytes) -> None:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        written = 0
        while written < len(content):
            written += os.pwrite(self._file, content[written:], self._file_size + written)
        self._file_size += len(content)

    def _load(self) -> None:
        """Bring the next bytes of the file into memory."""
        if self._file is None or self._file_read == self._file_size:
            return
        content = os.pread(self._file, min(self._most_bytes, self._file_size - self._file_read), self._file_read)
        self._memory += content
        self._file_read += len(content)
        if self._file_read == self._file_size:
            os.ftruncate(self._file, 0)
            self._file_read = self._file_size = 0
