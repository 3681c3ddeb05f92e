"""What an engine process prints: counted, its end kept, and never more than some MB of it on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_MOST_BYTES: Final = 16 * 2**20
_KEPT_BYTES: Final = 4_000


class Output:
    """A file to print into. The tool holds it open: an engine may remove it."""

    def __init__(self, file: Path) -> None:
        # to append, so that what is printed after the file was emptied begins where it begins
        self._descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._dropped_bytes = 0
        self._dropped_end = b""

    def fileno(self) -> int:
        """Its descriptor, while it is open."""
        return self._descriptor

    def printed_bytes(self) -> int:
        """How much was printed."""
        return self._dropped_bytes + self._size()

    def end(self) -> str:
        """The end of what was printed."""
        return self._end().decode(errors="replace").strip()

    def bound(self) -> None:
        """Drop what was printed if that has become too much, but its end."""
        if self._size() > _MOST_BYTES:
            self._drop()

    def close(self) -> None:
        """Close the file; what was printed stays known."""
        if self._descriptor >= 0:
            self._drop()
            os.close(self._descriptor)
            self._descriptor = -1

    def _drop(self) -> None:
        self._dropped_end = self._end()
        self._dropped_bytes += self._size()
        os.ftruncate(self._descriptor, 0)

    def _end(self) -> bytes:
        size = self._size()
        here = os.pread(self._descriptor, _KEPT_BYTES, max(0, size - _KEPT_BYTES)) if size else b""
        return (self._dropped_end + here)[-_KEPT_BYTES:]

    def _size(self) -> int:
        return os.fstat(self._descriptor).st_size if self._descriptor >= 0 else 0
