"""Engine processes by forking: how they start, are pinned and end, with all they started."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfcli.agent import template as template_module
from perfcli.cpus import pin, pinnable_cpus
from perfcli.errors import PerfError
from perfcli.plan import ExecutionPlan, Slices
from perfcli.pool.database import LocalDatabase
from perfcli.pool.processes import EngineProcess, LocalPool, Post, forked
from perfcli.pool.supervised import Output
from perfcli.pool.template import Template
from perfcli.scenario.target import TARGET_MODELS, EmbeddedSettings
from tests.processes import is_alive

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
_PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    with Template() as opened:
        yield opened


@pytest.fixture
def start(
    template: Template, make_plan: Callable[..., ExecutionPlan], tmp_path: Path
) -> Iterator[Callable[[], EngineProcess]]:
    plan = make_plan(["create_pet"]).model_copy(update={"slices": Slices()})
    started: list[EngineProcess] = []

    def start_one() -> EngineProcess:
        directory = tmp_path / f"run-{len(started)}"
        directory.mkdir()
        pool = LocalPool(ROOT, forked(template))
        started.append(pool.start(plan, LocalDatabase(directory, ROOT)))
        return started[-1]

    yield start_one
    for process in started:
        process.end()


def test_an_agent_is_forked_into_a_group_of_its_own(start: Callable[[], EngineProcess]) -> None:
    first, second = start(), start()
    # as soon as the pid is known: who is interrupted right now has to be able to end it
    assert os.getpgid(first._process.pid) == first._process.pid
    assert os.getpgid(second._process.pid) == second._process.pid
    assert first.line.poll(_PATIENCE_S)
    assert second.line.poll(_PATIENCE_S)


def test_it_is_ended_at_any_moment(start: Callable[[], EngineProcess]) -> None:
    for _ in range(3):
        process = start()
        process.end()
        assert process.wait(0) == -signal.SIGKILL


def test_the_signal_that_ended_it_is_told(start: Callable[[], EngineProcess]) -> None:
    process = start()
    assert process.wait(0) is None
    os.kill(process._process.pid, signal.SIGTERM)
    assert process.wait(_PATIENCE_S) == -signal.SIGTERM
    assert process.wait(0) == -signal.SIGTERM  # and is told again


def test_an_agent_that_cannot_begin_says_why(template: Template, tmp_path: Path) -> None:
    output = Output(tmp_path / "output.txt")
    with open(os.devnull, "rb") as line:
        process = forked(template)(line.fileno(), Post(["no plan"], tmp_path, output))
    assert process.wait(_PATIENCE_S) == 1
    assert process.end() == []
    assert "Traceback" in output.end()
    output.close()


def test_what_it_printed_is_known_however_early_it_ended(start: Callable[[], EngineProcess]) -> None:
    process = start()
    process.end()
    assert (process.printed_bytes(), process.output()) == (0, "")


def test_a_template_that_died_is_told_in_words(tmp_path: Path) -> None:
    template, output = Template(), Output(tmp_path / "output.txt")
    try:
        template._process.kill()
        template._process.wait()
        with open(os.devnull, "rb+") as file, pytest.raises(PerfError, match="has died") as told:
            forked(template)(file.fileno(), Post([], tmp_path, output))
        assert "memory" in told.value.hint
    finally:
        template.close()
        output.close()


@pytest.mark.slow
def test_what_a_dead_template_leaves_is_no_trouble_for_the_garbage_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.12.1 crashed on it, and 3.13 tells of a BufferError."""
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    output = Output(tmp_path / "output.txt")
    with Template() as template:
        template._process.kill()
        template._process.wait()
        for _ in range(20):
            with open(os.devnull, "rb+") as file, pytest.raises(PerfError) as error:
                forked(template)(file.fileno(), Post([], tmp_path, output))
            # a cycle, as any test or caller makes that keeps the exception in a variable
            error.value.held_by = error  # type: ignore[attr-defined]
        del error
        gc.collect()
    output.close()
    assert ignored == []


def test_a_template_ends_when_the_tool_is_gone() -> None:
    with Template() as template:
        process = psutil.Process(template._process.pid)
    assert not is_alive(process)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_a_module_is_loaded_once_by_a_branch_and_by_no_other(
    make_plan: Callable[..., ExecutionPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = tmp_path / "loads"
    (tmp_path / "costly.py").write_text(f"import os\nopen({str(loads)!r}, 'a').write(f'{{os.getpid()}}\\n')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    plan = make_plan(["create_pet"]).model_copy(update={"slices": Slices()})

    def start(module: str) -> psutil.Process:
        monkeypatch.setattr(EmbeddedSettings, "preloadable", module)
        started = pool.start(plan, stack.enter_context(pool.make_database()))
        stack.callback(started.end)
        supervisor = psutil.Process(started._process.pid).parent()
        assert supervisor
        return supervisor

    with Template() as template, ExitStack() as stack:
        pool = LocalPool(ROOT, forked(template))
        plain, first, second = start(""), start("costly"), start("costly")
        branch = first.parent()
        assert branch
        assert (plain.ppid(), branch.ppid(), second.ppid()) == (template.pid, template.pid, branch.pid)
        assert start("no_such_module").ppid() != branch.pid
        branch.kill()
        branch.wait(_PATIENCE_S)
        again = start("costly").ppid()
    assert list(map(int, loads.read_text().split())) == [branch.pid, again]


@pytest.mark.slow
def test_a_template_has_neither_an_engine_nor_a_second_thread() -> None:
    loaded = [template_module.__name__, *filter(None, (model.preloadable for model in TARGET_MODELS.values()))]
    assert len(loaded) > 1
    program = f"import sys, threading, {', '.join(loaded)}; print(threading.active_count(), 'digipal' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["1", "False"]


PARENT = """
import subprocess, sys, threading
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
threading.Thread(target=child.wait).start()
print("ready", flush=True)
input()
child.communicate(b"over")
"""


@pytest.mark.skipif(not pinnable_cpus(), reason="this system pins no process")
def test_threads_and_children_of_a_process_are_pinned_with_it() -> None:
    cpus = pinnable_cpus()
    chosen = {cpus[-1]}
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        process.stdout.readline()
        pin(process.pid, chosen)
        (child,) = psutil.Process(process.pid).children()
        threads = [*psutil.Process(process.pid).threads(), *child.threads()]
        assert len(threads) >= 3
        assert all(os.sched_getaffinity(thread.id) == chosen for thread in threads)
    finally:
        process.communicate(b"over")


@pytest.mark.slow
def test_who_is_gone_cannot_be_pinned() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises((OSError, psutil.Error)):
        pin(process.pid, [0])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no CPUs are known elsewhere")
def test_where_the_system_refuses_no_cpu_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, cpus: object) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    assert pinnable_cpus() == []
