"""The live page of real runs, in a real browser and asked by hand."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from perfcli.errors import UsageError
from perfcli.live.web import Page
from tests.chromium import Browser, needs_chromium

pytestmark = pytest.mark.end_to_end

SCENARIO = """
name: watched
setup: {pets: 5}
phases:
  - {name: calm, load: {executor: constant-vus, vus: 2, duration: 4s, think_time: 5ms}, flow: [load_pet]}
  - {name: rush, load: {executor: constant-vus, vus: 2, duration: 600s, think_time: 5ms}, flow: [interact]}
engine: {ai: {latency: 5ms}}
thresholds: [success_rate == 100%, success_rate < 50%]
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A load that goes on for longer than any test."""
    path = tmp_path / "watched.yaml"
    path.write_text(SCENARIO)
    return path


class Run:
    """A run with a page, whose address it has told."""

    def __init__(self, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "perfcli", "run", *map(str, arguments), "--live", "--no-progress"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        told = (line for line in self.process.stderr if "live page: " in line)
        self.url = next(told).split("live page: ")[1].strip()
        self.port = urlsplit(self.url).port

    def ended(self) -> tuple[int, str]:
        """Its exit code and what it printed."""
        printed, _ = self.process.communicate(timeout=60)
        return self.process.returncode, printed

    def listens(self) -> bool:
        """Whether anybody answers at its address."""
        try:
            return ask(self.url) is not None
        except ConnectionRefusedError:
            return False


@pytest.fixture
def begin() -> Iterator[Callable[..., Run]]:
    """Begin a run; it is ended with the test."""
    begun: list[Run] = []

    def make(*arguments: str | Path) -> Run:
        begun.append(Run(*arguments))
        return begun[-1]

    yield make
    for each in begun:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def ask(url: str, method: str = "GET", **headers: str) -> int:
    """The status of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, parts.path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


@needs_chromium
@pytest.mark.timeout(300)
def test_the_page_follows_a_run_stops_it_and_keeps_its_report(
    begin: Callable[..., Run], scenario: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results.json"
    browser = Browser(tmp_path / "chromium")
    try:
        run = begin(scenario, "--json", results)
        began_s = time.monotonic()
        browser.show(1280)
        browser.command("Page.navigate", url=run.url)
        browser.wait_for("document.documentElement?.dataset.shown === 'yes'")
        shown_in_s = time.monotonic() - began_s
        browser.wait_for("document.documentElement.dataset.drawn === 'yes'")
        browser.wait_for("document.body.innerText.includes('rush')")
        browser.wait_for("document.body.innerText.includes('success_rate < 50%: 100%')")
        browser.wait_for("document.querySelectorAll('#chart-rate svg .trace path').length > 0")
        browser.show(400, scheme="dark")
        browser.wait_for("document.documentElement.scrollWidth <= 400")
        browser.show(1280)
        browser.tell("document.querySelector('#stop').click()")
        browser.wait_for("document.documentElement.dataset.ended === 'yes'")
        browser.wait_for("!document.querySelector('#save').hidden")
        code, printed = run.ended()
        (result,) = json.loads(results.read_text())
        assert code == 130
        assert "interrupted by Ctrl-C" in printed
        # the last state shows the figures of the result, and the report is that of a file
        shown = browser.tell("document.querySelector('main').textContent")
        assert f"{result['total']['ok']:,} ok, {result['total']['failed']:,} failed" in shown.replace("\u202f", ",")
        frame = "document.querySelector('#report')"
        browser.wait_for(f"{frame}.contentDocument?.documentElement.dataset.charts === 'drawn'")
        browser.tell(f"{frame}.contentWindow.dispatchEvent(new Event('beforeprint'))")  # all are drawn to be printed
        browser.wait_for(f"{frame}.contentDocument.querySelectorAll('svg .trace path').length > 5")
        assert browser.complaints == []
        asked = {url for url in browser.requests if not url.startswith(("data:", "blob:"))}
        assert {urlsplit(url).netloc for url in asked} == {f"127.0.0.1:{run.port}"}
        assert not run.listens()
        assert shown_in_s < 20  # shared machines are slow; on an idle one it takes a third of a second
    finally:
        browser.close()


def test_only_who_knows_the_address_gets_an_answer(begin: Callable[..., Run], scenario: Path) -> None:
    run = begin(scenario)
    place = urlsplit(run.url)
    elsewhere = f"http://{place.netloc}/{'x' * 22}/"
    assert ask(run.url) == 200
    assert ask(run.url, Host=f"localhost:{place.port}") == 200
    assert ask(elsewhere) == 404
    assert ask(f"{elsewhere}events") == 404
    assert ask(f"{elsewhere}stop", "POST") == 404
    assert ask(run.url, Host="attacker.example") == 403
    assert ask(run.url, Host=f"attacker.example:{place.port}") == 403
    assert ask(f"{run.url}stop", "POST", Origin="http://attacker.example") == 403
    assert ask(f"{run.url}stop", "POST", Origin="null") == 403
    assert ask(f"{run.url}stop") in (404, 405)
    assert run.process.poll() is None


@pytest.mark.parametrize("stop", ["page", "Ctrl-C", "SIGTERM"])
def test_all_ways_to_stop_end_alike(begin: Callable[..., Run], scenario: Path, stop: str) -> None:
    run = begin(scenario)
    time.sleep(1.0)
    if stop == "page":
        assert ask(f"{run.url}stop", "POST", Origin=f"http://127.0.0.1:{run.port}") == 204
    else:
        os.kill(run.process.pid, signal.SIGINT if stop == "Ctrl-C" else signal.SIGTERM)
    code, printed = run.ended()
    assert code == (143 if stop == "SIGTERM" else 130)
    assert "watched" in printed
    assert not run.listens()


def test_a_port_that_is_taken_is_said_so() -> None:
    page = Page(0, lambda: None)
    try:
        port = urlsplit(page.url).port or 0
        with pytest.raises(UsageError, match=f"--live-port {port}: cannot listen"):
            Page(port, lambda: None)
    finally:
        page.close()
    Page(port, lambda: None).close()
