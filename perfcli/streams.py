"""stdout and stderr: a reader that leaves or a full disk ends no command, and no text steers a terminal."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import IO, Any, Final

EMOJI_PARTS: Final = frozenset("\u200c\u200d") | frozenset(map(chr, range(0xE0020, 0xE0080)))
"""Joiners and tags: no glyphs of their own, but an emoji of several parts falls apart without them."""

_LAYOUT: Final = frozenset("\n\t")


class _LastingFile(io.RawIOBase):
    """A file descriptor to write to. After the first failure it accepts everything and writes nothing."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.failure: OSError | None = None
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, content: Any, /) -> int:
        size = memoryview(content).nbytes
        while self.failure is None:
            try:
                return os.write(self._descriptor, content)
            except BlockingIOError:
                # another program made the terminal non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.failure = error
        return size


_closed: list[int] = []
"""Standard streams that the caller closed."""


def protect() -> None:
    """Let a write to stdout or stderr never raise; `stdout_failure` tells what went wrong."""
    _occupy_closed_descriptors()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        encoding, errors = (stream.encoding, stream.errors) if stream is not None else ("utf-8", "backslashreplace")
        file = io.BufferedWriter(_LastingFile(descriptor))
        setattr(sys, name, io.TextIOWrapper(file, encoding, errors, line_buffering=True))


def _occupy_closed_descriptors() -> None:
    """Open the null device in place of a standard stream that the caller closed (`>&-`).

    Otherwise the next file that is opened would get its number, and messages would be written into that file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # the lowest free number is this one
            _closed.append(os.open(os.devnull, os.O_RDWR))


def stdout_is_closed() -> bool:
    """Whether the caller closed stdout (`>&-`), so that nothing can reach anybody there."""
    return 1 in _closed


def stdout_failure() -> str:
    """Why not all of the output reached stdout; "" if it did."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failure = raw.failure if isinstance(raw, _LastingFile) else None
    return failure.strerror or str(failure) if failure else ""


def printable(text: str) -> str:
    """The text with each character that a terminal would obey as its escape, e.g. `\\x1b`; line breaks stay."""
    return "".join(
        char if char.isprintable() or char in _LAYOUT or char in EMOJI_PARTS else repr(char)[1:-1] for char in text
    )


def say(text: str, *, file: IO[str] | None = None) -> None:
    """Print a message on stdout, or on `file`, on lines of its own."""
    stream = file or sys.stdout
    try:
        stream.write(f"{printable(text)}\n")
    except UnicodeEncodeError:
        stream.write(f"{printable(text)}\n".encode("ascii", "backslashreplace").decode("ascii"))
    stream.flush()


def complain(text: str) -> None:
    """Print a message on stderr."""
    say(text, file=sys.stderr)
