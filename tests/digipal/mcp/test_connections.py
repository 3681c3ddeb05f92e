"""What clients may take of the HTTP server: floods, slow and oversized requests, TLS, and an end within a second."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from digipal.core import DigiPal, EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.mcp import connections
from digipal.mcp.__main__ import main
from digipal.mcp.http import MAX_BODY_BYTES, server_tls
from digipal.mcp.server import MCPServer
from tests.tls import make_certificate

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
INITIALIZE = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    b'"clientInfo":{"name":"test","version":"1"}}}'
)
STATUS = (
    b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get_pet_status","arguments":{"user_id":"u"}}}'
)
Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def server(core: DigiPalCore) -> MCPServer:
    core.create_new_pet(EggType.RED, "u", "Momo")
    return MCPServer(core)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten places, and little time."""
    monkeypatch.setattr(connections, "places", lambda: 10)
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    monkeypatch.setattr(connections, "BODY_S", 0.3)


def served(server: MCPServer, visit: Callable[[int], Awaitable[Any]], **options: Any) -> Any:
    """What a visitor of the server's port comes back with, once the server has ended."""

    async def serve() -> Any:
        listening = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(server.start_server(port=0, listening=listening.set_result, **options))
        try:
            return await visit(httpx2.URL(await listening).port or 0)
        finally:
            server.shutdown()
            await asyncio.wait_for(serving, 10)
            await close_all()

    return asyncio.run(serve())


def post(body: bytes, *headers: bytes) -> bytes:
    head = [b"POST /mcp HTTP/1.1", b"Host: 127.0.0.1", b"Accept: application/json, text/event-stream"]
    head += [b"Content-Type: application/json", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*head, b"", body])


async def connect(port: int, **options: Any) -> Talk:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    _opened.append(writer)
    return reader, writer


_opened: list[asyncio.StreamWriter] = []


async def close_all() -> None:
    """Close what `connect` has opened."""
    while _opened:
        _opened[-1].transport.abort()
        with suppress(OSError):
            await _opened.pop().wait_closed()


async def ask(talk: Talk, request: bytes) -> tuple[int, bytes]:
    """The status of the answer, and its head."""
    reader, writer = talk
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if lengths:
        await reader.readexactly(int(lengths[0].partition(b":")[2]))
    return int(head.split()[1]), head


async def is_closed(talk: Talk) -> bool:
    """Whether the server has closed the connection, within a moment."""
    try:
        return await asyncio.wait_for(talk[0].read(), 5) is not None
    except ConnectionError:
        return True
    except TimeoutError:
        return False


BEARING = b"Authorization: Bearer secret"


