"""What the tool orders from a template: JSON over a socket, with the descriptors that the new engine process gets."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Final, NamedTuple

_LENGTH: Final = struct.Struct("!I")


class Order(NamedTuple):
    """An engine process to fork."""

    arguments: list[str]
    """All but the first, the number of its end of the line."""
    working_directory: str
    directories: list[str]
    """To be removed by its supervisor if the tool is gone."""


class Descriptors(NamedTuple):
    """What travels with an order: the line, the socket to the tool for the supervisor, and the file to print to."""

    line: int
    control: int
    output: int

    def close(self) -> None:
        """Close all of them."""
        for descriptor in self:
            os.close(descriptor)


def send_order(end: socket.socket, order: Order, descriptors: Descriptors) -> None:
    """Send an order; raises OSError if the template is gone."""
    text = json.dumps(order).encode()
    # the descriptors arrive with the first byte
    socket.send_fds(end, [_LENGTH.pack(len(text))], descriptors)
    end.sendall(text)


def receive_order(end: socket.socket) -> tuple[Order, Descriptors]:
    """Wait for the next order; raises EOFError or OSError once the tool is gone."""
    head, descriptors, *_ = socket.recv_fds(end, _LENGTH.size, len(Descriptors._fields))
    (length,) = _LENGTH.unpack(head + _read(end, _LENGTH.size - len(head)))
    return Order(*json.loads(_read(end, length))), Descriptors(*descriptors)


def _read(end: socket.socket, length: int) -> bytes:
    read = b""
    while len(read) < length:
        part = end.recv(length - len(read))
        if not part:
            raise EOFError
        read += part
    return read
