"""The tool's end of a relay (`perfcli.targets.relay_process`), and an HTTP transport that goes by way of it."""

from __future__ import annotations

import select
import ssl
import subprocess
import sys
import time
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

import httpx2

from perfcli.errors import PerfError
from perfcli.targets.mcp_http import proxy_for
from perfcli.targets.protocol import Cut

_PROGRAM: Final = Path(__file__).with_name("relay_process.py")
_ANSWERS_WITHIN_S: Final = 5.0
_STARTS_WITHIN_S: Final = 30.0
_ENDS_WITHIN_S: Final = 5.0
_FAILS_UNTIL_S: Final = 1.0
"""A call that was cut off may be heard of when the cut is over."""


class Relay:
    """Between the vus of this process and a server: a process of its own, which ends when this one does.

    Args:
        is_ours: whether the run started that server, which no proxy stands before.

    Raises:
        PerfError: a proxy stands between, or the relay does not start.
    """

    def __init__(self, url: str, *, is_ours: bool = False) -> None:
        parts = urlsplit(url)
        if not is_ours and (proxy := proxy_for(url)):
            raise PerfError(
                f"the fault cut needs a connection to {parts.hostname} without a proxy, and {proxy} stands between: "
                f"set NO_PROXY={parts.hostname}"
            )
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAM), parts.hostname or "", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._ordering = Lock()
        self._cuts = 0
        self._lifted_s = -_FAILS_UNTIL_S
        self.port = self._answer(_STARTS_WITHIN_S)

    def cut(self) -> Cut:
        """Reset all connections, and refuse others until each cut is lifted.

        Raises:
            PerfError: the relay is gone.
        """
        with self._ordering:
            self._cuts += 1
            reset = self._order("cut")

        def lift() -> None:
            with self._ordering:
                self._cuts -= 1
                if not self._cuts:
                    self._lifted_s = time.monotonic()
                    self._order("lift")

        return Cut(lift, reset)

    @property
    def fails_calls(self) -> bool:
        """Whether a call that was cut off just now may be its doing."""
        return self._cuts > 0 or time.monotonic() < self._lifted_s + _FAILS_UNTIL_S

    def transport(self, trusted: ssl.SSLContext) -> httpx2.AsyncBaseTransport:
        """For clients whose requests go by way of it, and whom they trust."""
        return _ByWayOf(self.port, trusted)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _order(self, order: str) -> int:
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{order}\n".encode())
        except OSError as error:
            raise PerfError("the relay to the MCP server is gone") from error
        return self._answer(_ANSWERS_WITHIN_S)

    def _answer(self, within_s: float) -> int:
        """The number it prints next."""
        assert self._process.stdout
        is_there, _, _ = select.select([self._process.stdout], [], [], within_s)
        answer = self._process.stdout.readline() if is_there else b""
        if not answer:
            raise PerfError("the relay to the MCP server does not answer")
        return int(answer)


class _ByWayOf(httpx2.AsyncBaseTransport):
    """Connects to the relay, and asks for the server: its name stays in the Host header and in the TLS handshake."""

    def __init__(self, port: int, trusted: ssl.SSLContext) -> None:
        self._port = port
        self._transport = httpx2.AsyncHTTPTransport(verify=trusted, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """As httpx2's own."""
        url = request.url
        relayed = httpx2.Request(
            request.method,
            url.copy_with(host="127.0.0.1", port=self._port),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": url.raw_host.decode("ascii")},
        )
        return await self._transport.handle_async_request(relayed)

    async def aclose(self) -> None:
        """As httpx2's own."""
        await self._transport.aclose()