@pytest.mark.usefixtures("few")
class TestPlaces:
    """Whoever only connects keeps nobody out."""

    def test_a_flood_of_idle_connections(self, server: MCPServer, caplog: pytest.LogCaptureFixture) -> None:
        async def visit(port: int) -> list[int]:
            known = await connect(port)
            statuses = [(await ask(known, post(INITIALIZE, BEARING)))[0]]
            flood = [await connect(port) for _ in range(100)]
            (listener,) = server._listeners
            assert len(listener._server.server_state.connections) <= 10
            statuses.append((await ask(known, post(INITIALIZE, BEARING)))[0])
            statuses.append((await ask(await connect(port), post(INITIALIZE, BEARING)))[0])
            assert all([await is_closed(talk) for talk in flood])
            return statuses

        assert served(server, visit, token="secret") == [200, 200, 200]
        assert len(caplog.records) <= 2
        assert "unused, as 10 were open" in caplog.text

    def test_requests_without_the_token_prove_nothing(self, server: MCPServer) -> None:
        async def visit(port: int) -> int:
            flood = [await connect(port) for _ in range(10)]
            assert {(await ask(talk, post(INITIALIZE)))[0] for talk in flood} == {401}
            return (await ask(await connect(port), post(INITIALIZE, BEARING)))[0]

        assert served(server, visit, token="secret") == 200

    def test_when_all_have_the_token_one_more_is_refused(
        self, server: MCPServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def visit(port: int) -> list[int]:
            known = [await connect(port) for _ in range(10)]
            for talk in known:
                assert (await ask(talk, post(INITIALIZE, BEARING)))[0] == 200
            refused = [(await ask(await connect(port), b""))[0] for _ in range(20)]
            assert [(await ask(talk, post(INITIALIZE, BEARING)))[0] for talk in known] == [200] * 10
            known[0][1].close()
            await asyncio.sleep(0.05)
            return [*refused, (await ask(await connect(port), post(INITIALIZE, BEARING)))[0]]

        assert served(server, visit, token="secret") == [503] * 20 + [200]
        assert [record.getMessage() for record in caplog.records] == ["connections closed: 20 at once, as 10 were open"]

    def test_a_flood_without_a_handshake(self, server: MCPServer, tmp_path: Path) -> None:
        tls = server_tls(*make_certificate(tmp_path))
        trusting = ssl.create_default_context(cafile=tmp_path / "127.0.0.1.pem")

        async def visit(port: int) -> int:
            flood = [await connect(port) for _ in range(50)]
            status, _ = await ask(await connect(port, ssl=trusting), post(INITIALIZE, BEARING))
            assert all([await is_closed(talk) for talk in flood])
            return status

        assert served(server, visit, token="secret", tls=tls) == 200


@pytest.mark.usefixtures("few")
class TestTime:
    """A request that trickles in is given up, whatever it is made of."""

    @pytest.mark.parametrize(
        "beginning",
        [b"", b"POST /mcp HT", b"POST /mcp HTTP/1.1\r\nHost: x\r\nX: ", post(INITIALIZE)[:-10]],
        ids=["nothing", "half a line", "half a head", "half a body"],
    )
    def test_byte_by_byte(self, server: MCPServer, beginning: bytes, caplog: pytest.LogCaptureFixture) -> None:
        async def visit(port: int) -> tuple[bytes, float]:
            reader, writer = await connect(port)
            writer.write(beginning)
            began, answer = time.monotonic(), asyncio.create_task(reader.read())
            while not answer.done() and time.monotonic() - began < 5:
                if beginning and not writer.is_closing():
                    writer.write(b" ")
                await asyncio.sleep(0.05)
            return await answer, time.monotonic() - began

        answer, took_s = served(server, visit)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert took_s < 3
        assert "1 whose request took too long" in caplog.text

    def test_a_second_request_has_its_own_time(self, server: MCPServer) -> None:
        async def visit(port: int) -> list[int]:
            talk = await connect(port)
            statuses = []
            for _ in range(4):
                statuses.append((await ask(talk, post(INITIALIZE)))[0])
                await asyncio.sleep(0.15)
            talk[1].write(b"POST /m")
            return [*statuses, int((await talk[0].read()).split()[1])]

        assert served(server, visit) == [200, 200, 200, 200, 408]


class TestSize:
    """A request has a bound, and what is no HTTP is no line in the log."""

    def test_too_much(self, server: MCPServer, caplog: pytest.LogCaptureFixture) -> None:
        chunked = post(b"")[:-2].replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"\r\n"
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        requests = [
            post(b" " * (MAX_BODY_BYTES + 1)),
            post(b"")[:-2].replace(b"Content-Length: 0", b"Content-Length: 99999999999") + b"\r\n",
            chunked + chunk * 17,
            b"GET /mcp HTTP/1.1\r\nX: " + b"x" * 40_000,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        ]

        async def visit(port: int) -> list[int]:
            statuses = []
            for request in requests:
                talk = await connect(port)
                statuses.append((await ask(talk, request))[0])
                talk[1].close()
            return [*statuses, (await ask(await connect(port), post(INITIALIZE + b" " * 900_000)))[0]]

        assert served(server, visit) == [413, 413, 413, 400, 400, 200]
        assert len(caplog.records) <= 1


class TestTls:
    """https:// with a certificate of one's own."""

    def test_a_client_over_tls(self, server: MCPServer, tmp_path: Path) -> None:
        certificate, key = make_certificate(tmp_path)
        both = tmp_path / "both.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())

        async def visit(port: int) -> Any:
            trusting = httpx2.AsyncClient(
                verify=ssl.create_default_context(cafile=certificate), headers={"Authorization": "Bearer secret"}
            )
            transport = streamable_http_client(f"https://127.0.0.1:{port}/mcp", http_client=trusting)
            async with trusting, Client(transport) as client:
                return await client.call_tool("get_pet_status", {"user_id": "u"})

        for tls in (server_tls(certificate, key), server_tls(both)):
            assert served(server, visit, token="secret", tls=tls).structured_content["name"] == "Momo"

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda folder: (folder / "none.pem", None), "No such file or directory"),
            (lambda folder: (make_certificate(folder)[0], None), "they hold no certificate and its key in PEM format"),
            (
                lambda folder: (make_certificate(folder)[0], make_certificate(folder, "other")[1]),
                "the key belongs to another certificate",
            ),
            (lambda folder: (ROOT / "README.md", None), "they hold no certificate and its key in PEM format"),
        ],
    )
    def test_files_that_do_not_serve(self, tmp_path: Path, make: Any, words: str) -> None:
        with pytest.raises(ValueError, match=words) as caught:
            server_tls(*make(tmp_path))
        assert ".pem" in str(caught.value) or "README" in str(caught.value)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--tls-cert", "c.pem"], "--tls-cert and --tls-key need --http"),
            (["--http", "0", "--tls-key", "k.pem"], "--tls-key needs --tls-cert"),
        ],
    )
    def test_options_that_go_together(self, options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["--db", "p.db", *options])
        assert words in capsys.readouterr().err


