"""The live panel on real terminals: a pseudo-terminal with a command behind it, and tmux, which wraps lines anew."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perfcli.run.interrupts import STOPPING

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
HANGING = """
name: hanging
setup: {pets: 2}
engine: {ai: {latency: 1h}}
phases:
  - name: talks
    load: {executor: constant-vus, vus: 2, duration: 10m}
    flow: [load_pet, interact]
"""
DRAWS = """
import sys, time
from pathlib import Path
from perfcli.report.panel import Panel
from perfcli.report.console import make_console
from rich.text import Text

console = make_console()
for number in range(10):
    console.print(f"before {number}")
panel = Panel(console)
panel.start()
width = 0
while not Path(sys.argv[1]).exists():
    if console.width != width:
        time.sleep(0.1)
        width = console.width
        for _ in range(2):
            panel.show(lambda width, plain: Text("\\n".join("x" * min(length, width) for length in (95, 30, 70))))
    time.sleep(0.02)
panel.stop()
console.print("after")
"""


def test_ctrl_c_is_answered_at_once_while_the_engine_is_in_a_long_call(tmp_path: Path) -> None:
    (tmp_path / "hanging.yaml").write_text(HANGING)
    command, terminal = pty.fork()
    if command == 0:
        os.chdir(tmp_path)
        os.environ |= {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
        os.execv(sys.executable, [sys.executable, "-m", "perfcli", "run", "hanging.yaml"])
    try:
        read_until("measuring talks", terminal, within_s=20)
        os.write(terminal, b"\x03")
        read_until(STOPPING, terminal, within_s=1)
        time.sleep(0.2)  # nobody is faster
        os.write(terminal, b"\x03")
        rest = read_until("", terminal, within_s=10)
        assert rest.rpartition(STOPPING)[2].count("\x1b[2K") >= 2, "the panel is erased"
    finally:
        os.kill(command, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(command, 0)[1]) == 130
        os.close(terminal)


def read_until(text: str, terminal: int, *, within_s: float) -> str:
    """What is printed until this text is; "" is the end."""
    printed, ends_s = "", time.monotonic() + within_s
    while not text or text not in printed:
        ready, _, _ = select.select([terminal], [], [], max(0.0, ends_s - time.monotonic()))
        assert ready, f"{text!r} did not come: {printed!r}"
        try:
            printed += os.read(terminal, 65_536).decode(errors="replace")
        except OSError:  # Linux: the other end is closed
            assert not text, f"{text!r} did not come: {printed!r}"
            break
    return printed


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[list[str]]:
    """The command of a tmux server of its own."""
    command = ["tmux", "-S", str(tmp_path / "server"), "-f", "/dev/null"]
    yield command
    subprocess.run([*command, "kill-server"], check=False, capture_output=True)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.parametrize("widths", [(60, 40), (50, 160)], ids=str)
def test_nothing_is_left_on_a_terminal_that_was_resized(
    tmux: list[str], widths: tuple[int, ...], tmp_path: Path
) -> None:
    done = tmp_path / "done"
    drawing = f"{shlex.join([sys.executable, '-c', DRAWS, str(done)])}; sleep 60"
    # tests side by side are given a width, which would be taken for the terminal's
    inherited = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    environment = {**inherited, "PYTHONPATH": str(ROOT)}
    size = ["-x", "100", "-y", "20"]
    subprocess.run([*tmux, "new-session", "-d", "-s", "t", *size, drawing], env=environment, check=True)

    def screen() -> list[str]:
        """The lines that are and were on the screen."""
        shown = [*tmux, "capture-pane", "-p", "-t", "t", "-S", "-"]
        return subprocess.run(shown, capture_output=True, text=True, check=True).stdout.rstrip().splitlines()

    before = [f"before {number}" for number in range(10)]
    for width in (100, *widths):
        subprocess.run([*tmux, "resize-window", "-t", "t", "-x", str(width)], check=True)
        await_lines(screen, [*before, *("x" * min(length, width - 3) for length in (95, 30, 70))])
    done.touch()
    await_lines(screen, [*before, "after"])


def await_lines(screen: Callable[[], list[str]], expected: list[str]) -> None:
    ends_s = time.monotonic() + 10
    while (shown := screen()) != expected and time.monotonic() < ends_s:
        time.sleep(0.02)
    assert shown == expected
