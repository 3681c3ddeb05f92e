"""The HTTP client of MCP sessions: who is sent the token, who is reached without a proxy, and what came back last."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from perfcli.errors import PerfError

TOKEN_VARIABLE: Final = "DIGIPAL_MCP_TOKEN"
OPENING_READ_S: Final = 20.0
LEAST_READ_S: Final = 300.0
CONNECT_S: Final = 15.0
_OTHERWISE_S: Final = 30.0


class NotingClient(httpx2.AsyncClient):
    """Notes how its last POST ended, as the SDK does not pass that on."""

    is_open = False
    """Whether its session is: until then, an answer has less time."""
    open_read_s = LEAST_READ_S
    """How long an answer may take from then on."""
    failure: Exception | None = None
    response: httpx2.Response | None = None

    async def send(self, request: httpx2.Request, **settings: Any) -> httpx2.Response:
        """As httpx2's own."""
        if request.method != "POST":
            return await super().send(request, **settings)
        if not self.is_open:
            timeout = {**request.extensions.get("timeout", {}), "read": OPENING_READ_S}
            request.extensions = {**request.extensions, "timeout": timeout}
        self.failure = self.response = None
        try:
            self.response = await super().send(request, **settings)
        except Exception as error:
            self.failure = error
            raise
        return self.response


def http_client(url: str, longest_call_s: float = 0.0) -> NotingClient:
    """A client for the server at a URL, with the token of the environment, if there is one.

    Loopback is never reached by way of a proxy: HTTP_PROXY and its like are for other machines.

    Args:
        longest_call_s: what the scenario itself lets a call take.

    Raises:
        PerfError: the token would travel where others can read it, or cannot travel at all.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    if token:
        _refuse_to_send(token, url)
    open_read_s = max(LEAST_READ_S, longest_call_s + _OTHERWISE_S)
    client = NotingClient(
        headers={"Authorization": f"Bearer {token}"} if token else None,
        timeout=httpx2.Timeout(_OTHERWISE_S, connect=CONNECT_S, read=open_read_s),
        verify=_tls(),
        trust_env=not is_loopback(urlsplit(url).hostname or ""),
    )
    client.open_read_s = open_read_s
    return client


def is_loopback(host: str) -> bool:
    """Whether a host, as URLs name it, is this machine itself."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        # also the short forms of an address, such as 127.1
        return ipaddress.ip_address(host if ":" in host else socket.inet_aton(host)).is_loopback
    except (OSError, ValueError):
        return False


@cache
def _tls() -> ssl.SSLContext:
    """One for all sessions: it takes longer to make than a session. SSL_CERT_FILE and SSL_CERT_DIR count."""
    return httpx2.create_ssl_context()


def _refuse_to_send(token: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise PerfError(
            f"{TOKEN_VARIABLE} is not sent to {parts.scheme}://{parts.netloc}: others could read it on its way; "
            f"use https:// in target.mcp.url, or unset {TOKEN_VARIABLE}"
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise PerfError(
            f"{TOKEN_VARIABLE} holds a space, a line break or another character that no HTTP header can carry: "
            "set it to the token alone"
        )
