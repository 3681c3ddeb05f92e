"""Templates: started early and for those who need them, one for all runs of a command, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import psutil
import pytest

from perfcli.__main__ import FORKING, _early_template
from perfcli.agent.private_memory import can_be_private
from perfcli.agent.template import Descriptors, Order
from perfcli.commands.context import Context
from perfcli.errors import PerfError
from perfcli.plan import ExecutionPlan
from perfcli.pool import processes
from perfcli.pool.identity import EngineSource, identified
from perfcli.pool.processes import LocalPool, forked
from perfcli.pool.protocol import WorkerPool
from perfcli.pool.template import Template
from perfcli.run import run_scenario
from tests.processes import command

ROOT = Path(__file__).parents[3]
_PATIENCE_S = 20.0
_MARK = "DIGIPAL_TEST_MARK"

forks = pytest.mark.skipif(not can_be_private(), reason="this system starts fresh interpreters")


class StartedCommand:
    """The command in a process of its own, and all that carries its mark in the environment."""

    def __init__(self, *arguments: str) -> None:
        self._mark = uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "perfcli", *arguments],
            cwd=ROOT,
            env={**os.environ, _MARK: self._mark},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def descendants(self) -> list[psutil.Process]:
        """What runs with its mark, but not the command itself."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                is_marked = process.environ().get(_MARK) == self._mark
                if is_marked and process.pid != self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def wait_for_template(self) -> None:
        """Wait until its template runs."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while not any("perfcli.agent.template" in command(each) for each in self.descendants()):
            assert time.monotonic() < deadline_s, "no template was started"
            assert self.process.poll() is None, "the command ended"
            time.sleep(0.002)

    def wait_until_all_is_gone(self) -> int:
        """Its exit code, once nothing of it runs any more."""
        code = self.process.wait(_PATIENCE_S)
        deadline_s = time.monotonic() + _PATIENCE_S
        while left := self.descendants():
            assert time.monotonic() < deadline_s, f"left running: {left}"
            time.sleep(0.01)
        return code


@pytest.mark.parametrize(
    "arguments", [[], ["list"], ["validate", "run"], ["run", "--help"], ["run", "x", "-h"], ["ab"]]
)
def test_those_that_run_nothing_start_none(arguments: list[str]) -> None:
    assert _early_template(arguments) is None


@forks
@pytest.mark.parametrize("command", FORKING)
def test_those_that_run_a_scenario_start_one(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfcli.__main__._leave_on_signals", lambda leave: None)
    monkeypatch.setattr("perfcli.pool.template.Template", lambda: command)
    assert _early_template([command, "pet_creation"]) == command


@forks
@pytest.mark.end_to_end
def test_a_broken_scenario_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: 1")
    assert StartedCommand("run", str(broken)).wait_until_all_is_gone() == 2


@forks
@pytest.mark.end_to_end
@pytest.mark.parametrize("later_s", [0.0, 0.05, 0.15, 0.4])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_interrupted_at_any_moment_it_leaves_nothing(number: signal.Signals, code: int, later_s: float) -> None:
    command = StartedCommand("run", "pet_creation", "--duration", "20s")
    command.wait_for_template()
    time.sleep(later_s)
    command.process.send_signal(number)
    assert command.wait_until_all_is_gone() == code


@pytest.fixture
def engine() -> EngineSource:
    return identified(ROOT, "here")


class FakeTemplate:
    """Counts how often it was looked after, and forks nothing."""

    def __init__(self) -> None:
        self.looks = 0
        self.orders = 0

    def restart_if_ended(self) -> None:
        self.looks += 1

    def order(self, order: Order, descriptors: Descriptors) -> None:
        self.orders += 1
        raise EOFError


def start_one(pool: WorkerPool[Any], plan: ExecutionPlan) -> None:
    with pool.make_database() as database:
        pool.start(plan, database).end()


def test_a_command_without_a_template_starts_fresh_interpreters(
    engine: EngineSource, make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(module: str, arguments: Sequence[str], **options: Any) -> NoReturn:
        raise PerfError(f"would run {module}")

    monkeypatch.setattr(processes, "start_supervised", start)
    with pytest.raises(PerfError, match=r"would run perfcli\.agent\.engine_process"):
        start_one(Context().pool(engine), make_plan(["status"]))


def test_all_runs_of_a_command_share_its_template(
    engine: EngineSource, make_plan: Callable[..., ExecutionPlan]
) -> None:
    template: Any = FakeTemplate()
    context = Context(template=template)
    for _ in range(3):
        with pytest.raises(PerfError, match="has died"):
            start_one(context.pool(engine), make_plan(["status"]))
    assert (template.looks, template.orders) == (3, 3)


@pytest.mark.slow
def test_a_template_that_was_killed_is_started_again() -> None:
    with Template() as template:
        template.restart_if_ended()
        first = template.pid
        os.kill(first, signal.SIGKILL)
        while not template.has_ended():
            time.sleep(0.001)
        template.restart_if_ended()
        assert template.pid != first
        assert not template.has_ended()
    assert template.has_ended()
    template.close()  # does no harm


@pytest.fixture
def seeds(tmp_path: Path, make_plan: Callable[..., ExecutionPlan]) -> Callable[[Template], str]:
    """What hash("pet") is in an engine process forked from a template."""
    package = tmp_path / "digipal"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError(f'the hash is {hash(\"pet\")}')")
    source = identified(tmp_path, "tells its seed")

    def seed(template: Template) -> str:
        result = run_scenario(make_plan(["status"]), pool=LocalPool(tmp_path, forked(template)), engine=source)
        found = re.search(r"the hash is (-?\d+)", " ".join(result.reasons))
        assert found, result.reasons
        return found[1]

    return seed


@pytest.mark.end_to_end
def test_each_template_draws_a_hash_seed_for_all_that_it_forks(
    seeds: Callable[[Template], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    with Template() as first, Template() as second:
        assert seeds(first) == seeds(first)
        assert seeds(first) != seeds(second)


@pytest.mark.end_to_end
def test_a_hash_seed_in_the_environment_holds_in_every_engine_process(
    seeds: Callable[[Template], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    program = [sys.executable, "-c", "print(hash('pet'))"]
    expected = subprocess.run(program, capture_output=True, text=True, check=True).stdout.strip()
    with Template() as template:
        assert seeds(template) == expected
