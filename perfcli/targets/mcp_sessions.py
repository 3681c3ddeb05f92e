"""Sessions with an MCP server: the SDK's own clients, on an event loop in a thread of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from typing import Any, TypeVar

import httpx2
import psutil
from anyio.from_thread import start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, CallToolResult, Tool

from perfcli.errors import PerfError
from perfcli.targets.mcp_http import Access, NotingClient, http_client, reason_of, reason_over_stdio, was_refused
from perfcli.targets.protocol import Found
from perfcli.wire import LivesIn

T = TypeVar("T")


class LostCall(Exception):  # noqa: N818 - as a report shows it
    """A call over HTTP without an answer; the text says why, and what to do."""

    def __init__(self, reason: str, failure: Exception | None) -> None:
        super().__init__(reason)
        self.is_timeout = isinstance(failure, httpx2.TimeoutException)
        self.is_refused = was_refused(failure)
        self.is_cut_off = failure is not None and not self.is_timeout


class Sessions:
    """Opens sessions, and lets any thread wait for the answer to a call.

    Args:
        longest_call_s: what the scenario itself lets a call take.
    """

    def __init__(self, longest_call_s: float = 0.0) -> None:
        self._longest_call_s = longest_call_s
        self._open = ExitStack()
        self._loop = self._open.enter_context(start_blocking_portal())
        self._has_lost_calls = False
        self._http: dict[int, tuple[str, NotingClient]] = {}

    def over_stdio(self, arguments: list[str], found: Found) -> Client:
        """A session with a server that this starts, `python ARGUMENTS`; its pid is told before it answers.

        Raises:
            PerfError: it does not answer, and why.
        """
        try:
            return self._enter(Client(_started(arguments, found)))
        except Exception as error:
            raise PerfError(f"the MCP server does not start: {reason_over_stdio(error)}") from error

    def over_http(self, url: str, access: Access | None = None) -> Client:
        """A session with a server that listens.

        Args:
            access: how this run's own server lets it in; None: the environment may hold a token.

        Raises:
            PerfError: there is no session to be had; which of many reasons it is, and what to do.
        """
        http = http_client(url, self._longest_call_s, access)
        self._enter(http)
        try:
            client = self._enter(Client(streamable_http_client(url, http_client=http)))
        except Exception as error:
            raise PerfError(f"cannot use the MCP server at {url}: {reason_of(url, http, error)}") from error
        http.is_open = True
        self._http[id(client)] = (url, http)
        return client

    def tools(self, client: Client) -> list[Tool]:
        """The tools that a server offers."""
        return self._loop.call(client.list_tools).tools

    def call(self, client: Client, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Call a tool, and wait for its answer.

        Raises:
            LostCall: over HTTP, no answer came back.
        """
        answer: CallToolResult = self._loop.call(self.call_async, client, tool, arguments)
        return answer

    async def call_async(self, client: Client, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """The same, to be awaited on the sessions' event loop."""
        try:
            answer: CallToolResult = await client.call_tool(tool, dict(arguments))
        except Exception as error:
            if id(client) not in self._http:
                raise
            self._has_lost_calls = True
            url, http = self._http[id(client)]
            raise LostCall(reason_of(url, http, error), http.failure) from error
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
        try:
            self._open.close()
        except Exception as error:
            if not self._http:
                raise
            if not self._has_lost_calls:
                url, http = next(iter(self._http.values()))
                raise PerfError(f"lost the MCP server at {url}: {reason_of(url, http, error)}") from error

    def _enter(self, context: AbstractAsyncContextManager[T]) -> T:
        return self._open.enter_context(self._loop.wrap_async_context_manager(context))


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
    return isinstance(error, MCPError) and error.code == CONNECTION_CLOSED
