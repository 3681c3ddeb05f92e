"""The page in a browser: served on loopback for as long as the command goes on, to whoever knows its address.

The address holds a random token. Requests for another host or from another page are refused, as a page
elsewhere could otherwise reach it through the browser (DNS rebinding, cross-site requests), and GET changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from perfcli.errors import PerfError, UsageError
from perfcli.live.picture import Picture, empty_charts
from perfcli.observer import Progress
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.report.html.markup import Markup, element
from perfcli.report.html.page import STYLE_POLICY, page_head, page_script, plotly_source, script_sources
from perfcli.report.reported import Reported

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

INTERVAL_S: Final = 0.5
"""From one update to the next, at least."""

_HOST: Final = "127.0.0.1"
_TO_START_S: Final = 10.0
_TO_LEAVE_S: Final = 5.0
_SILENT_S: Final = 10.0
"""A stream without an update says that it is still there, so that a closed browser is noticed."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY: Final = f"default-src 'none'; {STYLE_POLICY}; connect-src 'self'; frame-src blob:; form-action 'none'"


class Page:
    """Serves the page, and keeps it up to date.

    Args:
        port: 0 takes a free one.
        stop: called, from a thread of its own, when you press Stop.

    Raises:
        UsageError: the port is taken.
        PerfError: the extra `live` is not installed.
    """

    wants_snapshots = True

    def __init__(self, port: int, stop: Callable[[], None]) -> None:
        self._scripts = {"plotly.js": plotly_source(), "live.js": _shipped("live.js")}
        # the report, which is shown within the page, brings its own scripts and inherits this policy
        allowed = script_sources([self._scripts["plotly.js"], page_script()])
        self._headers = {**_HEADERS, "Content-Security-Policy": f"{_POLICY}; script-src 'self' {allowed}"}
        self._stop = stop
        self._token = secrets.token_urlsafe(16)
        self._picture = Picture(time.monotonic)
        self._lock = threading.Lock()
        self._changes = 0
        self._report = ""
        self._streams = 0
        self._rendered: tuple[int, str] = (-1, "")
        self._socket = _listen(port)
        self._port: int = self._socket.getsockname()[1]
        self._server, self._thread = self._serve()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{_HOST}:{self._port}/{self._token}/"

    def begin(self, plan: ExecutionPlan, engine: EngineSource, number: int, of: int) -> None:
        """A scenario is about to run."""
        with self._lock:
            self._picture.begin(plan, number, of)
            self._changes += 1

    def note(self, text: str) -> None:
        """Say what a command does that runs no scenario by itself."""
        self._picture.note = text
        self._changes += 1

    def update(self, progress: Progress) -> None:
        """The run has moved on."""
        with self._lock:
            self._picture.update(progress)
            self._changes += 1

    def end(self, result: Reported) -> None:
        """A scenario is over."""
        with self._lock:
            self._picture.end(result)
            self._changes += 1

    def close(self, report: str = "") -> None:
        """Give those who look the report, and leave; one that does not take it within 5 s does without."""
        self._report = report
        self._picture.ended = True
        self._changes += 1
        until_s = time.monotonic() + _TO_LEAVE_S
        while self._streams and time.monotonic() < until_s:
            time.sleep(0.02)
        self._server.should_exit = True
        self._server.force_exit = bool(self._streams)
        self._thread.join(_TO_LEAVE_S)
        self._socket.close()

    def _serve(self) -> tuple[Any, threading.Thread]:
        try:
            import uvicorn
            from starlette.applications import Starlette
            from starlette.routing import Route
        except ImportError as error:
            raise PerfError(
                f"--live needs uvicorn and starlette, which cannot be imported: {error}",
                hint="pip install 'digipal-perf[live]'",
            ) from error
        routes = [
            Route("/{token}/", self._answering(self._whole_page)),
            Route("/{token}/events", self._answering(self._events)),
            Route("/{token}/stop", self._answering(self._stop_run), methods=["POST"]),
            Route("/{token}/{script}", self._answering(self._script)),
        ]
        settings = uvicorn.Config(
            Starlette(routes=routes), lifespan="off", log_config=None, access_log=False, server_header=False
        )
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, args=([self._socket],), daemon=True, name="live page")
        thread.start()
        until_s = time.monotonic() + _TO_START_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > until_s:
                raise PerfError("--live: the server of the live page did not start")
            time.sleep(0.005)
        return server, thread

    def _answering(self, answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
        from starlette.responses import PlainTextResponse

        async def guarded(request: Request) -> Response:
            if why_not := self._refusal(request):
                return PlainTextResponse(why_not, 403)
            if not secrets.compare_digest(str(request.path_params["token"]), self._token):
                return PlainTextResponse("there is no such page", 404)
            response = answer(request)
            response.headers.update(self._headers)
            return response

        return guarded

    def _refusal(self, request: Request) -> str:
        own = {f"{name}:{self._port}" for name in (_HOST, "localhost")}
        if request.headers.get("host") not in own:
            return "this page is served to this machine only"
        origin = request.headers.get("origin")
        if origin is not None and origin not in {f"http://{each}" for each in own}:
            return "another page asked for this one"
        return ""

    def _whole_page(self, request: Request) -> Response:
        from starlette.responses import HTMLResponse

        return HTMLResponse(_page())

    def _script(self, request: Request) -> Response:
        from starlette.responses import PlainTextResponse, Response

        script = self._scripts.get(request.path_params["script"])
        if script is None:
            return PlainTextResponse("there is no such page", 404)
        return Response(script, media_type="text/javascript")

    def _stop_run(self, request: Request) -> Response:
        from starlette.responses import Response

        if not self._picture.ended:
            self._stop()
        return Response(status_code=204)

    def _events(self, request: Request) -> Response:
        from starlette.responses import StreamingResponse

        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        """The newest state, at most twice a second: nothing waits for a reader that is slow."""
        self._streams += 1
        try:
            seen, said_s = -1, time.monotonic()
            while True:
                ended, changes = self._picture.ended, self._changes
                if changes != seen:
                    seen, said_s = changes, time.monotonic()
                    yield f"event: state\ndata: {self._state(changes)}\n\n"
                if ended:
                    yield f"event: report\ndata: {json.dumps(self._report)}\n\n"
                    return
                if time.monotonic() - said_s > _SILENT_S:
                    said_s = time.monotonic()
                    yield ": still here\n\n"
                await asyncio.sleep(INTERVAL_S)
        finally:
            self._streams -= 1

    def _state(self, changes: int) -> str:
        if self._rendered[0] != changes:
            with self._lock:
                state = {"article": self._picture.article(), "charts": self._picture.charts()}
            self._rendered = changes, json.dumps(state, separators=(",", ":"))
        return self._rendered[1]


def _listen(port: int) -> socket.socket:
    """Listen on loopback only; what was closed a moment ago does not keep the port."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise UsageError(
            f"--live-port {port}: cannot listen: {error.strerror}",
            hint="drop --live-port to take a free port, or choose another one",
        ) from error
    return listening


def _page() -> str:
    head = page_head(
        "digipal-perf live",
        last=[
            element("style", Markup(_shipped("live.css"))),
            element("script", src="live.js", defer=""),
        ],
    )
    body = element(
        "body",
        element(
            "header",
            element("p", "digipal-perf live", class_="brand"),
            element("p", "connecting", id="connection", class_="quiet", role="status"),
            element("button", "Stop", id="stop", type="button"),
            element("a", "Save the report", id="save", download="report.html", hidden=""),
            class_="page live",
        ),
        element("main", element("div", id="now"), element("section", empty_charts(), class_="overview", id="charts")),
        element("iframe", title="report", id="report", hidden=""),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _shipped(name: str) -> str:
    return files("perfcli.live").joinpath(name).read_text(encoding="utf-8")
