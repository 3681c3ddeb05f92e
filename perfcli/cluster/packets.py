"""What the tool and a pool on another machine say to each other over the pipes of a process: packets of bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

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
