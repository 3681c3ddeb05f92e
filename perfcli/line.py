"""A socket between the tool and an engine process, which carries the messages of perfcli.wire.

It is open in the engine's process, and in what that forks: each message begins with a mark and its number, so that
nothing else passes for one.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
from contextlib import suppress
from typing import Final

from perfcli.clock import RunningTime
from perfcli.wire import MOST_SHOWN, Garbled, Message, decode, encode

_MARK: Final = b"dpf!"
_HEADER: Final = struct.Struct("!4scxxxII")
"""The mark, the kind, the number of the message from 0, its length in bytes."""

_MOST_BYTES: Final = 64 * 2**20
_SENT_AHEAD_BYTES: Final = 4 * 2**20
_STALL_S: Final = 10.0
"""How long the rest of a message may take; whoever sends it has it ready."""

_LOOK_INTERVAL_S: Final = 0.5

LINE_LOST: Final = 74
"""The exit code of an engine process that can no longer talk to the tool (EX_IOERR of sysexits.h)."""


Received = Message | Garbled | None
"""What a line brought; None: its end."""


class Line:
    """One end of a line. Its messages are sent by one thread at a time, and received by one.

    Args:
        stall_s: how long the rest of a message may take; None for as long as it takes.
    """

    def __init__(self, end: socket.socket, stall_s: float | None = None) -> None:
        self.end = end
        """For whoever passes on what it brings."""
        self._stall_s = stall_s
        self._sent = 0
        self._received = 0

    def send(self, message: Message) -> None:
        """Send a message; raises OSError if the other side is gone."""
        kind, data = encode(message)
        self.end.sendall(_HEADER.pack(_MARK, kind, self._sent, len(data)) + data)
        self._sent += 1

    def poll(self, timeout_s: float | None) -> bool:
        """Whether something arrives within that time, or has arrived; also the end of the line.

        Raises:
            OSError: this end is closed.
        """
        poll = select.poll()
        try:
            poll.register(self.end, select.POLLIN)
        except ValueError as error:
            # another thread has closed it: it has no descriptor any more
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from error
        return bool(poll.poll(None if timeout_s is None else timeout_s * 1e3))

    def receive(self) -> Message:
        """The next message.

        Raises:
            EOFError: the other side is gone.
            OSError: this end is closed.
            Garbled: what came is not the next message.
        """
        header = self._read(_HEADER.size, begun=False)
        _, kind, number, size = _HEADER.unpack(header)
        if size > _MOST_BYTES:
            raise Garbled(f"a message of {size:,} bytes")
        data = self._read(size, begun=True)
        if number != self._received:
            what = "arrived twice" if number < self._received else f"arrived instead of message {self._received:,}"
            raise Garbled(f"message {number:,} {what}")
        self._received += 1
        return decode(kind, data)

    def close(self) -> None:
        """Tell the other side that nobody listens any more."""
        with suppress(OSError):  # it was gone before
            self.end.shutdown(socket.SHUT_RDWR)
        self.end.close()

    def _read(self, size: int, *, begun: bool) -> bytes:
        """So many bytes; of a header, as long as they begin as one does."""
        data = bytearray()
        while len(data) < size:
            if (begun or data) and not self._goes_on():
                raise Garbled(f"a message that breaks off {size - len(data):,} bytes before its end")
            part = self.end.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
            if not begun and data[: len(_MARK)] != _MARK[: len(data)]:
                raise Garbled(f"{self._shown(data)} instead of a message")
        return bytes(data)

    def _goes_on(self) -> bool:
        """Whether more of a message arrives in time; a time in which this process was stopped does not count."""
        if self._stall_s is None:
            return self.poll(None)
        running = RunningTime()
        while not self.poll(min(self._stall_s, _LOOK_INTERVAL_S)):
            if running.elapsed_s() >= self._stall_s:
                return False
        return True

    def _shown(self, data: bytearray) -> str:
        """What came, with what came behind it at once, in so few characters that a sentence can hold it."""
        if len(data) < MOST_SHOWN and self.poll(0):
            data += self.end.recv(MOST_SHOWN)
        # a message of the harness may follow at once
        garbage = bytes(data).partition(_MARK)[0]
        return f"{garbage[:MOST_SHOWN]!r}" + ("…" if len(garbage) > MOST_SHOWN else "")


def next_message(line: Line) -> Received:
    """What a line brings next; waits for it."""
    try:
        return line.receive()
    except (EOFError, OSError):
        return None
    except Garbled as garbled:
        return garbled


def open_line(stall_s: float | None = _STALL_S) -> tuple[Line, socket.socket]:
    """The tool's end of a new line, and the one that is for an engine process."""
    ours, theirs = socket.socketpair()
    # the engine must not wait for a tool that is busy for a moment
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD_BYTES)
    return Line(ours, stall_s), theirs
