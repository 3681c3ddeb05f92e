"""`capacity` with real engine processes: signals, and an MCP server that runs already."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from digipal.ai import SimulatedAI
from digipal.core.digipal_core import DigiPalCore
from digipal.mcp.http import HttpListener
from digipal.mcp.server import MCPServer
from digipal.storage import StorageManager
from perfcli.errors import ExitCode
from tests.processes import is_alive, started_by

pytestmark = pytest.mark.end_to_end

ROOT: Final = Path(__file__).parents[3]
ON_A_SERVER: Final = """
name: tools
target: {{mcp: {{url: {url}}}}}
setup: {{pets: 2}}
load: {{executor: constant-vus, vus: 1, duration: 1s}}
flow: [get_pet_status]
thresholds: [latency.p90 < 10s]
"""


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    (home / "scratch").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "perfcli", "capacity", *arguments, "--json", "c.json"],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "120", "TMPDIR": f"{home}/scratch"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str], home: Path) -> tuple[str, str]:
    """What it printed on stdout and stderr, once it has ended and left nothing behind."""
    below = started_by(process.pid)
    output, errors = process.communicate(timeout=60)
    deadline = time.monotonic() + 10
    while any(map(is_alive, below)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [each for each in below if is_alive(each)] == []
    assert list((home / "scratch").iterdir()) == []
    return output, errors


@pytest.fixture
def searching(tmp_path: Path) -> subprocess.Popen[str]:
    """A search in its first probe: a busy machine may starve it, so no later one can be counted on."""
    process = start(tmp_path, "capacity_session", "--from", "20/s", "--events", "c.jsonl")
    events = tmp_path / "c.jsonl"
    while not (events.exists() and "trying 20/s (run 1)" in events.read_text(encoding="utf-8")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED, "interrupted by Ctrl-C"),
        (signal.SIGTERM, ExitCode.TERMINATED, "terminated by SIGTERM"),
    ],
)
def test_a_signal_reports_what_is_known(
    searching: subprocess.Popen[str], tmp_path: Path, number: signal.Signals, code: ExitCode, reason: str
) -> None:
    searching.send_signal(number)
    output, errors = end(searching, tmp_path)
    assert searching.returncode == code
    assert "INTERRUPTED  capacity_session" in output
    assert f"partial report: {reason}" in output
    assert "stopping" in errors
    (result,) = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert (result["outcome"], result["interrupted"]) == ("unfinished", reason)
    assert [(probe["load"], probe["verdict"]) for probe in result["probes"]] == [(20, "interrupted")]


def test_a_second_signal_leaves_nothing_behind(searching: subprocess.Popen[str], tmp_path: Path) -> None:
    searching.send_signal(signal.SIGINT)
    time.sleep(0.05)
    searching.send_signal(signal.SIGINT)
    end(searching, tmp_path)
    assert searching.returncode == ExitCode.INTERRUPTED


class Confused(DigiPalCore):
    """Answers every user with the pet of user 0."""

    def get_pet_state(self, user_id: str) -> Any:
        return super().get_pet_state(f"{user_id[:-1]}0")


@contextmanager
def serving(core: DigiPalCore) -> Iterator[str]:
    """The URL of a server in a thread of this process."""
    listener = HttpListener(MCPServer(core).server, "127.0.0.1", 0)
    thread = Thread(target=asyncio.run, args=(listener.serve(),))
    thread.start()
    yield listener.url
    listener.stop()
    thread.join()


@pytest.mark.parametrize(
    ("engine", "code", "outcome", "reason"),
    [
        (DigiPalCore, ExitCode.INVALID, "unfinished", ""),
        (Confused, ExitCode.THRESHOLD_FAILED, "wrong", "wrong answer: another user's pet"),
    ],
)
def test_a_server_that_runs_already_is_searched_until_it_answers_wrongly(
    tmp_path: Path, engine: type[DigiPalCore], code: ExitCode, outcome: str, reason: str
) -> None:
    storage = StorageManager(tmp_path / "theirs.db")
    with serving(engine(storage, SimulatedAI(latency_ms=0))) as url:
        (tmp_path / "tools.yaml").write_text(ON_A_SERVER.format(url=url), encoding="utf-8")
        process = start(tmp_path, "tools.yaml", "--max-time", "1s")
        _, errors = end(process, tmp_path)
    storage.close()
    assert process.returncode == code, errors
    (result,) = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert (result["outcome"], len(result["probes"])) == (outcome, 1)
    assert result["reason"].startswith(reason)
    assert result["engine"] == f"the server at {url}"
