"""The relay before an MCP server: it passes on bytes, cuts connections on order, and ends with who started it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from perfcli.errors import PerfError
from perfcli.targets import mcp_http
from perfcli.targets.mcp_http import http_client
from perfcli.targets.relay import Relay
from tests.tls import make_certificate

pytestmark = pytest.mark.slow

BIG = os.urandom(3_000_000)
HELD = """
import sys, time
from perfcli.targets.relay import Relay
relay = Relay(sys.argv[1])
print(relay.port, relay._process.pid, flush=True)
time.sleep(60)
"""


class Echo:
    """A server that sends back what it receives until that ends, or one answer over TLS."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[bytes] = []
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            Thread(target=self._answer if self._tls else self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65_536):
                    connection.sendall(data)
            except ConnectionError:
                pass

    def _answer(self, connection: socket.socket) -> None:
        assert self._tls
        with self._tls.wrap_socket(connection, server_side=True) as talk:
            self.heard.append(talk.recv(65_536))
            talk.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    def close(self) -> None:
        with suppress(OSError):  # it was closed before
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def relay(echo: Echo) -> Iterator[Relay]:
    relay = Relay(echo.url)
    yield relay
    relay.close()


def connected(relay: Relay) -> socket.socket:
    return socket.create_connection(("127.0.0.1", relay.port), timeout=10)


def said(connection: socket.socket, data: bytes) -> bytes:
    """What comes back; sent from a thread, as both sides may have to wait."""
    sender = Thread(target=connection.sendall, args=(data,))
    sender.start()
    received = bytearray()
    while len(received) < len(data):
        received += connection.recv(65_536)
    sender.join()
    return bytes(received)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_bytes_pass_both_ways_until_both_have_ended(relay: Relay) -> None:
    with connected(relay) as one, connected(relay) as other:
        assert said(one, b"hello") == b"hello"
        assert said(other, BIG) == BIG
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""


def test_a_cut_resets_what_is_open_and_refuses_the_rest(relay: Relay) -> None:
    with connected(relay) as one, connected(relay) as other:
        assert said(one, b"1") + said(other, b"2") == b"12"
        outer, inner = relay.cut(), relay.cut()
        assert (outer.connections, inner.connections) == (2, 0)
        for connection in (one, other):
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        assert not listens(relay.port)
        outer.lift()
        assert not listens(relay.port), "another cut is on"
        assert relay.fails_calls
        inner.lift()
    with connected(relay) as again:
        assert said(again, b"3") == b"3"


def test_a_server_that_is_gone_resets_the_connection(echo: Echo, relay: Relay) -> None:
    echo.close()
    # the reset may arrive before connect() has returned
    with pytest.raises(ConnectionResetError), connected(relay) as one:
        one.recv(1)


def test_nothing_listens_when_it_is_closed(echo: Echo) -> None:
    relay = Relay(echo.url)
    relay.close()
    assert not listens(relay.port)
    with pytest.raises((PerfError, ValueError)):
        relay.cut()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_who_started_it(echo: Echo, number: signal.Signals) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HELD, echo.url], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    port, pid = map(int, holder.stdout.readline().split())
    assert listens(port)
    holder.send_signal(number)
    holder.communicate()
    until(lambda: not listens(port))
    until(lambda: not Path(f"/proc/{pid}").exists() if sys.platform == "linux" else True)


def test_the_servers_name_stays_in_the_handshake_and_in_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    names: list[str | None] = []
    tls.sni_callback = lambda connection, name, context: names.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    mcp_http._tls.cache_clear()
    server = Echo(tls)
    url = f"https://localhost:{server.port}/mcp"
    relay = Relay(url)

    async def ask() -> httpx2.Response:
        async with http_client(url, make_transport=relay.transport) as client:
            return await client.get(url)

    try:
        answer = asyncio.run(ask())
    finally:
        relay.close()
        server.close()
        mcp_http._tls.cache_clear()
    assert (answer.text, str(answer.request.url)) == ("hi", url)
    assert names == ["localhost"]
    assert f"host: localhost:{server.port}".encode() in server.heard[0].lower()


def test_it_does_not_stand_before_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(PerfError, match=r"and http://proxy\.example:3128 stands between: set NO_PROXY=pets\.example"):
        Relay("https://pets.example/mcp")
