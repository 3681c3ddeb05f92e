"""A real headless Chromium for tests.

It is talked to over its debugging pipe (`--remote-debugging-pipe`): JSON messages, each ended by a zero byte.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
]
PATIENCE_S = 60.0
_FREE_FD = 10  # the pipe takes 3 and 4, which our own ends must not be

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor Google Chrome is installed")


class Browser:
    """A Chromium with one page, and all that the page asked for or complained about."""

    def __init__(self, profile: Path) -> None:
        (theirs_in, self._write), (self._read, theirs_out) = os.pipe(), os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, _FREE_FD) for end in (theirs_in, theirs_out)]
        self._process = subprocess.Popen(
            [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=lambda: (os.dup2(ends[0], 3), os.dup2(ends[1], 4), None)[-1],
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (theirs_in, theirs_out, *ends):
            os.close(end)
        self._buffer = b""
        self._sent = 0
        self._session: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        self.page: Path | None = None
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for what it gives."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params, **self._session}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._sent:
            self.events.append(answer)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def open(self, page: Path) -> None:
        """Open a page, and wait until its charts are drawn; one that is open already stays."""
        if self.page is None:
            self.page = page
            self.show(1280)
            self.command("Page.navigate", url=page.as_uri())
            self.wait_for("document.documentElement?.dataset.charts === 'drawn'")

    def show(self, width: int, *, scheme: str = "light") -> None:
        """Have the screen so wide, and the user prefer a colour scheme."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def wait_for(self, condition: str) -> None:
        """Wait until an expression of JavaScript holds."""
        ends_s = time.monotonic() + PATIENCE_S
        while not self.tell(condition):
            assert time.monotonic() < ends_s, f"not so: {condition}; {self.complaints}"
            time.sleep(0.05)

    def tell(self, expression: str) -> Any:
        """What an expression of JavaScript gives."""
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key)

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """What a console would show."""
        loud = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event for event in self.events if event["method"] in loud]

    @property
    def requests(self) -> list[str]:
        """The addresses that were asked for."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def close(self) -> None:
        """End the browser."""
        self._session = {}
        try:
            self.command("Browser.close")
        finally:
            self._process.wait(PATIENCE_S)
            os.close(self._read)
            os.close(self._write)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], PATIENCE_S)
            received = os.read(self._read, 1 << 20) if ready else b""
            assert received, "the browser says nothing more"
            self._buffer += received
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))
