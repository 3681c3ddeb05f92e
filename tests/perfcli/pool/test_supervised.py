"""Whatever an engine process starts ends with it, and how it ended itself is told exactly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from perfcli.agent.subreaper import _describe
from perfcli.pool import supervised
from perfcli.pool.cleanup import scratch_directory
from perfcli.pool.supervised import SupervisedProcess, start_supervised
from tests.processes import is_alive

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
_PATIENCE_S = 20.0

Start = Callable[[str], SupervisedProcess]

DAEMON = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open({file!r}, "w") as file:
            file.write(str(os.getpid()))
        os.rename({file!r}, {file!r} + ".pid")
        os.closerange(0, 256)
        os.execve(sys.executable, ["innocent", "-c", "import time; time.sleep(300)"], {{}})
    os._exit(0)
os.wait()
"""
"""A daemon by the book: forked twice, a session and a name of its own, no descriptor, no environment."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[SupervisedProcess] = []

    def start_one(code: str) -> SupervisedProcess:
        with (tmp_path / f"output-{len(started)}.txt").open("wb") as output:
            started.append(
                start_supervised(
                    "tests.perfcli.faulty.runs_code",
                    [code],
                    working_directory=tmp_path,
                    variables={"PYTHONPATH": str(ROOT)},
                    output=output.fileno(),
                )
            )
        return started[-1]

    yield start_one
    for process in started:
        process.end()


def daemon_in(tmp_path: Path) -> psutil.Process:
    """The daemon that DAEMON has started."""
    file = tmp_path / "daemon.pid"
    until(file.exists)
    return psutil.Process(int(file.read_text(encoding="utf-8")))


def daemon_code(tmp_path: Path) -> str:
    return DAEMON.format(file=str(tmp_path / "daemon"))


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("import os; os._exit(0)", 0),
        ("import os; os._exit(7)", 7),
        ("raise SystemExit(3)", 1),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import os; os.closerange(0, 256); os._exit(9)", 9),
    ],
)
def test_how_a_process_ended_is_told_exactly(start: Start, code: str, ended: int) -> None:
    process = start(code)
    assert process.wait(_PATIENCE_S) == ended
    assert process.end() == []
    assert process.wait(0) == ended


def test_a_process_is_no_child_of_the_tool(start: Start) -> None:
    process = start("import time; time.sleep(300)")
    assert process.wait(0) is None
    supervisor = psutil.Process(process.pid).parent()
    assert supervisor is not None
    assert supervisor.ppid() == os.getpid()
    assert supervisor.name() == "perf-supervisor" or sys.platform != "linux"
    assert os.getpgid(process.pid) == process.pid != os.getpgid(supervisor.pid)
    assert process.end() == []
    assert process.wait(0) == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux leads to orphans")
class TestDaemons:
    def test_one_that_is_left_is_named_and_ended(self, start: Start, tmp_path: Path) -> None:
        process = start(daemon_code(tmp_path) + "os._exit(0)")
        daemon = daemon_in(tmp_path)
        assert process.wait(_PATIENCE_S) == 0
        assert is_alive(daemon)
        (name,) = process.end()
        assert f"(pid {daemon.pid}: innocent -c import time" in name
        assert name.endswith(")")
        assert not is_alive(daemon)

    def test_a_long_command_line_is_cut_where_one_sees_it(self) -> None:
        code = [sys.executable, "-c", "print(flush=True); input()", "x" * 200]
        with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout
            child.stdout.readline()  # from then on it is what its command line says
            words = _describe(psutil.Process(child.pid))
            child.communicate(b"\n")
        assert len(words) == 100
        assert words.endswith("…)")

    def test_one_of_a_process_that_is_killed_ends_with_it(self, start: Start, tmp_path: Path) -> None:
        process = start(daemon_code(tmp_path) + "import time; time.sleep(300)")
        daemon = daemon_in(tmp_path)
        assert process.end() == []  # who ended it before its time cannot say that it left something
        assert not is_alive(daemon)

    def test_what_ends_by_itself_a_moment_later_was_not_left(self, start: Start) -> None:
        process = start("import os, time\nif os.fork() == 0: time.sleep(0.1)\nos._exit(0)")
        process.wait(_PATIENCE_S)
        assert process.end() == []

    def test_what_is_part_of_it_was_not_left(self, start: Start, tmp_path: Path) -> None:
        process = start(daemon_code(tmp_path) + "os._exit(0)")
        daemon = daemon_in(tmp_path)
        process.own(daemon.pid)
        process.wait(_PATIENCE_S)
        assert process.end() == []
        assert not is_alive(daemon)

    def test_those_of_another_program_stay(self, start: Start, tmp_path: Path) -> None:
        subprocess.run([sys.executable, "-c", daemon_code(tmp_path)], check=True)
        daemon = daemon_in(tmp_path)
        try:
            process = start("import os; os._exit(0)")
            process.wait(_PATIENCE_S)
            assert process.end() == []
            assert is_alive(daemon)
        finally:
            daemon.kill()

    def test_one_that_stands_still_is_ended_too(self, start: Start, tmp_path: Path) -> None:
        process = start(daemon_code(tmp_path) + "os._exit(0)")
        daemon = daemon_in(tmp_path)
        daemon.suspend()
        process.wait(_PATIENCE_S)
        assert len(process.end()) == 1
        assert not is_alive(daemon)


def test_a_supervisor_that_is_killed_takes_its_process_along(start: Start) -> None:
    process = start("import time; time.sleep(300)")
    myself = psutil.Process(process.pid)
    supervisor = myself.parent()
    assert supervisor is not None
    supervisor.kill()
    assert process.wait(_PATIENCE_S) == -signal.SIGKILL
    process.end()
    until(lambda: not is_alive(myself))


TOOL = """
import json, sys, time
from pathlib import Path
from perfcli.pool import supervised
from perfcli.pool.cleanup import scratch_directory
from perfcli.pool.supervised import start_supervised
with scratch_directory() as outer, scratch_directory() as inner, (inner / "output.txt").open("wb") as output:
    process = start_supervised("tests.perfcli.faulty.runs_code", [sys.argv[1]], working_directory=inner,
                               output=output.fileno())
    print(json.dumps([process.pid, str(outer), str(inner)]), flush=True)
    time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_tool_that_is_killed_leaves_no_process_and_no_directory(tmp_path: Path, number: int) -> None:
    stopped = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    code = (daemon_code(tmp_path) if sys.platform == "linux" else "") + stopped
    tool = subprocess.Popen(
        [sys.executable, "-c", TOOL, code], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        assert tool.stdout
        pid, *directories = json.loads(tool.stdout.readline())
        ended = [psutil.Process(pid), *([daemon_in(tmp_path)] if sys.platform == "linux" else [])]
    finally:
        tool.send_signal(number)
        tool.communicate()
    until(lambda: not any(map(is_alive, ended)))
    until(lambda: not any(Path(directory).exists() for directory in directories))


def test_scratch_directories_are_removed_by_the_tool_alone_while_it_lives(start: Start) -> None:
    with scratch_directory() as directory:
        process = start("import os; os.closerange(0, 256); os._exit(74)")
        assert process.wait(_PATIENCE_S) == 74
        process.end()
        assert directory.exists()


def test_a_supervisor_that_never_starts_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "_TO_START_S", 0.05)
    control, theirs = socket.socketpair()
    silent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    process = SupervisedProcess(control, silent)
    assert silent.wait(_PATIENCE_S) == -signal.SIGKILL
    theirs.close()
    assert process.wait(_PATIENCE_S) == -signal.SIGKILL
    process.end()