class TestEnd:
    """Streams are cut, requests in flight answered or cut."""

    def test_a_request_in_flight_is_answered(self, server: MCPServer, monkeypatch: pytest.MonkeyPatch) -> None:
        def slow(*_: Any) -> DigiPal | None:
            time.sleep(0.1)
            return None

        monkeypatch.setattr(server.digipal_core, "get_pet_state", slow)
        assert self.answer_at_the_end(server) == 200

    def test_one_that_takes_too_long_is_cut(self, server: MCPServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server.digipal_core, "get_pet_state", lambda _: time.sleep(2))
        assert self.answer_at_the_end(server) == 0

    def answer_at_the_end(self, server: MCPServer) -> int:
        left: list[float] = []

        async def visit(port: int) -> int:
            talk = await connect(port)
            _, head = await ask(talk, post(INITIALIZE))
            (session,) = [line for line in head.split(b"\r\n") if line.lower().startswith(b"mcp-session-id")]
            stream = await connect(port)
            stream[1].write(
                b"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n" + session + b"\r\n\r\n"
            )
            await stream[0].readuntil(b"\r\n\r\n")
            asking = asyncio.create_task(ask(talk, post(STATUS, session)))
            await asyncio.sleep(0.05)
            began = time.monotonic()
            server.shutdown()
            try:
                status, _ = await asking
            except (asyncio.IncompleteReadError, ConnectionError):
                status = 0
            assert await is_closed(stream)
            assert left[0] - began < 1
            return status

        return int(served(server, visit, leave=lambda: left.append(time.monotonic())))

    @pytest.mark.parametrize(
        ("sessions", "number"),
        [
            pytest.param(30, signal.SIGTERM, marks=[pytest.mark.end_to_end, pytest.mark.slow]),
            pytest.param(1000, signal.SIGTERM, marks=pytest.mark.nightly),
            pytest.param(1000, signal.SIGINT, marks=pytest.mark.nightly),
        ],
    )
    def test_a_process_with_open_sessions(self, tmp_path: Path, sessions: int, number: signal.Signals) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "digipal.mcp", "--db", str(tmp_path / "pets.db"), "--http", "0"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            assert process.stderr
            try:
                port = httpx2.URL(process.stdout.readline().strip()).port or 0
                asyncio.run(self.open_sessions_and_end(port, sessions, lambda: process.send_signal(number)))
                assert process.wait(10) == 0
                assert process.stderr.read() == ""
            finally:
                process.kill()

    async def open_sessions_and_end(self, port: int, sessions: int, end: Callable[[], None]) -> None:
        streams: list[Talk] = []
        for _ in range(sessions):
            talk = await connect(port)
            status, head = await ask(talk, post(INITIALIZE))
            assert status == 200
            (session,) = [line for line in head.split(b"\r\n") if line.lower().startswith(b"mcp-session-id")]
            talk[1].write(
                b"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n" + session + b"\r\n\r\n"
            )
            await talk[0].readuntil(b"\r\n\r\n")
            streams.append(talk)
        began = time.monotonic()
        end()
        assert await is_closed(streams[-1])
        assert time.monotonic() - began < 1
        await close_all()


class TestDescriptors:
    """Places leave the engine its own descriptors."""

    @pytest.mark.parametrize(("limit", "expected"), [(256, 64), (1024, 832), (10**6, 2048), (64, 8), (-1, 2048)])
    def test_places(self, monkeypatch: pytest.MonkeyPatch, limit: int, expected: int) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
        assert connections.places() == expected

    @pytest.mark.parametrize(
        ("limits", "raised"),
        [((256, 1024), (1024, 1024)), ((1024, -1), (2240, -1)), ((4096, 9999), None), ((-1, -1), None)],
    )
    def test_raising_the_limit(
        self, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], raised: tuple[int, int] | None
    ) -> None:
        told: list[tuple[int, int]] = []
        monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
        monkeypatch.setattr(resource, "setrlimit", lambda _, limits: told.append(limits))
        connections.raise_descriptor_limit()
        assert told == ([raised] if raised else [])


@pytest.fixture(autouse=True)
def warnings_are_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
