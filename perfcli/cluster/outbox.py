"""What a process wrote and the tool has not taken yet: some of it in memory, the rest in a file, all of it kept."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Final

MOST_BYTES: Final = 64 * 2**20
"""Kept in memory. A process is never kept waiting, as that would slow the load down."""


class Outbox:
    """Bytes by their position in the stream, from 0. One thread adds, another one takes.

    Args:
        file: where they go beyond `most_bytes`; made when it is needed.
    """

    def __init__(self, file: Path, most_bytes: int = MOST_BYTES) -> None:
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
