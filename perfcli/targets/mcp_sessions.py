"""Sessions with an MCP server: the SDK's own clients, on an event loop in a thread of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from typing import Any, Final, TypeVar

import httpx2
import psutil
from anyio.from_thread import start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, CallToolResult, Tool

from perfcli.targets.protocol import LivesIn

T = TypeVar("T")

_TOKEN_VARIABLE: Final = "DIGIPAL_MCP_TOKEN"


_HTTP_TIMEOUT: Final = httpx2.Timeout(30.0, read=300.0)


class Sessions:
    """Opens sessions, and lets any thread wait for the answer to a call."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._loop = self._open.enter_context(start_blocking_portal())

    def over_stdio(self, arguments: list[str], lives_in: LivesIn) -> Client:
        """A session with a server that this starts, `python ARGUMENTS`; its pid is told before it answers."""
        return self._enter(Client(_started(arguments, lives_in)))

    def over_http(self, url: str) -> Client:
        """A session with a server that listens; the environment may hold its token."""
        token = os.environ.get(_TOKEN_VARIABLE)
        if not token:
            return self._enter(Client(url))
        bearing = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=_HTTP_TIMEOUT)
        self._enter(bearing)
        return self._enter(Client(streamable_http_client(url, http_client=bearing)))

    def tools(self, client: Client) -> list[Tool]:
        """The tools that a server offers."""
        return self._loop.call(client.list_tools).tools

    def call(self, client: Client, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Call a tool, and wait for its answer."""
        answer: CallToolResult = self._loop.call(client.call_tool, tool, dict(arguments))
        return answer

    def close(self) -> None:
        """End all sessions, and the servers started with them."""
        self._open.close()

    def _enter(self, context: AbstractAsyncContextManager[T]) -> T:
        return self._open.enter_context(self._loop.wrap_async_context_manager(context))


@asynccontextmanager
async def _started(arguments: list[str], lives_in: LivesIn) -> AsyncGenerator[Any, None]:
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
    async with stdio_client(server, errlog=sys.stderr) as streams:
        (process,) = psutil.Process().children()
        lives_in(process.pid)
        yield streams


def is_cut_off(error: BaseException) -> bool:
    """Whether an error means that the other side did not hear the call, or can no longer answer it."""
    return isinstance(error, MCPError) and error.code == CONNECTION_CLOSED
