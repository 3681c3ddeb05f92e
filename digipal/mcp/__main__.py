"""`python -m digipal.mcp --db FILE`: the engine on one database, served over stdio or HTTP."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from digipal.ai.communication import AICommunication
from digipal.ai.simulated import SimulatedAI
from digipal.core.digipal_core import DigiPalCore
from digipal.errors import StorageError
from digipal.storage import StorageManager

if TYPE_CHECKING:
    from digipal.mcp.server import MCPServer

_TOKEN_VARIABLE: Final = "DIGIPAL_MCP_TOKEN"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input (stdio) or a signal ends it; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.http is None and (options.tls_cert or options.tls_key):
        parser.error("--tls-cert and --tls-key need --http")
    if options.tls_key and not options.tls_cert:
        parser.error("--tls-key needs --tls-cert")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    try:
        from digipal.mcp.server import MCPServer
    except ModuleNotFoundError as error:
        parser.error(f"the package {error.name} is missing: pip install 'digipal-perf[mcp]'")
    engine = _Engine(options)
    served = True
    try:
        server = MCPServer(engine.core)
        if options.http is None:
            _serve_stdio(server, engine.close)
        else:
            served = _serve_http(server, options, engine.close)
    finally:
        closed = engine.close()
    if not served:
        return 2
    return 0 if closed else 1


class _Engine:
    """The core and its storage, opened as the options say."""

    def __init__(self, options: argparse.Namespace) -> None:
        folder = os.path.dirname(os.path.abspath(options.db))
        if not os.path.isdir(folder):
            # a folder is not made, as StorageManager would: the path may be mistyped, or just have been removed
            raise SystemExit(f"digipal.mcp: --db {options.db}: the directory {folder} does not exist: create it")
        try:
            ai = _ai(options)
            self._storage = StorageManager(options.db, options.assets)
        except ValueError as error:
            raise SystemExit(f"digipal.mcp: {error}") from error
        except StorageError as error:
            raise SystemExit(f"digipal.mcp: --db {options.db}: {error}") from error
        self.core = DigiPalCore(self._storage, ai)

    def close(self) -> bool:
        """Save all pets and close the database; whether all could be saved."""
        try:
            self.core.shutdown()
        except StorageError:
            _log.exception("not every pet could be saved")
            return False
        finally:
            self._storage.close()
        return True


def _ai(options: argparse.Namespace) -> AICommunication:
    if not options.simulated_ai:
        return AICommunication()
    return SimulatedAI(options.ai_seed, options.ai_latency_ms, options.ai_jitter_ms, options.ai_error_rate)


def _serve_stdio(server: MCPServer, close: Callable[[], bool]) -> None:
    import anyio
    from mcp.server.stdio import stdio_server

    async def leave_on_signal() -> None:
        with anyio.open_signal_receiver(*_SIGNALS) as signals:
            async for _ in signals:
                closed = await anyio.to_thread.run_sync(close)
                # nothing can interrupt the thread that waits for standard input: leave without it
                os._exit(0 if closed else 1)

    async def serve() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave_on_signal)
            async with stdio_server() as (read, write):
                await server.server.run(read, write, server.server.create_initialization_options())
            tasks.cancel_scope.cancel()

    anyio.run(serve)


def _serve_http(server: MCPServer, options: argparse.Namespace, close: Callable[[], bool]) -> bool:
    """Serve until a signal, or the end of input if that is asked for; False if it cannot be served so.

    The process leaves as soon as requests are answered and pets saved: sessions that are open have nothing to lose.
    """
    import anyio

    from digipal.mcp.connections import raise_descriptor_limit
    from digipal.mcp.http import server_tls

    ended = Event()

    def end() -> None:
        ended.set()
        server.shutdown()

    def listening(url: str) -> None:
        print(url, flush=True)
        if ended.is_set():
            server.shutdown()

    def leave() -> None:
        code = 0 if close() else 1
        sys.stdout.flush()
        os._exit(code)

    for number in _SIGNALS:
        signal.signal(number, lambda *_: end())
    if options.until_eof:
        Thread(target=_end_at_eof, args=(end,), daemon=True).start()
    raise_descriptor_limit()

    async def serve() -> None:
        await server.start_server(
            options.host,
            options.http,
            token=options.token,
            reached_as=options.reached_as,
            tls=server_tls(options.tls_cert, options.tls_key) if options.tls_cert else None,
            leave=leave,
            listening=listening,
        )

    try:
        anyio.run(serve)
    except (ValueError, OSError) as error:
        print(f"digipal.mcp: cannot serve at {options.host}:{options.http}: {error}", file=sys.stderr)
        return False
    return True


def _end_at_eof(end: Callable[[], None]) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    end()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m digipal.mcp",
        description="Serve DigiPal over MCP: on standard input and output, or with --http as streamable HTTP.",
    )
    add = parser.add_argument
    add("--db", required=True, metavar="FILE", help="database file, created if it is missing (required)")
    add(
        "--assets",
        default="assets",
        metavar="DIR",
        help="directory of images and backups, created for the first one (default: %(default)s)",
    )
    http = parser.add_argument_group("over HTTP")
    add = http.add_argument
    add(
        "--http",
        type=_port,
        metavar="PORT",
        help="serve at http://HOST:PORT/mcp and print the URL; 0 takes a free port (default: stdin and stdout)",
    )
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)")
    add(
        "--token",
        default=os.environ.get(_TOKEN_VARIABLE, ""),
        help="token that every request must send (Authorization: Bearer TOKEN); required if HOST is not loopback "
        f"(default: {_TOKEN_VARIABLE} of the environment, which other users cannot read)",
    )
    add(
        "--reached-as",
        action="append",
        default=[],
        metavar="NAME",
        help="host name that clients use, besides HOST; repeat it for more (default: none)",
    )
    add(
        "--tls-cert",
        type=Path,
        metavar="FILE",
        help="serve https:// with this certificate, PEM with its chain (default: http://)",
    )
    add(
        "--tls-key",
        type=Path,
        metavar="FILE",
        help="key of the certificate, PEM without a password (default: in the same file)",
    )
    add("--until-eof", action="store_true", help="end when standard input ends, as over stdio (default: off)")
    ai = parser.add_argument_group("simulated AI, for load tests")
    add = ai.add_argument
    add("--simulated-ai", action="store_true", help="answer by rule, after a delay (default: off)")
    add("--ai-latency-ms", type=float, default=50.0, metavar="MS", help="mean delay (default: %(default)s)")
    add("--ai-jitter-ms", type=float, default=0.0, metavar="MS", help="standard deviation of it (default: %(default)s)")
    add(
        "--ai-error-rate",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of answers that fail, 0 to 1 (default: %(default)s)",
    )
    add("--ai-seed", type=int, default=0, metavar="N", help="seed of delays and failures (default: %(default)s)")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
