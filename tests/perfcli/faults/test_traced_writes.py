"""Faults of the disk by strace, for a Python whose SQLite does not let its system calls be replaced."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfcli.agent.inside_faults import Inflictor, ThisProcess
from perfcli.errors import PerfError, Verdict
from perfcli.plan import plan_run
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.models import Scenario
from perfcli.targets.protocol import Surroundings
from perfcli.wire import BeginFault, EndFault, FaultBegan, FaultEnded, NoFault
from tests.perfcli.faults.test_inside import LINKED_STATICALLY, SCENARIO, inflict, write
from tests.processes import started_by
from tests.strace import needs_strace

TIMES = {"at": "1s", "for": "1s"}


@pytest.fixture
def static(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have nothing export SQLite's functions; and expect that no strace is left behind."""
    monkeypatch.setattr("_sqlite3.__file__", "/no/such/library.so")
    yield
    assert tracers() == []


def tracers() -> list[psutil.Process]:
    return started_by(part="strace -f")


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(("fault", "error"), [("disk_full", "SQLITE_FULL"), ("disk_error", "SQLITE_IOERR_WRITE")])
def test_writes_fail_until_it_is_lifted(fault: str, error: str, connection: sqlite3.Connection, static: None) -> None:
    lift, hits = inflict(**{fault: TIMES})
    assert len(tracers()) == 1
    assert write(connection) == write(connection) == error
    lift()
    assert hits is not None
    assert hits.number == 2
    assert write(connection) == ""
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@needs_strace
@pytest.mark.slow
def test_writes_take_longer_until_it_is_lifted(connection: sqlite3.Connection, static: None) -> None:
    lift, hits = inflict(disk_slow={**TIMES, "delay": "20ms"})
    began_s = time.perf_counter()
    assert write(connection) == ""
    took_s = time.perf_counter() - began_s
    lift()
    assert hits is not None
    assert took_s >= 0.02 * hits.number > 0


@needs_strace
@pytest.mark.slow
def test_only_one_can_be_there_at_a_time(connection: sqlite3.Connection, static: None) -> None:
    lift, _ = inflict(disk_full=TIMES)
    with pytest.raises(PerfError, match=r"cannot be replaced in this Python: .*; strace is not permitted: .*attach"):
        inflict(disk_error=TIMES)
    assert write(connection) == "SQLITE_FULL"
    lift()


@needs_strace
@pytest.mark.slow
def test_a_tracer_that_is_gone_spoils_the_fault(static: None) -> None:
    plan = plan_run(Scenario.model_validate({**SCENARIO, "faults": [{"disk_full": TIMES}]}), 1)
    inflictor = Inflictor(plan, 0, time.perf_counter_ns, ThisProcess(plan, Surroundings()))
    assert isinstance(inflictor.obey(BeginFault(0)), FaultBegan)
    assert isinstance(inflictor.obey(EndFault(0)), FaultEnded)
    assert isinstance(inflictor.obey(BeginFault(0)), FaultBegan)
    (tracer,) = tracers()
    os.kill(tracer.pid, signal.SIGKILL)
    while tracer.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)
    assert inflictor.obey(EndFault(0)) == NoFault(0, 0, "strace ended before the fault did")


@needs_strace
def test_a_share_of_the_writes_cannot_be_hit(static: None) -> None:
    with pytest.raises(PerfError, match="strace hits all writes, not a share"):
        inflict(disk_full={**TIMES, "share": "50%"})


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
def test_without_strace_both_reasons_are_told(static: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PerfError, match=r"in this Python: .*; strace cannot be started: No such file or directory$"):
        inflict(disk_full=TIMES)


def run(home: Path, faults: str, operations: str = LINKED_STATICALLY, **keys: Any) -> RunResult:
    (home / "static.py").write_text(operations)
    path = home / "static.yaml"
    path.write_text(
        "name: static\nsetup: {pets: 4}\noperations: [static.py]\nflow: [interact, load_pet]\n"
        "engine: {ai: {latency: 0ms}}\n"
        "load: {executor: constant-arrival-rate, rate: 30/s, vus: 20, duration: 2500ms}\n"
        f"faults: {faults}\nthresholds: [lost_writes == 0, success_rate == 100% outside faults]\n"
        + "".join(f"{key}: {value}\n" for key, value in keys.items())
    )
    result = run_scenario(plan_run(load_scenario(path), 1))
    assert (tracers(), result.inspection.processes_left) == ([], [])
    return result


@needs_strace
@pytest.mark.end_to_end
def test_a_run_has_them_in_all_its_processes(tmp_path: Path) -> None:
    result = run(tmp_path, "[disk_full: {at: 1s, for: 400ms}]", pool="{processes: 2}")
    (fault,) = result.faults
    assert fault.problem == ""
    assert fault.hits is not None
    # as it lets go of a process, strace may miss the write it has just hit
    assert fault.hits + 2 >= fault.failed > 0
    assert set(result.total.errors) == {"StorageError: save_pet: database or disk is full"}
    assert result.verdict in (Verdict.PASS, Verdict.INVALID), "a starved machine may not deliver the load"


@needs_strace
@pytest.mark.end_to_end
def test_it_bears_a_pause_and_ends_with_a_kill(tmp_path: Path) -> None:
    faults = "[{disk_slow: {at: 1s, for: 1s, delay: 2ms}}, {pause: {at: 1200ms, for: 200ms}}, {kill: {at: 1600ms}}]"
    result = run(tmp_path, faults)
    slow, pause, kill = result.faults
    assert (slow.problem, pause.problem, kill.problem) == ("", "", "")
    assert slow.lasted_ns is not None
    assert slow.lasted_ns < 900_000_000, "it ends with the process"
    assert result.integrity is not None
    assert result.integrity.lost == 0
    assert result.verdict is not Verdict.ERROR, result.reasons


@pytest.mark.end_to_end
def test_where_neither_is_possible_the_run_says_so(tmp_path: Path) -> None:
    without = LINKED_STATICALLY.replace("import _sqlite3\n", "import os\n\nimport _sqlite3\n")
    without += '\n\nos.environ["PATH"] = "/no/such/directory"\n'
    result = run(tmp_path, "[disk_full: {at: 1s, for: 200ms}]", without)
    assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
    assert result.faults[0].problem.startswith("not inflicted: SQLite's system calls cannot be replaced in this Python")
    if sys.platform == "linux":
        assert result.faults[0].problem.endswith("; strace cannot be started: No such file or directory")
