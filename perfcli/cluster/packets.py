"""What the tool and a pool on another machine say to each other over the pipes of a process.

Packets of bytes; requests, answers and states are JSON in them.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from perfcli.errors import PerfError
from perfcli.monitor import Reading

_HEADER: Final = struct.Struct("<cIIQ")

LINE: Final = b"L"
"""Bytes of an engine process's line, or of the tool's for it; without any: its end."""
ASK: Final = b"?"
"""A request of the tool, as JSON: number, name, arguments."""
ANSWER: Final = b"="
"""Number, value, and the type and text of an error, if it is one."""
STATE: Final = b"!"
"""Of an engine process: `EngineState`."""


class Packet(NamedTuple):
    """One of them."""

    kind: bytes
    data: bytes = b""
    process: int = 0
    incarnation: int = 0

    def packed(self) -> bytes:
        """Its bytes."""
        return _HEADER.pack(self.kind, self.process, self.incarnation, len(self.data)) + self.data


class PacketReader:
    """Takes bytes in as they come, and gives whole packets."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, content: bytes) -> Iterator[Packet]:
        """The packets that are whole by now."""
        self._waiting += content
        while len(self._waiting) >= _HEADER.size:
            kind, process, incarnation, size = _HEADER.unpack_from(self._waiting)
            end = _HEADER.size + size
            if len(self._waiting) < end:
                return
            data = bytes(self._waiting[_HEADER.size : end])
            del self._waiting[:end]
            yield Packet(kind, data, process, incarnation)


_BYTES: Final = "bytes in hexadecimal"


class EngineState(BaseModel):
    """What is known of an engine process, again and again."""

    model_config = ConfigDict(frozen=True)

    code: int | None = None
    """Its exit code, once it has ended."""
    printed_bytes: int = 0
    reading: Reading | None = None
    """By the clock of its machine; None unless it has the engine."""


def as_json(value: Any) -> bytes:
    """Plain values, and the bytes in rows of a database."""
    return json.dumps(value, default=_as_plain).encode()


def from_json(data: bytes) -> Any:
    """What `as_json` was given, with lists for tuples."""
    return json.loads(
        data, object_hook=lambda found: bytes.fromhex(found[_BYTES]) if list(found) == [_BYTES] else found
    )


def _as_plain(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"{value!r:.40} cannot travel")
    return {_BYTES: value.hex()}


def described(error: Exception) -> list[str]:
    """The type of an error, if its meaning must survive the way, and its text."""
    kind = type(error)
    return [kind.__name__ if issubclass(kind, sqlite3.Error | OSError) else "", str(error) or kind.__name__]


def error_of(kind: str, text: str) -> Exception:
    """The error that `described` described."""
    if isinstance(found := getattr(sqlite3, kind, None) if kind else None, type) and issubclass(found, sqlite3.Error):
        return found(text)
    return OSError(text) if kind else PerfError(text)
