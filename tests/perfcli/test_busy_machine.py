"""A run on a CPU that others use as well: true processes, true starvation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux tells how long threads wait"),
]

ROOT = Path(__file__).parents[2]
SCENARIO = """
name: crowded
setup: {pets: 5}
load: {executor: constant-vus, vus: 1, duration: 300ms}
flow: [load_pet]
thresholds: [load_pet.latency.p50 < 1ns, success_rate == 100%, db_errors == 0]
"""
ON_CPU = (
    "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])})\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)


@pytest.fixture
def cpu() -> int:
    return max(os.sched_getaffinity(0))


@pytest.fixture
def others(cpu: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Three processes that want this CPU all the time, each in a session of its own; stopped for now."""
    burn = [sys.executable, "-c", ON_CPU, str(cpu), "-c", "while True: pass"]
    burners = [subprocess.Popen(burn, start_new_session=True) for _ in range(3)]
    tell(burners, signal.SIGSTOP)
    yield burners
    for burner in burners:
        burner.kill()
        burner.wait()


def tell(processes: list[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for process in processes:
        process.send_signal(number)


def has_engine(tool: subprocess.Popen[str]) -> bool:
    """Whether the process that engines are forked from has children."""
    with suppress(psutil.NoSuchProcess):  # it ends while it is looked at
        return any(child.children() for child in psutil.Process(tool.pid).children())
    return False


def test_a_run_on_a_crowded_cpu_is_not_judged_on_time(
    cpu: int, others: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    (tmp_path / "crowded.yaml").write_text(SCENARIO, encoding="utf-8")
    command = ["-m", "perfcli", "run", "crowded.yaml", "--json", "out.json", "--retries", "0"]
    tool = subprocess.Popen(
        [sys.executable, "-c", ON_CPU, str(cpu), *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for is_there, then in ((True, signal.SIGCONT), (False, signal.SIGSTOP)):
        while tool.poll() is None and has_engine(tool) is not is_there:
            time.sleep(0.01)
        tell(others, then)
    said, _ = tool.communicate(timeout=60)
    (result,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (tool.returncode, result["verdict"]) == (4, "invalid"), said
    assert "the engine's threads waited" in result["starved"]
    assert "1 not judged" in said
    assert [each["judged"] for each in result["thresholds"]] == [False, True, True]
    assert result["environment"]["usable_cpus"] <= 1
