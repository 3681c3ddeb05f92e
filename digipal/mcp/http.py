"""Streamable HTTP: who may reach the server, and its beginning and end."""

import hmac
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.lowlevel import Server
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.applications import Starlette

from digipal.mcp.connections import BoundedServer

_PATH: Final = "/mcp"
_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
MAX_BODY_BYTES: Final = 2**20
"""Of a request: enough for the longest text, even if each of its characters is escaped twice."""


class HttpListener:
    """Serves an MCP server at one address, from construction on bound to it.

    Requests must name a host of `reached_as`, `host` or loopback, and come from no other origin: a web page cannot
    reach the server under a name of its own. ValueError and OSError as `MCPServer.start_server` says.
    """

    def __init__(
        self,
        server: Server[Any],
        host: str,
        port: int,
        *,
        token: str = "",
        reached_as: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        leave: Callable[[], None] | None = None,
    ) -> None:
        host = host.strip("[]")
        if not token and not is_loopback(host):
            raise ValueError(f"others can reach {host!r}: a token is needed, that every request must bear")
        self._socket = _bound(host, port)
        self._authority = f"{_in_url(host)}:{self._socket.getsockname()[1]}"
        self._origin = f"{'https' if tls else 'http'}://{self._authority}"
        self.url = f"{self._origin}{_PATH}"
        names = [*_LOOPBACK_NAMES, _in_url(host), *map(_in_url, reached_as)]
        self._server = BoundedServer(self._app(server, token, names), tls, leave)

    async def serve(self) -> None:
        """Answer requests until `stop`."""
        with self._socket:
            await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Have `serve` return; from any thread."""
        self._server.stop()

    def _app(self, server: Server[Any], token: str, names: list[str]) -> Starlette:
        return server.streamable_http_app(
            streamable_http_path=_PATH,
            json_response=True,
            max_request_body_size=MAX_BODY_BYTES,
            transport_security=TransportSecuritySettings(
                allowed_hosts=[allowed for name in names for allowed in (name, f"{name}:*")],
                allowed_origins=[
                    allowed
                    for name in names
                    for scheme in ("http", "https")
                    for allowed in (f"{scheme}://{name}", f"{scheme}://{name}:*")
                ],
            ),
            token_verifier=_OneToken(token) if token else None,
            auth=AuthSettings(issuer_url=AnyHttpUrl(self._origin), resource_server_url=None) if token else None,
        )


class _OneToken:
    """Lets in who bears the one token there is."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def verify_token(self, token: str) -> AccessToken | None:
        if not hmac.compare_digest(token.encode(), self._token):
            return None
        return AccessToken(token=token, client_id="digipal", scopes=[])


def server_tls(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """TLS with a certificate and its key, both PEM; the key may stand in the certificate's file.

    ValueError if they cannot be read, do not belong together, or the key has a password.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:  # SSLError is one
        files = f"{certificate} and {key}" if key else str(certificate)
        raise ValueError(f"TLS with {files}: {_tls_problem(error)}") from error
    return context


def _no_password() -> str:
    raise ValueError("the key has a password: give one without, which only the server's user may read")


def _tls_problem(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError):
        return str(error.strerror or error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate"
    return "they hold no certificate and its key in PEM format"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without delay only on sockets that name their protocol; on others each answer takes 40 ms more
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen()  # clients may connect from now on, and wait for `serve`
    except OSError:
        bound.close()
        raise
    return bound


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
