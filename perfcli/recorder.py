"""Samples on their way from a vu to the tool: a bounded buffer in the engine process, and frames of plain integers."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

OK: Final = 0
"""The outcome of an operation that answered rightly; every kind of failure has a number of its own."""

FIELDS: Final = 5
"""Integers a sample has: packed draw, outcome, intended start, start and end, the last three in ns."""

FLUSH_INTERVAL_NS: Final = 250_000_000
_MOST_SAMPLES: Final = 2_048
_SAMPLES_OF_ALL_VUS: Final = 65_536
_HEADER: Final = struct.Struct("<BIQ")


@dataclass(frozen=True, slots=True)
class Frame:
    """Samples of one vu in the order they were taken, and the iterations it had completed by then."""

    vu: int
    measured: bool
    iterations: int
    rows: array[int]

    def column(self, field: int) -> array[int]:
        """One field of every sample: 0 packed draw, 1 outcome, 2 intended start, 3 start, 4 end."""
        return self.rows[field::FIELDS]


def encode_frame(frame: Frame) -> bytes:
    """A frame as bytes; `decode_frame` is the inverse on the same machine."""
    return _HEADER.pack(frame.measured, frame.vu, frame.iterations) + frame.rows.tobytes()


def decode_frame(data: bytes) -> Frame:
    """The frame in `data`."""
    measured, vu, iterations = _HEADER.unpack_from(data)
    rows = array("q")
    rows.frombytes(memoryview(data)[_HEADER.size :])
    return Frame(vu, bool(measured), iterations, rows)


class Recorder:
    """The samples of one vu: stored into a buffer that never grows, sent on when it is full or grows old.

    Args:
        send: takes a frame; called between operations, never during one.
    """

    def __init__(self, vu: int, vus: int, send: Callable[[Frame], None]) -> None:
        self._vu = vu
        self._send = send
        capacity = max(64, min(_MOST_SAMPLES, _SAMPLES_OF_ALL_VUS // vus))
        self._rows = array("q", bytes(8 * FIELDS * capacity))
        self._end = len(self._rows)
        self._used = 0
        self._flush_at_ns = 0
        self._measured = False
        self._iterations = 0

    def begin(self, *, measured: bool, now_ns: int) -> None:
        """A phase begins: samples from now on are measured, or discarded as warm-up."""
        self._measured = measured
        self._iterations = 0
        self._flush_at_ns = now_ns + FLUSH_INTERVAL_NS

    def record(self, packed: int, outcome: int, intended_ns: int, start_ns: int, end_ns: int) -> None:
        """Store one sample."""
        rows, used = self._rows, self._used
        rows[used] = packed
        rows[used + 1] = outcome
        rows[used + 2] = intended_ns
        rows[used + 3] = start_ns
        rows[used + 4] = end_ns
        self._used = used + FIELDS
        if self._used == self._end or end_ns >= self._flush_at_ns:
            self.flush(end_ns)

    def complete_iteration(self) -> None:
        """An iteration is over."""
        self._iterations += 1

    def flush(self, now_ns: int) -> None:
        """Send what is stored."""
        self._send(Frame(self._vu, self._measured, self._iterations, self._rows[: self._used]))
        self._used = 0
        self._flush_at_ns = now_ns + FLUSH_INTERVAL_NS
