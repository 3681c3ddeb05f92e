"""The HTTP client of MCP sessions, and why a server cannot be used: one sentence for each kind of failure."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from errno import ECONNREFUSED
from functools import cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import httpx2
from mcp import MCPError
from mcp_types import CONNECTION_CLOSED, PARSE_ERROR

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


class Access(NamedTuple):
    """What the run's own server asks of those who load it from other machines, and shows them."""

    token: str
    certificate: str
    """As PEM: the only one that is trusted."""


MakeTransport = Callable[[ssl.SSLContext], httpx2.AsyncBaseTransport]
"""Makes how requests travel, given whom to trust."""


def http_client(
    url: str,
    longest_call_s: float = 0.0,
    access: Access | None = None,
    make_transport: MakeTransport | None = None,
) -> NotingClient:
    """A client for the server at a URL, with the token of the environment, if there is one.

    Loopback is never reached by way of a proxy, nor is the run's own server: HTTP_PROXY and its like are for others.

    Args:
        longest_call_s: what the scenario itself lets a call take.
        access: to the run's own server; None for any other.
        make_transport: how requests travel; None for straight to the server, or to its proxy.

    Raises:
        PerfError: the token would travel where others can read it, or cannot travel at all.
    """
    token = access.token if access else os.environ.get(TOKEN_VARIABLE, "")
    if token:
        _refuse_to_send(token, url)
    open_read_s = max(LEAST_READ_S, longest_call_s + _OTHERWISE_S)
    trusted = _tls_with(access.certificate) if access else _tls()
    client = NotingClient(
        headers={"Authorization": f"Bearer {token}"} if token else None,
        timeout=httpx2.Timeout(_OTHERWISE_S, connect=CONNECT_S, read=open_read_s),
        verify=trusted,
        transport=make_transport(trusted) if make_transport else None,
        trust_env=not (access or is_loopback(urlsplit(url).hostname or "")),
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


@cache
def _tls_with(certificate: str) -> ssl.SSLContext:
    """Trusts the server that holds the key of this certificate, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate)
    return context


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


_OTHER_NAME: Final = 62
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH; 64 is the same of an address."""
_OTHER_ADDRESS: Final = 64
_WAITS: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""No failures: the TLS library waited for the connection when that failed, and is noted as its context."""


def reason_of(url: str, client: NotingClient, error: BaseException) -> str:
    """What is wrong with the server at a URL, and what to do, as one line.

    Args:
        error: what the SDK raised; the client knows better as a rule.
    """
    if client.failure is not None:
        return _of_failure(url, client.failure, client.open_read_s if client.is_open else OPENING_READ_S)
    if client.response is not None:
        return _of_response(url, client.response, error)
    return _of_failure(url, next(_leaves(error)), OPENING_READ_S)


def reason_over_stdio(error: BaseException) -> str:
    """Why there is no session with a server that was started; what it printed says more."""
    said = next(_leaves(error))
    if not isinstance(said, MCPError):
        return f"{type(said).__name__}: {_text(said)}"
    if said.code == CONNECTION_CLOSED:
        return "it ended, or closed its standard output, before it answered"
    return f"it answers with an error: {_text(said)}"


def was_refused(error: BaseException | None) -> bool:
    """Whether nothing listens where a request was sent."""
    return error is not None and any(getattr(cause, "errno", None) == ECONNREFUSED for cause in _causes(error))


def _of_failure(url: str, failure: BaseException, read_s: float) -> str:
    was_connected = not isinstance(failure, httpx2.ConnectError)
    host, causes = _authority(url), [cause for cause in _causes(failure) if not isinstance(cause, _WAITS)]
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and not (was_connected and isinstance(cause, ssl.SSLEOFError)):
            return _of_tls(cause)
        if isinstance(cause, socket.gaierror):
            return f"the host name {urlsplit(url).hostname} cannot be resolved: check its spelling{_by_proxy(url)}"
    if was_refused(failure):
        return f"nothing listens at {host} (connection refused): start the server, or correct the port{_by_proxy(url)}"
    match failure:
        case httpx2.ConnectTimeout():
            return f"no connection to {host} within {CONNECT_S:g} s: check host, port and firewall{_by_proxy(url)}"
        case httpx2.TimeoutException():
            return f"no answer within {read_s:g} s: look at what the server does"
        case httpx2.ProxyError():
            return f"the proxy does not pass the request on ({_text(failure)}){_by_proxy(url)}"
        case httpx2.ConnectError() if any(isinstance(cause, ConnectionResetError) for cause in causes):
            when = "before the TLS handshake was over" if urlsplit(url).scheme == "https" else "at once"
            return f"it closed the connection {when}: look at its log{_by_proxy(url)}"
        case httpx2.RemoteProtocolError() | httpx2.ReadError() | httpx2.WriteError():
            tls = ", or use https:// if it expects TLS" if urlsplit(url).scheme == "http" else ""
            return f"it closed the connection without an answer ({_text(failure)}): look at its log{tls}"
    return f"{_text(causes[-1])}{_by_proxy(url)}"


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        what = f"its TLS certificate is not trusted ({error.verify_message})"
        if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
            return f"{what}: use the name in the certificate"
        if "expired" in error.verify_message or "not yet valid" in error.verify_message:
            return f"{what}: renew it, or set this machine's clock"
        return f"{what}: set SSL_CERT_FILE to the certificate of the authority that signed it"
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING"):
        return f"it does not speak TLS ({error.reason}): use http:// in target.mcp.url"
    return f"the TLS handshake failed ({error.reason or error}): look at its TLS settings"


def _of_response(url: str, response: httpx2.Response, error: BaseException) -> str:
    status = response.status_code
    if response.is_redirect:
        to = response.next_request.url.copy_with(userinfo=b"", query=None) if response.next_request else "nowhere"
        return f"it redirects to {to}, which is not followed: put the right URL into target.mcp.url"
    if response.is_success:
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if kind in ("application/json", "text/event-stream"):
            said = next(_leaves(error))
            if isinstance(said, MCPError) and said.code != PARSE_ERROR:
                return f"it answers with an error: {_text(said)}"
            return f"its answer is no MCP message: {_other_path(url)}"
        return f"its answer is {kind or 'without a type'}, not MCP: {_other_path(url)}"
    told = f"HTTP {status} {_phrase(status)}".strip()
    advice = _ADVICE.get(status) or (_ADVICE[500] if status >= 500 else _ADVICE[400])
    return f"{advice(url)[0]} ({told}): {advice(url)[1]}"


def _unauthorized(url: str) -> tuple[str, str]:
    if os.environ.get(TOKEN_VARIABLE):
        return f"it refuses the token in {TOKEN_VARIABLE}", "set it to the token the server was started with"
    return "it asks for a token", f"set {TOKEN_VARIABLE}"


Advice = Callable[[str], tuple[str, str]]
_ADVICE: Final[dict[int, Advice]] = {
    400: lambda url: ("it refuses the request", "check target.mcp.url, and look at the server's log"),
    401: _unauthorized,
    403: lambda url: ("it refuses this client", f"check the permissions of {TOKEN_VARIABLE} at the server"),
    404: lambda url: ("nothing is served at this path", _other_path(url)),
    405: lambda url: ("this path takes no MCP messages", _other_path(url)),
    406: lambda url: ("this path takes no MCP messages", _other_path(url)),
    407: lambda url: ("the proxy asks for a password", "put it into the URL of HTTP_PROXY"),
    421: lambda url: (
        f"it does not go by the name {urlsplit(url).hostname}",
        f"start it with --reached-as {urlsplit(url).hostname}",
    ),
    429: lambda url: ("it is asked too often", "use fewer vus or a lower rate"),
    500: lambda url: ("it failed", "look at the server's log"),
    502: lambda url: ("the proxy in front of it does not reach it", "start the server behind that proxy"),
    503: lambda url: ("it takes no more requests", "wait, use fewer vus, or raise its limit on connections"),
    504: lambda url: ("the proxy in front of it got no answer", "look at the server behind that proxy"),
}
"""By status: what is wrong, and what to do."""


def _other_path(url: str) -> str:
    parts = urlsplit(url)
    if parts.path.rstrip("/").endswith("/mcp"):
        return "check that target.mcp.url is the server's MCP endpoint"
    return f"use its MCP endpoint, such as {urlunsplit((parts.scheme, parts.netloc, '/mcp', '', ''))}"


def proxy_for(url: str) -> str:
    """The proxy that requests to a URL go to, without its password; "" for none."""
    parts = urlsplit(url)
    proxies, host = getproxies(), parts.hostname or ""
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or is_loopback(host) or proxy_bypass(host):
        return ""
    return urlsplit(proxy)._replace(netloc=urlsplit(proxy).netloc.rpartition("@")[2]).geturl()


def _by_proxy(url: str) -> str:
    """Which proxy stands between, for failures that may be its own."""
    if proxy := proxy_for(url):
        return f"; it is reached by way of the proxy {proxy}, unless NO_PROXY names {urlsplit(url).hostname}"
    return ""


def _authority(url: str) -> str:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what is behind it, group members included."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += getattr(cause, "exceptions", ())
        waiting += [behind for behind in (cause.__cause__, cause.__context__) if behind is not None]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """What a group of groups holds; the error itself if it is none."""
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _leaves(member)
    else:
        yield error


def _text(error: BaseException) -> str:
    """One line of at most 200 characters, with the type if there are no words."""
    return " ".join(str(error).split())[:200] or type(error).__name__
