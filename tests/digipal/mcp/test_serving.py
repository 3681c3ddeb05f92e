"""The server as a process and as a listener: over stdio and HTTP, who may reach it, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import Mock

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from digipal.core import EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.mcp.__main__ import main
from digipal.mcp.http import HttpListener, is_loopback
from digipal.mcp.server import MCPServer
from digipal.storage import StorageManager

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@pytest.fixture
def server(core: DigiPalCore) -> MCPServer:
    core.create_new_pet(EggType.RED, "u", "Momo")
    return MCPServer(core)


def served(server: MCPServer, visit: Callable[[str], Awaitable[Any]], **options: Any) -> Any:
    """What a visitor of a listening server comes back with, once the server has ended."""

    async def serve() -> Any:
        listening = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(server.start_server(port=0, listening=listening.set_result, **options))
        await asyncio.wait([listening, serving], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        try:
            return await visit(listening.result())
        finally:
            server.shutdown()
            await asyncio.wait_for(serving, 10)

    return asyncio.run(serve())


def statuses(server: MCPServer, *requests: dict[str, Any], **options: Any) -> list[int]:
    """The HTTP status of a handshake for each set of headers."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}
    accept = {"Accept": "application/json, text/event-stream"}

    async def visit(url: str) -> list[int]:
        async with httpx2.AsyncClient() as client:
            return [(await client.post(url, json=body, headers=accept | headers)).status_code for headers in requests]

    told: list[int] = served(server, visit, **options)
    return told


class TestHttp:
    """Streamable HTTP, in this process."""

    @pytest.mark.slow
    def test_a_client_is_served(self, server: MCPServer) -> None:
        async def visit(url: str) -> Any:
            async with Client(url) as client:
                return await client.call_tool("get_pet_status", {"user_id": "u"})

        assert served(server, visit).structured_content["name"] == "Momo"

    def test_hosts_and_origins(self, server: MCPServer) -> None:
        told = statuses(
            server,
            {},
            {"Host": "localhost:8000"},
            {"Host": "pets.example"},
            {"Host": "rebound.example"},
            {"Origin": "http://localhost:3000"},
            {"Origin": "https://elsewhere.example"},
            reached_as=["pets.example"],
        )
        assert told == [200, 200, 200, 421, 200, 403]

    def test_a_token_is_asked_of_every_request(self, server: MCPServer) -> None:
        told = statuses(
            server,
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic secret"},
            {"Authorization": "Bearer sécret".encode()},
            {"Authorization": "Bearer secret"},
            token="secret",
        )
        assert told == [401, 401, 401, 401, 200]

    def test_a_client_with_the_token_is_served(self, server: MCPServer) -> None:
        async def visit(url: str) -> Any:
            bearing = create_mcp_http_client({"Authorization": "Bearer secret"})
            async with bearing, Client(streamable_http_client(url, http_client=bearing)) as client:
                return await client.call_tool("get_available_actions", {"user_id": "u"})

        assert "meat" in served(server, visit, token="secret").structured_content["actions"]

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "pets.example"])
    def test_others_need_a_token(self, server: MCPServer, host: str) -> None:
        with pytest.raises(ValueError, match="a token is needed"):
            asyncio.run(server.start_server(host, 0))

    def test_loopback(self) -> None:
        assert all(map(is_loopback, ["127.0.0.1", "127.1.2.3", "::1", "localhost"]))
        assert not any(map(is_loopback, ["0.0.0.0", "::", "10.0.0.1", "localhost.example", ""]))

    def test_shutdown_from_another_thread_and_a_new_start(self, server: MCPServer) -> None:
        urls: list[str] = []

        def listening(url: str) -> None:
            urls.append(url)
            Thread(target=server.shutdown).start()

        for _ in range(2):
            asyncio.run(asyncio.wait_for(server.start_server(port=0, listening=listening), 10))
        assert len(urls) == 2

    def test_shutdown_waits_for_no_open_session(self, server: MCPServer) -> None:
        async def visit(url: str) -> str:
            client = await Client(url, mode="legacy").__aenter__()
            name: str = client.protocol_version
            server.shutdown()
            await asyncio.sleep(0)
            await client.__aexit__(None, None, None)
            return name

        assert served(server, visit)


