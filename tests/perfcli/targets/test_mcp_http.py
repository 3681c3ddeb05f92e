"""Why an MCP server cannot be used: each failure is named, with what to do; and who is sent the token."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx2
import pytest
from mcp import MCPError

from digipal.ai import SimulatedAI
from digipal.core.digipal_core import DigiPalCore
from digipal.mcp.http import HttpListener
from digipal.mcp.server import MCPServer
from digipal.storage import StorageManager
from perfcli.errors import PerfError
from perfcli.targets import mcp_http
from perfcli.targets.mcp_http import NotingClient, http_client, is_loopback, reason_of
from perfcli.targets.mcp_sessions import HttpSession, LostCall, Session, Sessions
from tests.tls import make_certificate

Serve = Callable[..., str]
Opened = tuple[Sessions, Session, Callable[[], None]]


class Scripted:
    """A server that gives every connection the same bytes, and notes what it was sent."""

    def __init__(self, answer: bytes, tls: ssl.SSLContext | None, *, silent: bool, resets: bool) -> None:
        self.heard: list[bytes] = []
        self._answer, self._tls, self._silent, self._resets = answer, tls, silent, resets
        self._over = Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._over.is_set():
            connection = self._socket.accept()[0]
            try:
                with closing(self._tls.wrap_socket(connection, server_side=True) if self._tls else connection) as talk:
                    talk.settimeout(5)
                    self.heard.append(talk.recv(65536))
                    if self._silent:
                        self._over.wait(5)
                    if self._resets:
                        talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        continue
                    talk.sendall(self._answer)
                    # closing with a part of the request unread would reset the connection, and the answer with it
                    talk.shutdown(socket.SHUT_WR)
                    while talk.recv(65536):
                        pass
            except OSError:
                connection.close()  # a handshake that fails is what some tests are about

    def close(self) -> None:
        self._over.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    started: list[Scripted] = []

    def start(
        answer: bytes = b"", tls: ssl.SSLContext | None = None, *, silent: bool = False, resets: bool = False
    ) -> Scripted:
        started.append(Scripted(answer, tls, silent=silent, resets=resets))
        return started[-1]

    yield start
    for server in started:
        server.close()


def response(status: int, kind: str = "text/html", body: bytes = b"<p>no", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def problem(url: str) -> str:
    """What opening a session at a URL ends with, without the beginning that all have."""
    sessions = Sessions()
    try:
        with pytest.raises(PerfError) as caught:
            sessions.over_http(url)
    finally:
        sessions.close()
    beginning = f"cannot use the MCP server at {url}: "
    assert caught.value.message.startswith(beginning)
    return caught.value.message.removeprefix(beginning)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "DIGIPAL_MCP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    mcp_http._tls.cache_clear()


STATUSES = {
    400: "it refuses the request (HTTP 400 Bad Request): check target.mcp.url, and look at the server's log",
    401: "it asks for a token (HTTP 401 Unauthorized): set DIGIPAL_MCP_TOKEN",
    403: "it refuses this client (HTTP 403 Forbidden): check the permissions of DIGIPAL_MCP_TOKEN at the server",
    404: "nothing is served at this path (HTTP 404 Not Found): use its MCP endpoint, such as http://HERE/mcp",
    405: "this path takes no MCP messages (HTTP 405 Method Not Allowed): use its MCP endpoint, such as http://HERE/mcp",
    421: "it does not go by the name 127.0.0.1 (HTTP 421 Misdirected Request): start it with --reached-as 127.0.0.1",
    429: "it is asked too often (HTTP 429 Too Many Requests): use fewer vus or a lower rate",
    500: "it failed (HTTP 500 Internal Server Error): look at the server's log",
    503: "it takes no more requests (HTTP 503 Service Unavailable): wait, use fewer vus, or raise its limit on "
    "connections",
    599: "it failed (HTTP 599): look at the server's log",
}


class TestReasons:
    """One sentence: what is wrong, and what to do."""

    @pytest.mark.parametrize(("status", "expected"), STATUSES.items(), ids=map(str, STATUSES))
    def test_statuses(self, scripted: Callable[..., Scripted], status: int, expected: str) -> None:
        here = f"127.0.0.1:{scripted(response(status)).port}"
        assert problem(f"http://{here}/") == expected.replace("HERE", here)

    def test_a_wrong_token(self, scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIGIPAL_MCP_TOKEN", "wrong")
        server = scripted(response(401))
        assert problem(f"http://127.0.0.1:{server.port}/mcp") == (
            "it refuses the token in DIGIPAL_MCP_TOKEN (HTTP 401 Unauthorized): "
            "set it to the token the server was started with"
        )
        assert b"Bearer wrong" in server.heard[0]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (response(200), "its answer is text/html, not MCP: use its MCP endpoint, such as http://"),
            (response(200, "application/json", b"{}"), "its answer is no MCP message: use its MCP endpoint"),
            (response(200, "application/json", b"oops"), "its answer is no MCP message: use its MCP endpoint"),
            (b"", "it closed the connection without an answer (Server disconnected without sending a response.): look"),
            (b"SSH-2.0-OpenSSH_9.6\r\n", "it closed the connection without an answer ("),
            (response(307, "text/html", b"", "Location: /pets/?secret=1"), "its answer"),
            (
                response(302, "text/html", b"", "Location: http://u:p@elsewhere.invalid/mcp?secret=1"),
                "it redirects to http://elsewhere.invalid/mcp, which is not followed: put the right URL",
            ),
        ],
        ids=["html", "json", "no json", "nothing", "another protocol", "here", "elsewhere"],
    )
    def test_what_is_no_mcp_server(self, scripted: Callable[..., Scripted], answer: bytes, expected: str) -> None:
        told = problem(f"http://127.0.0.1:{scripted(answer).port}/")
        if expected == "its answer":
            assert "it redirects to http://127.0.0.1" in told
        else:
            assert told.startswith(expected)
        assert "secret" not in told

    def test_nothing_listens(self) -> None:
        assert problem("http://127.0.0.1:9/mcp") == (
            "nothing listens at 127.0.0.1:9 (connection refused): start the server, or correct the port"
        )
        assert problem("http://[::1]:9/mcp").startswith("nothing listens at [::1]:9 ")

    def test_an_unknown_host(self) -> None:
        assert problem("http://no-such-host.invalid/mcp") == (
            "the host name no-such-host.invalid cannot be resolved: check its spelling"
        )

    def test_no_answer_in_time(self, scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mcp_http, "OPENING_READ_S", 0.1)
        told = problem(f"http://127.0.0.1:{scripted(silent=True).port}/mcp")
        assert told.endswith("s: look at what the server does")

    def test_a_connection_that_takes_too_long(self) -> None:
        client = NotingClient()
        client.failure = httpx2.ConnectTimeout("")
        assert reason_of("http://192.0.2.1/mcp", client, client.failure) == (
            "no connection to 192.0.2.1:80 within 15 s: check host, port and firewall"
        )

    def test_an_error_in_the_protocol(self) -> None:
        client, error = NotingClient(), MCPError(-32602, "no such\ntool")
        client.response = httpx2.Response(200, headers={"content-type": "application/json"})
        assert reason_of("http://h/mcp", client, error) == "it answers with an error: no such tool"


class TestALostServer:
    """One that is gone after the sessions were opened."""

    @pytest.fixture
    def sessions(self, tmp_path: Path) -> Iterator[Opened]:
        storage = StorageManager(tmp_path / "theirs.db")
        listener = HttpListener(MCPServer(DigiPalCore(storage, SimulatedAI(latency_ms=0))).server, "127.0.0.1", 0)
        thread = Thread(target=asyncio.run, args=(listener.serve(),))
        thread.start()

        def stop() -> None:
            listener.stop()
            thread.join()

        sessions = Sessions()
        yield sessions, sessions.over_http(listener.url), stop
        stop()
        storage.close()

    def test_calls_say_so(self, sessions: Opened) -> None:
        opened, session, stop = sessions
        assert not opened.call(session, "create_new_pet", {"user_id": "u", "egg_type": "red"}).is_error
        stop()
        for _ in range(3):
            with pytest.raises(LostCall, match=r"nothing listens at|closed the connection without an answer") as lost:
                opened.call(session, "get_pet_status", {"user_id": "u"})
        assert (lost.value.is_cut_off, lost.value.is_timeout) == (True, False)
        opened.close()

    def test_the_end_says_so_if_no_call_did(self, sessions: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
        opened, _, stop = sessions
        stop()
        (session,) = opened._http
        monkeypatch.setattr(session, "close", partial(_end_with_group, session))
        with pytest.raises(PerfError, match=r"lost the MCP server at http://.*: it closed the connection"):
            opened.close()

    def test_a_session_is_opened_anew_when_the_server_is_there_again(
        self, sessions: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened, session, _ = sessions
        assert isinstance(session, HttpSession)
        user = {"user_id": "u"}
        assert not opened.call(session, "create_new_pet", {**user, "egg_type": "red"}).is_error
        lost = session.client
        send = httpx2.AsyncClient.send

        async def fail(self: httpx2.AsyncClient, request: httpx2.Request, **settings: Any) -> httpx2.Response:
            raise httpx2.ReadError("gone")

        monkeypatch.setattr(httpx2.AsyncClient, "send", fail)
        for _ in range(2):
            with pytest.raises(LostCall, match="closed the connection without an answer"):
                opened.call(session, "get_pet_status", user)
        monkeypatch.setattr(httpx2.AsyncClient, "send", send)
        assert not opened.call(session, "get_pet_status", user).is_error
        assert session.client is not lost
        opened.close()


async def _end_with_group(session: HttpSession) -> None:
    session.http.failure = httpx2.ReadError("gone")
    session.end_error = ExceptionGroup("unhandled errors in a TaskGroup", [session.http.failure])


class TestTls:
    """Certificates, and plain text where the other speaks TLS."""

    @pytest.mark.parametrize(
        ("host", "days", "trusted", "expected"),
        [
            ("127.0.0.1", 1, False, "set SSL_CERT_FILE to the certificate of the authority that signed it"),
            ("pets.example", 1, True, "use the name in the certificate"),
            ("127.0.0.1", -1, True, "renew it, or set this machine's clock"),
            ("127.0.0.1", 1, True, ""),
        ],
        ids=["self-signed", "another name", "expired", "trusted"],
    )
    def test_certificates(
        self,
        scripted: Callable[..., Scripted],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        host: str,
        days: int,
        trusted: bool,
        expected: str,
    ) -> None:
        certificate, key = make_certificate(tmp_path, host, days=days)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        told = problem(f"https://127.0.0.1:{scripted(response(500), tls).port}/mcp")
        if expected:
            assert told.startswith("its TLS certificate is not trusted (")
            assert told.endswith(expected)
        else:
            assert told.startswith("it failed (HTTP 500")

    @pytest.mark.parametrize("ends", ["by a reset", "without an answer"])
    def test_a_connection_that_ends_after_the_handshake(
        self, scripted: Callable[..., Scripted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
    ) -> None:
        certificate, key = make_certificate(tmp_path)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        told = problem(f"https://127.0.0.1:{scripted(b'', tls, resets=ends == 'by a reset').port}/mcp")
        assert told.startswith("it closed the connection without an answer (")

    @pytest.mark.parametrize(
        ("failure", "expected"),
        [
            (httpx2.ConnectError("end"), "it does not speak TLS (UNEXPECTED_EOF_WHILE_READING): use http"),
            (httpx2.ReadError("end"), "it closed the connection without an answer (end): look at its log"),
        ],
    )
    def test_an_end_is_the_handshakes_only_while_it_connects(self, failure: httpx2.HTTPError, expected: str) -> None:
        end = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
        end.reason = "UNEXPECTED_EOF_WHILE_READING"
        failure.__cause__ = end
        client = NotingClient()
        client.failure = failure
        assert reason_of("https://127.0.0.1:1/mcp", client, failure).startswith(expected)

    def test_tls_to_a_server_without(self, scripted: Callable[..., Scripted]) -> None:
        told = problem(f"https://127.0.0.1:{scripted(response(400)).port}/mcp")
        assert told == "it does not speak TLS (WRONG_VERSION_NUMBER): use http:// in target.mcp.url"

    def test_plain_text_to_a_server_with_tls(self, scripted: Callable[..., Scripted], tmp_path: Path) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*make_certificate(tmp_path))
        told = problem(f"http://127.0.0.1:{scripted(tls=tls).port}/mcp")
        assert told.startswith("it closed the connection without an answer (")
        assert told.endswith("or use https:// if it expects TLS")


class TestProxies:
    """A proxy is for other machines."""

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
    @pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "nonsense"])
    def test_loopback_is_never_proxied(
        self, scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
    ) -> None:
        monkeypatch.setenv(name, proxy)
        port = scripted(response(404)).port
        for host in ("127.0.0.1", "localhost", "127.1.2.3"):
            if host != "127.1.2.3":
                assert "HTTP 404" in problem(f"http://{host}:{port}/mcp")
            assert not http_client(f"http://{host}/mcp").trust_env

    def test_a_proxy_is_named_where_it_stands_between(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")
        told = problem("http://pets.example/mcp")
        assert told.endswith(
            "; it is reached by way of the proxy http://127.0.0.1:9, unless NO_PROXY names pets.example"
        )
        monkeypatch.setenv("NO_PROXY", "pets.invalid")
        assert "proxy" not in problem("http://pets.invalid/mcp")

    def test_loopback(self) -> None:
        assert all(map(is_loopback, ["127.0.0.1", "127.8.9.1", "127.1", "::1", "localhost", "LOCALHOST", "localhost."]))
        assert not any(map(is_loopback, ["10.0.0.1", "0.0.0.0", "::", "localhost.example", "", "128.0.0.1", "fe80::1"]))


class TestToken:
    """It goes to loopback or through TLS, and nowhere else."""

    @pytest.mark.parametrize("url", ["http://pets.example/mcp", "http://10.0.0.1/mcp", "http://0.0.0.0:8000/mcp"])
    def test_never_in_the_clear(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIGIPAL_MCP_TOKEN", "secret")
        sessions = Sessions()
        try:
            with pytest.raises(
                PerfError, match=r"DIGIPAL_MCP_TOKEN is not sent to http://.*others could read"
            ) as caught:
                sessions.over_http(url)
        finally:
            sessions.close()
        assert caught.value.message.endswith("; use https:// in target.mcp.url, or unset DIGIPAL_MCP_TOKEN")

    @pytest.mark.parametrize("url", ["https://pets.example/mcp", "http://127.0.0.1/mcp", "http://[::1]:80/mcp"])
    def test_where_it_may_go(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIGIPAL_MCP_TOKEN", "secret")
        assert http_client(url).headers["Authorization"] == "Bearer secret"

    @pytest.mark.parametrize("token", ["two words", "line\n", "sécret", "a\tb", "\x7f"])
    def test_what_no_header_can_carry(self, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIGIPAL_MCP_TOKEN", token)
        with pytest.raises(PerfError, match="that no HTTP header can carry") as caught:
            http_client("http://127.0.0.1/mcp")
        assert token not in str(caught.value)

    def test_no_redirect_takes_it_along(
        self, scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DIGIPAL_MCP_TOKEN", "secret")
        thief = scripted(response(200))
        server = scripted(response(307, "text/html", b"", f"Location: http://127.0.0.1:{thief.port}/mcp"))
        assert "it redirects to " in problem(f"http://127.0.0.1:{server.port}/mcp")
        assert thief.heard == []
