"""A relay between the vus of an engine process and their MCP server, which can cut all connections.

It is a program of its own, with the standard library alone: `python -I -S relay_process.py HOST PORT`. It listens on a
free port of loopback, prints that port, and passes on bytes as they come, so TLS goes through untouched. Of a line
`cut` on stdin it resets all connections, refuses new ones from then on, and prints how many it reset; of a line `lift`
it listens again. It ends with its stdin, and so with the process that started it, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from contextlib import suppress
from typing import Any, Final, cast

_LOOPBACK: Final = "127.0.0.1"
_MOST_WAITING: Final = 1_024
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST, and drops what is not sent yet."""


class End(asyncio.Protocol):
    """One end of a relayed connection: what arrives here leaves at the other end."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._early = bytearray()
        self._has_ended = False
        self.transport: asyncio.Transport
        self.other: End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It may have to wait for its other end."""
        self.transport = cast("asyncio.Transport", transport)
        self._relay.take(self)

    def join(self, other: End) -> None:
        """Pass on what has arrived, and what arrives from now on."""
        self.other = other
        other.transport.write(bytes(self._early))
        self._early.clear()
        if self._has_ended:
            other.transport.write_eof()
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.other is not None:
            self.other.transport.write(data)
        else:
            self._early += data
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """Pass that on too: the other direction may go on."""
        self._has_ended = True
        if self.other is None:
            return True
        if self.other._has_ended:
            return False
        with suppress(OSError):  # it is gone, which is noticed by itself
            self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        """More arrives than can be passed on."""
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """The other end has nobody to talk to any more: it closes as this one did."""
        self._relay.forget(self)
        if self.other is not None and error is None:
            self.other.transport.close()
        elif self.other is not None:
            self.other.reset()

    def reset(self) -> None:
        """Close it at once, as a connection that broke."""
        with suppress(OSError):
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


class _ClientEnd(End):
    """The end that a vu has opened."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the other one."""
        super().connection_made(transport)
        self._relay.open(self)


class Relay:
    """Listens on a port of loopback, and relays each connection to one address."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = host, port
        self._loop = asyncio.get_running_loop()
        self._ends: set[End] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        # bound and never listening, it refuses connections and keeps the port while the relay is cut
        self._holder = _bound(0)
        self.port: int = self._holder.getsockname()[1]

    async def listen(self) -> None:
        """Take connections."""
        if self._server is None:
            self._server = await self._loop.create_server(
                lambda: _ClientEnd(self), sock=_bound(self.port), backlog=_MOST_WAITING
            )

    def cut(self) -> int:
        """Reset all connections, and refuse others; return how many there were."""
        if self._server is not None:
            self._server.close()
            self._server = None
        ends = list(self._ends)
        for end in ends:
            end.reset()
        return sum(isinstance(end, _ClientEnd) for end in ends)

    def take(self, end: End) -> None:
        """One more is open; what was accepted as the relay was cut is not."""
        if self._server is None:
            end.reset()
        else:
            self._ends.add(end)

    def forget(self, end: End) -> None:
        """It is closed."""
        self._ends.discard(end)

    def open(self, client: End) -> None:
        """Connect to the server for a client."""
        task = self._loop.create_task(self._open(client))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, client: End) -> None:
        try:
            _, server = await self._loop.create_connection(lambda: End(self), *self._upstream)
        except OSError:
            client.reset()
            return
        if client.transport.is_closing():
            server.reset()
            return
        client.join(server)
        server.join(client)


def _bound(port: int) -> socket.socket:
    """A socket that is bound to a port of loopback beside others of ours; 0 for a free one."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((_LOOPBACK, port))
    return bound


async def _serve(host: str, port: int) -> None:
    relay = Relay(host, port)
    await relay.listen()
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    _answer(relay.port)
    while order := (await orders.readline()).strip():
        reset = 0
        if order == b"cut":
            reset = relay.cut()
        else:
            await relay.listen()
        _answer(reset)


def _answer(number: int) -> None:
    """Write a line to the process that started this one: a protocol, not a message to a reader."""
    os.write(sys.stdout.fileno(), b"%d\n" % number)


def _raise_limit() -> None:
    """As many descriptors as this process may have: each connection takes two."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS names a limit that it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(arguments: list[str]) -> Any:
    """Relay until stdin ends."""
    _raise_limit()
    asyncio.run(_serve(arguments[0], int(arguments[1])))
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
