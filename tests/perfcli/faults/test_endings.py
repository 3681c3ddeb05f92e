"""However the tool ends while a fault is on, nothing of that fault is left: no process, lock, relay or file."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.perfcli.faults.test_inside import LINKED_STATICALLY
from tests.processes import command, is_alive
from tests.strace import needs_strace

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(sys.platform != "linux", reason="what is locked and limited is read from /proc"),
]

ROOT = Path(__file__).parents[3]
FAULTS = {
    "lock": "{at: 1200ms, for: 30s}",
    "reader": "{at: 1200ms, for: 30s}",
    "pause": "{at: 1200ms, for: 30s}",
    "kill": "{at: 1200ms, restart_after: 30s}",
    "disk_full": "{at: 1200ms, for: 30s}",
    "disk_error": "{at: 1200ms, for: 30s, share: 50%}",
    "disk_slow": "{at: 1200ms, for: 30s, delay: 5ms}",
    "ai": "{at: 1200ms, for: 30s, latency: 1s}",
    "clock": "{at: 1200ms, for: 30s, jump: 1h}",
    "cut": "{at: 1200ms, for: 30s}",
}
TRACED = ("disk_full", "disk_error", "disk_slow")
SCENARIO = """
name: ending
target: {target}
setup: {{pets: 4}}
engine: {{ai: {{latency: 1ms}}}}
load: {{executor: constant-arrival-rate, rate: 40/s, vus: 4, duration: 60s}}
flow: [{operation}]
faults: [{fault}: {settings}]
{operations}
"""


class Left(NamedTuple):
    """What there was while the fault was on."""

    processes: list[psutil.Process]
    ports: list[int]
    databases: list[int]
    """Their inodes, and those of the files beside them."""


class Tool:
    """The command, in a directory of its own."""

    def __init__(self, home: Path, fault: str, *, by_strace: bool) -> None:
        self.scratch = home / "scratch"
        self.scratch.mkdir()
        self._events = home / "events"
        over_http = fault == "cut"
        text = SCENARIO.format(
            target="{mcp: {transport: http}}" if over_http else "embedded",
            operation="interact_with_pet" if over_http else "interact",
            fault=fault,
            settings=FAULTS[fault].replace(", share: 50%", "") if by_strace else FAULTS[fault],
            operations="operations: [static.py]" if by_strace else "",
        )
        (home / "static.py").write_text(LINKED_STATICALLY, encoding="utf-8")
        (home / "ending.yaml").write_text(text, encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "perfcli", "run", "ending.yaml", "--events", str(self._events)],
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.scratch)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def await_fault(self) -> Left:
        """Wait until the fault is on."""
        self.until(self._has_fault)
        # what it does takes a moment longer than to say so
        time.sleep(0.3)
        processes = psutil.Process(self.process.pid).children(recursive=True)
        listening = [
            each.laddr.port
            for process in processes
            for each in process.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN
        ]
        files = self.scratch.glob("*/database/*")
        return Left(processes, listening, [file.stat().st_ino for file in files])

    def _has_fault(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        with suppress(FileNotFoundError, ValueError):
            for line in self._events.read_text(encoding="utf-8").splitlines():
                if json.loads(line)["event"] == "fault":
                    return True
        return False

    @staticmethod
    def until(condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "it did not happen within 30 s"
            time.sleep(0.02)


Start = Callable[..., Tool]
End = Callable[[Tool], None]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Tool] = []

    def start(fault: str, *, by_strace: bool = False) -> Tool:
        if fault == "clock":
            pytest.importorskip("time_machine")
        started.append(Tool(tmp_path, fault, by_strace=by_strace))
        return started[-1]

    yield start
    for tool in started:
        tool.process.kill()
        tool.process.communicate()


def kill(tool: Tool) -> None:
    tool.process.kill()


def kill_engine(tool: Tool) -> None:
    tree = psutil.Process(tool.process.pid).children(recursive=True)
    (engine,) = (process for process in tree if process.name() == "perf-supervisor" for process in process.children())
    engine.kill()


def interrupt(tool: Tool) -> None:
    tool.process.send_signal(signal.SIGINT)


def interrupt_twice(tool: Tool) -> None:
    interrupt(tool)
    time.sleep(0.1)
    with suppress(ProcessLookupError):
        interrupt(tool)


CODES: dict[End, int] = {kill: -signal.SIGKILL, interrupt: 130, interrupt_twice: 130, kill_engine: 1}


def is_locked(inode: int) -> bool:
    return any(line.split()[5].endswith(f":{inode}") for line in Path("/proc/locks").read_text().splitlines())


def listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    return False


@pytest.mark.parametrize("end", [kill, interrupt, interrupt_twice])
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_of_it_is_left(start: Start, fault: str, end: End) -> None:
    tool = start(fault)
    left = tool.await_fault()
    assert left.databases
    if fault == "pause":
        assert psutil.STATUS_STOPPED in [process.status() for process in left.processes]
    if fault in ("lock", "reader"):
        assert any(map(is_locked, left.databases))
    if fault == "cut":
        assert any("relay_process" in " ".join(command(process)) for process in left.processes)
    end_without_a_trace(tool, left, end)


@needs_strace
@pytest.mark.parametrize("end", CODES)
@pytest.mark.parametrize("fault", TRACED)
def test_no_strace_is_left(start: Start, fault: str, end: End) -> None:
    tool = start(fault, by_strace=True)
    left = tool.await_fault()
    assert any(command(process)[:1] == ["strace"] for process in left.processes)
    output = end_without_a_trace(tool, left, end)
    assert "strace" not in output, "it is nothing that the engine left behind"


def end_without_a_trace(tool: Tool, left: Left, end: End) -> str:
    """What the tool prints meanwhile."""
    assert left.processes
    end(tool)
    output = "".join(tool.process.communicate(timeout=30))
    assert tool.process.returncode == CODES[end]
    tool.until(lambda: not any(map(is_alive, left.processes)))
    # the number of a file that is gone may belong to another one for a while
    tool.until(lambda: not any(map(is_locked, left.databases)))
    assert not any(map(listens, left.ports))
    tool.until(lambda: not list(tool.scratch.iterdir()))
    return output
