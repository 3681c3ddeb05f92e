"""Sessions with an MCP server: the SDK's own clients, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import ExitStack, asynccontextmanager
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

import httpx2
import psutil
from anyio.from_thread import start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, CallToolResult, Tool

from perfcli.errors import PerfError
from perfcli.targets.mcp_http import (
    Access,
    MakeTransport,
    NotingClient,
    http_client,
    reason_of,
    reason_over_stdio,
    was_refused,
)
from perfcli.targets.protocol import Found
from perfcli.wire import LivesIn

T = TypeVar("T")


class LostCall(Exception):  # noqa: N818 - as a report shows it
    """A call over HTTP without an answer; the text says why, and what to do."""

    def __init__(self, reason: str, failure: Exception | None, error: Exception | None = None) -> None:
        super().__init__(reason)
        self.is_timeout = isinstance(failure, httpx2.TimeoutException)
        self.is_refused = was_refused(failure)
        self.is_cut_off = (failure is not None and not self.is_timeout) or _is_closed(error)


class Session(Protocol):
    """A session with a server; its methods run on the event loop of `Sessions`."""

    client: Client

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool."""


class _StdioSession:
    """The one session with a server over stdio: it ends with the server."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool."""
        return await self.client.call_tool(tool, arguments)


class HttpSession:
    """A session over HTTP. One that was lost is opened anew by the next call, as the SDK's ends with a lost answer.

    Args:
        make_http: a new HTTP client.
    """

    client: Client

    def __init__(self, url: str, make_http: Callable[[], NotingClient]) -> None:
        self.url = url
        self.end_error: Exception | None = None
        """What was raised as it ended."""
        self.has_lost_calls = False
        self._make_http = make_http
        self.http = make_http()
        self._is_lost = False
        self._opening = asyncio.Lock()
        self._held: asyncio.Task[None]
        self._ending: asyncio.Event

    async def open(self) -> None:
        """Open it; raises whatever stands in the way."""
        self._ending = asyncio.Event()
        opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        # the SDK wants a session to be entered and left by the same task
        self._held = asyncio.create_task(self._hold(opened, self._ending))
        self.client = await opened
        self._is_lost = False

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool.

        Raises:
            LostCall: no answer came back.
        """
        try:
            if self._is_lost:
                await self._open_again()
            try:
                return await self.client.call_tool(tool, arguments)
            except MCPError:
                if not self._is_forgotten:
                    raise
                # by a server that was restarted, which has done nothing: MCP asks for a new session then
                self._is_lost = self.has_lost_calls = True
                await self._open_again()
                return await self.client.call_tool(tool, arguments)
        except Exception as error:
            self.has_lost_calls = True
            self._is_lost = self._is_lost or self.http.failure is not None or _is_closed(error)
            raise LostCall(reason_of(self.url, self.http, error), self.http.failure, error) from error

    async def close(self) -> None:
        """End it; what is raised is kept."""
        self._ending.set()
        await self._held

    @property
    def _is_forgotten(self) -> bool:
        return self.http.response is not None and self.http.response.status_code == HTTPStatus.NOT_FOUND

    async def _open_again(self) -> None:
        async with self._opening:
            if self._is_lost:
                # it may take long to end, and nobody waits for it
                self._ending.set()
                self.http = self._make_http()
                await self.open()

    async def _hold(self, opened: asyncio.Future[Client], ending: asyncio.Event) -> None:
        http = self.http
        try:
            async with http, Client(streamable_http_client(self.url, http_client=http)) as client:
                http.is_open = True
                opened.set_result(client)
                await ending.wait()
        except Exception as error:
            if opened.done():
                self.end_error = error
            else:
                opened.set_exception(error)


class Sessions:
    """Opens sessions, and lets any thread wait for the answer to a call.

    Args:
        longest_call_s: what the scenario itself lets a call take.
    """

    def __init__(self, longest_call_s: float = 0.0) -> None:
        self._longest_call_s = longest_call_s
        self._open = ExitStack()
        self._loop = self._open.enter_context(start_blocking_portal())
        self._http: list[HttpSession] = []

    def over_stdio(self, arguments: list[str], found: Found) -> Session:
        """A session with a server that this starts, `python ARGUMENTS`; its pid is told before it answers.

        Raises:
            PerfError: it does not answer, and why.
        """
        context = Client(_started(arguments, found))
        try:
            return _StdioSession(self._open.enter_context(self._loop.wrap_async_context_manager(context)))
        except Exception as error:
            raise PerfError(f"the MCP server does not start: {reason_over_stdio(error)}") from error

    def over_http(self, url: str, access: Access | None = None, make_transport: MakeTransport | None = None) -> Session:
        """A session with a server that listens.

        Args:
            access: how this run's own server lets it in; None: the environment may hold a token.
            make_transport: how requests travel; None for straight to the server.

        Raises:
            PerfError: there is no session to be had; which of many reasons it is, and what to do.
        """
        session = HttpSession(url, lambda: http_client(url, self._longest_call_s, access, make_transport))
        try:
            self._loop.call(session.open)
        except Exception as error:
            raise PerfError(f"cannot use the MCP server at {url}: {reason_of(url, session.http, error)}") from error
        self._http.append(session)
        return session

    def tools(self, session: Session) -> list[Tool]:
        """The tools that a server offers."""
        return self._loop.call(session.client.list_tools).tools

    def call(self, session: Session, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Call a tool, and wait for its answer.

        Raises:
            LostCall: over HTTP, no answer came back.
        """
        answer: CallToolResult = self._loop.call(session.call, tool, dict(arguments))
        return answer

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the sessions' event loop, and wait for it."""

        async def awaited() -> T:
            return await coroutine

        return self._loop.call(awaited)

    def close(self) -> None:
        """End all sessions, and the servers started with them.

        Raises:
            PerfError: a server at a URL is gone, and no call has said so before.
        """
        with self._open:
            for session in self._http:
                self._loop.call(session.close)
        lost = next((session for session in self._http if session.end_error is not None), None)
        if lost is not None and not any(session.has_lost_calls for session in self._http):
            assert lost.end_error is not None
            reason = reason_of(lost.url, lost.http, lost.end_error)
            raise PerfError(f"lost the MCP server at {lost.url}: {reason}") from lost.end_error


@asynccontextmanager
async def _started(arguments: list[str], found: Found) -> AsyncGenerator[Any, None]:
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
    before = psutil.Process().children()
    async with stdio_client(server, errlog=sys.stderr) as streams:
        # none if it has ended already: opening the session reports that
        for process in psutil.Process().children():
            if process not in before:
                found(LivesIn(process.pid))
        yield streams


def is_cut_off(error: BaseException) -> bool:
    """Whether an error means that the other side did not hear the call, or can no longer answer it."""
    if isinstance(error, LostCall):
        return error.is_cut_off
    return _is_closed(error)


def _is_closed(error: BaseException | None) -> bool:
    return isinstance(error, MCPError) and error.code == CONNECTION_CLOSED
