"""What one client, or a thousand, may take of the HTTP server: connections, time for a request, a part in its end.

uvicorn parses HTTP and calls the application. What it lacks stands here: a bound on connections that holds before
anything is read, time limits for the head and the body of a request, and an end that waits for no open stream.
"""

import asyncio
import logging
import resource
import socket
import ssl
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S: Final = 10.0
"""How long the head of a request may take, a TLS handshake before it as well."""
BODY_S: Final = 20.0
MAX_HEAD_BYTES: Final = 32 * 1024
MAX_CONNECTIONS: Final = 2048
SPARE_DESCRIPTORS: Final = 192
"""Left to the engine: a connection to SQLite takes two or three, and as many threads as calls at once have one."""
_GRACE_S: Final = 0.25
"""How long requests that are being answered may take when the server stops."""
_REPORT_EVERY_S: Final = 60.0

_log = logging.getLogger(__name__)
_uvicorn_log = logging.getLogger(f"{__name__}.uvicorn")
_uvicorn_log.setLevel(logging.ERROR)  # its warnings are one for each request that is no HTTP
_silent_log = logging.getLogger(f"{__name__}.silent")
_silent_log.disabled = True

_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 10\r\nContent-Length: 0\r\n\r\n"
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Tally:
    """Counts what went wrong, and logs the counts once a minute: a line for each would be a flood of its own."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._next_report = 0.0

    def note(self, what: str) -> None:
        """Count one more."""
        self._counts[what] = self._counts.get(what, 0) + 1
        if time.monotonic() >= self._next_report:
            self._next_report = time.monotonic() + _REPORT_EVERY_S
            asyncio.get_running_loop().call_later(1.0, self.report)

    def report(self) -> None:
        """Log what was counted since the last time."""
        counts, self._counts = self._counts, {}
        if counts:
            _log.warning("connections closed: %s", ", ".join(f"{count} {what}" for what, count in counts.items()))


class _Connection(H11Protocol):
    """One client's connection; among `unproven` until a request of it is granted."""

    def __init__(self, tally: Tally, unproven: "dict[_Connection, None]", **settings: Any) -> None:
        super().__init__(**settings)
        self.logger = _uvicorn_log
        self.app = partial(self._answer, self.app)
        self._tally = tally
        self._unproven = unproven
        self._deadline: asyncio.TimerHandle | None = None
        self._awaits: object = None

    @property
    def is_answering(self) -> bool:
        """Whether a request has come in whole and its answer has not gone out."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_streaming(self) -> bool:
        """Whether its answer goes on until the client has enough."""
        return self.is_answering and bool(self.scope["method"] == "GET")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._unproven[self] = None
        self._limit(h11.IDLE, HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit(None, 0.0)
        self._unproven.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.IDLE:
            self._limit(state, HEAD_S)
        elif state is h11.SEND_BODY:
            self._limit(state, BODY_S)
        else:
            self._limit(None, 0.0)

    def send_400_response(self, msg: str) -> None:
        self._tally.note("whose request was no HTTP")
        super().send_400_response(msg)

    def _limit(self, state: object, seconds: float) -> None:
        """Give what is awaited so much time from now on, unless it is awaited already."""
        if state is self._awaits and state is not None:
            return
        self._awaits = state
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._give_up) if state is not None else None

    def _give_up(self) -> None:
        self._tally.note("whose request took too long")
        if not (self.is_answering and self.cycle.response_started):
            self.transport.write(_TOO_SLOW)
        self.transport.close()
        self.loop.call_later(1.0, self.transport.abort)  # who does not read keeps nothing open

    async def _answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._unproven.pop(self, None)
            await send(message)

        await app(scope, receive, noting)


class BoundedServer(uvicorn.Server):
    """Serves an application on one socket, to so many clients at once as there are descriptors for.

    When all places are taken, a new client gets the place of the one that has held one longest without a request that
    was granted; if there is none, it is refused. So whoever only connects never keeps out who has the token.

    Args:
        leave: called when requests in flight were answered or cut; a process may end here, without unwinding sessions.
    """

    def __init__(self, app: ASGIApp, tls: ssl.SSLContext | None, leave: Callable[[], None] | None) -> None:
        config = uvicorn.Config(
            app,
            http=_Connection,
            log_config=None,
            access_log=False,
            ws="none",
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        super().__init__(config)
        self._tls = tls
        self._leave = leave
        self._tally = Tally()
        self._places = places()
        self._unproven: dict[_Connection, None] = {}
        self._handshakes: dict[asyncio.Task[None], None] = {}
        self._accepting: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Have `serve` return; from any thread."""
        self._say_nothing_of_streams()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn's."""
        self._say_nothing_of_streams()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but connections are accepted one by one, and counted before anything is read."""
        assert sockets
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise RuntimeError("the application did not start")
        self.servers = []
        self._accepting = asyncio.create_task(self._accept(sockets[0]))
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Within a moment: let requests in flight be answered, cut everything else, and leave or unwind."""
        assert self._accepting is not None
        self._accepting.cancel()
        for bound in sockets or ():
            bound.close()
        deadline = time.monotonic() + _GRACE_S
        while time.monotonic() < deadline and any(c.is_answering and not c.is_streaming for c in self._open()):
            await asyncio.sleep(0.01)
        self._tally.report()
        if self._leave is not None:
            self._leave()
        for handshake in list(self._handshakes):
            handshake.cancel()
        for connection in self._open():
            connection.transport.abort()
        await self.lifespan.shutdown()

    def _say_nothing_of_streams(self) -> None:
        """That they are cut, as they are from now on, is nothing to log."""
        for connection in self._open():
            if connection.cycle is not None:
                connection.cycle.logger = _silent_log

    def _open(self) -> list[_Connection]:
        return [connection for connection in list(self.server_state.connections) if isinstance(connection, _Connection)]

    async def _accept(self, listening: socket.socket) -> None:
        listening.setblocking(False)
        while True:
            try:
                connected, _ = await asyncio.get_running_loop().sock_accept(listening)
            except OSError as error:
                self._tally.note(f"before they were accepted ({error.strerror})")
                await asyncio.sleep(0.1)
                continue
            if not await self._has_room():
                self._refuse(connected)
                continue
            handshake = asyncio.create_task(self._serve_one(connected))
            self._handshakes[handshake] = None
            await asyncio.sleep(0)  # until it has begun: accepting alone would never let anything else run

    async def _serve_one(self, connected: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                partial(
                    _Connection,
                    self._tally,
                    self._unproven,
                    config=self.config,
                    server_state=self.server_state,
                    app_state=self.lifespan.state,
                ),
                connected,
                ssl=self._tls,
                ssl_handshake_timeout=HEAD_S if self._tls else None,
                ssl_shutdown_timeout=1.0 if self._tls else None,
            )
        except (OSError, asyncio.CancelledError):  # its socket is closed by then
            self._tally.note("before their first byte" if self._tls is None else "without a TLS handshake")
        finally:
            task = asyncio.current_task()
            assert task is not None
            del self._handshakes[task]

    async def _has_room(self) -> bool:
        """Whether one more may come; who has been there longest without a granted request goes if that makes room."""
        if len(self.server_state.connections) + len(self._handshakes) < self._places:
            return True
        idle = next((connection for connection in self._unproven if not connection.is_answering), None)
        if self._tls is not None and self._handshakes:
            next(iter(self._handshakes)).cancel()
        elif idle is not None:
            idle.transport.abort()
        else:
            return False
        self._tally.note(f"unused, as {self._places} were open")
        await asyncio.sleep(0)  # until it is closed
        return True

    def _refuse(self, connected: socket.socket) -> None:
        self._tally.note(f"at once, as {self._places} were open")
        with connected, suppress(OSError):  # whether it can still be told or not
            connected.setblocking(False)
            if self._tls is None:
                connected.send(_BUSY)


def places() -> int:
    """How many clients there are descriptors for beside the engine's own."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(8, min(MAX_CONNECTIONS, descriptors - SPARE_DESCRIPTORS))


def raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as it has use for, if it may."""
    wanted = MAX_CONNECTIONS + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
