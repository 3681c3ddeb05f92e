"""Signals that stop the tool, its engine or both for a while: nobody is accused of the silence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import psutil
import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

STOP_S: Final = 2.6
RUN: Final = """
import json, sys
from perfcli.measurement import measurement
from perfcli.plan import ExecutionPlan
from perfcli.run import run_scenario, time_limits

time_limits.GRACE_S = 2.0  # 30 s would make long tests
measurement.starvation = lambda before, after: ""  # other tests run beside, and may take the CPU

class Watching:
    wants_snapshots = False
    said = False
    def update(self, progress):
        if progress.ok > 20 and not self.said:
            self.said = True
            print("it measures", flush=True)

result = run_scenario(ExecutionPlan.model_validate_json(sys.argv[1], strict=False), observer=Watching())
print(json.dumps({"verdict": result.verdict, "reasons": result.reasons, "ok": result.total.ok}), flush=True)
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(make_plan: Any) -> Iterator[Start]:
    """Starts a run in a process of its own, and waits until it measures."""
    started: list[subprocess.Popen[str]] = []

    def start_run(duration: str, **keys: Any) -> subprocess.Popen[str]:
        load = {"executor": "constant-vus", "vus": 2, "duration": duration, "think_time": "20ms"}
        plan = make_plan(["status"], setup={"pets": 2}, load=load, **keys)
        tool = subprocess.Popen(
            [sys.executable, "-c", RUN, plan.model_dump_json()],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        started.append(tool)
        assert tool.stdout
        assert tool.stdout.readline() == "it measures\n"
        return tool

    yield start_run
    for tool in started:
        for process in [*psutil.Process(tool.pid).children(recursive=True), tool] if tool.poll() is None else []:
            process.kill()
        tool.communicate()


def stop_for_a_while(tool: subprocess.Popen[str], *groups: int) -> None:
    tool.send_signal(signal.SIGSTOP)
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    time.sleep(STOP_S)
    for group in groups:
        os.killpg(group, signal.SIGCONT)
    tool.send_signal(signal.SIGCONT)


def outcome(tool: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = tool.communicate(timeout=60)
    found: dict[str, Any] = json.loads(output)
    return found


def engine_of(tool: subprocess.Popen[str]) -> int:
    """The process group of the engine, below its supervisor."""
    (supervisor,) = psutil.Process(tool.pid).children()
    (engine,) = supervisor.children()
    return os.getpgid(engine.pid)


def test_a_stop_of_the_tool_alone_costs_nothing(start: Start) -> None:
    tool = start("3s", thresholds=[{"expr": "throughput > 1/s", "abort_on_fail": True}])
    stop_for_a_while(tool)
    assert outcome(tool)["verdict"] == "pass"


def test_a_stop_of_both_makes_the_run_invalid(start: Start) -> None:
    tool = start("3s", thresholds=[{"expr": "latency.max < 1s", "abort_on_fail": True}])
    stop_for_a_while(tool, engine_of(tool))
    found = outcome(tool)
    assert (found["verdict"], len(found["reasons"])) == ("invalid", 1)
    assert found["reasons"][0].startswith("the tool was stopped for ")


def test_an_engine_that_is_stopped_does_not_hang(start: Start) -> None:
    tool = start("60s")
    os.killpg(engine_of(tool), signal.SIGSTOP)
    found = outcome(tool)
    assert found["verdict"] == "invalid"
    assert found["reasons"][0].startswith("the engine was stopped from outside")