class Process:
    """`python -m digipal.mcp` on a database of its own."""

    def __init__(self, database: Path, *options: str, **environment: str) -> None:
        self.database = database
        self._process = subprocess.Popen(
            [sys.executable, "-m", "digipal.mcp", "--db", str(database), *options],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=database.parent,
        )
        assert self._process.stdin
        assert self._process.stdout
        self.stdin, self.stdout = self._process.stdin, self._process.stdout

    def request(self, number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
        print(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}), file=self.stdin)
        self.stdin.flush()
        told: dict[str, Any] = json.loads(self.stdout.readline())
        assert told["id"] == number
        return told["result"]  # type: ignore[no-any-return]

    def make_a_pet(self) -> None:
        self.request(1, "initialize", INITIALIZE)
        print(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}), file=self.stdin)
        arguments = {"name": "create_new_pet", "arguments": {"user_id": "u", "egg_type": "red", "name": "Momo"}}
        assert not self.request(2, "tools/call", arguments).get("isError")

    def end_by(self, number: signal.Signals) -> tuple[int, str]:
        """Its exit code and complaints when a signal ends it."""
        self._process.send_signal(number)
        self._process.wait(timeout=10)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Its exit code and complaints when its input ends."""
        _, errors = self._process.communicate(timeout=10)
        return self._process.returncode, errors

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(*options: str, **environment: str) -> Process:
        started.append(Process(tmp_path / "pets.db", *options, **environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def names(database: Path) -> list[str]:
    storage = StorageManager(database)
    try:
        return [pet.name for pet in storage.get_user_pets("u")]
    finally:
        storage.close()


@pytest.mark.end_to_end
class TestProcess:
    """The command."""

    def test_stdio_until_its_end(self, start: Callable[..., Process]) -> None:
        process = start()
        process.make_a_pet()
        said = {"name": "interact_with_pet", "arguments": {"user_id": "u", "message": "x" * 20_000_000}}
        answer = process.request(3, "tools/call", said)
        assert answer["isError"]
        assert answer["content"][0]["text"] == "message has 20,000,000 characters; the limit is 65,536"
        assert process.end() == (0, "")
        assert names(process.database) == ["Momo"]
        assert not process.database.with_name("assets").exists()

    def test_stdio_until_a_signal(self, start: Callable[..., Process]) -> None:
        process = start("--simulated-ai", "--ai-latency-ms", "0")
        process.make_a_pet()
        assert process.end_by(signal.SIGTERM) == (0, "")
        assert names(process.database) == ["Momo"]

    def test_http_until_a_signal(self, start: Callable[..., Process]) -> None:
        process = start("--http", "0", DIGIPAL_MCP_TOKEN="secret")
        url = process.stdout.readline().strip()
        assert httpx2.get(url).status_code == 401
        assert process.end_by(signal.SIGTERM) == (0, "")

    def test_http_until_the_end_of_input(self, start: Callable[..., Process]) -> None:
        process = start("--http", "0", "--until-eof")
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        assert process.end() == (0, "")


def test_what_cannot_be_served_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    database = str(tmp_path / "pets.db")
    assert main(["--db", database, "--http", "0", "--host", "0.0.0.0"]) == 2
    assert "others can reach '0.0.0.0': a token is needed" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--db", database, "--http", port]) == 2
    assert f"cannot serve at 127.0.0.1:{port}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--db", "."], "--db .: "),
        (["--db", "gone/p.db"], "--db gone/p.db: the directory "),
        (["--db", "p.db", "--http", "80000"], "'80000' is not a port"),
        (["--db", "p.db", "--simulated-ai", "--ai-error-rate", "5"], "between 0 and 1, not 5.0"),
        ([], "--db"),
    ],
)
def test_wrong_options_are_told(
    options: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert words in capsys.readouterr().err + str(ended.value.code)


def test_each_option_says_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    options = re.split(r"\n  (?=--)", capsys.readouterr().out.partition("options:")[2])[1:]
    assert len(options) == 14
    assert [option for option in options if not re.search(r"\((default:|required)", option)] == []


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_the_url_of_an_ipv6_address(host: str) -> None:
    listener = HttpListener(MCPServer(Mock(spec=DigiPalCore)).server, host, 0)
    with listener._socket as bound:
        assert listener.url == f"http://[::1]:{bound.getsockname()[1]}/mcp"
