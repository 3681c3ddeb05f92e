"""Events: what changed, once; a snapshot each second; versions and plain data; a reader that holds nobody up."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perfcli.live.events import VERSION, Event, EventFile, Events
from perfcli.observer import AtRisk, OperationSoFar, Progress, Snapshot
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.results import RunResult
from perfcli.units import NS_PER_S

ENGINE = EngineSource(Path("/nowhere"), "the engine", "d1", "c0ffee", "d1")
MEASURING = Progress("test", "measuring", 0, ok=10, failed=1, planned_vus=2)


@pytest.fixture
def told() -> list[Event]:
    """What was told."""
    return []


@pytest.fixture
def events(told: list[Event], make_plan: Callable[..., ExecutionPlan]) -> Events:
    """Events of a scenario that has begun."""
    made = Events(told.append, lambda: datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC))
    made.begin(make_plan(["load_pet"], thresholds=["success_rate == 100%"]), ENGINE, 2, 3)
    return made


def kinds(told: list[Event]) -> list[str]:
    """What kinds of events there were."""
    return [each["event"] for each in told]


def test_each_event_has_a_version_a_time_and_its_scenario(events: Events, told: list[Event]) -> None:
    events.update(MEASURING)
    for each in told:
        assert (each["version"], each["at"], each["scenario"]) == (VERSION, "2026-01-02T03:04:05.678+00:00", "test")
    first = told[0]
    assert (first["number"], first["of"], first["engine"], first["commit"]) == (2, 3, "the engine", "c0ffee")
    assert first["thresholds"] == ["success_rate == 100%"]


def test_what_changed_is_told_once(events: Events, told: list[Event]) -> None:
    risk = Snapshot(at_risk=[AtRisk("latency.p95 < 1ms", "latency.p95 < 1ms: 0.95 ms")])
    later = Snapshot(at_risk=[AtRisk("latency.p95 < 1ms", "latency.p95 < 1ms: 0.97 ms")])
    events.update(replace(MEASURING, phases=["calm"]))
    events.update(replace(MEASURING, phases=["calm"], faults=["lock"], snapshot=risk))
    events.update(replace(MEASURING, phases=["rush"], faults=["lock"], snapshot=later))
    events.update(replace(MEASURING, phases=["rush"]))
    changes = [(each["event"], each.get("state", "")) for each in told if each["event"] in ("phase", "fault", "risk")]
    assert changes == [
        ("phase", "begins"),
        ("fault", "begins"),
        ("risk", "begins"),
        ("phase", "ends"),
        ("phase", "begins"),
        ("fault", "ends"),
        ("risk", "ends"),
    ]


def test_a_snapshot_is_told_each_second(events: Events, told: list[Event]) -> None:
    for quarter in range(13):
        events.update(replace(MEASURING, elapsed_ns=quarter * NS_PER_S // 4, ok=quarter))
    snapshots = [each for each in told if each["event"] == "snapshot"]
    assert [each["ok"] for each in snapshots] == [0, 4, 8, 12]


def test_the_verdict_holds_the_figures_of_the_result(events: Events, told: list[Event], simulated: RunResult) -> None:
    result = simulated
    events.end(result)
    verdict = told[-1]
    assert (verdict["verdict"], verdict["exit_code"]) == (result.verdict.value, result.exit_code)
    assert (verdict["ok"], verdict["failed"]) == (result.total.ok, result.total.failed)
    assert verdict["p95_ns"] == (result.total.latency.p95_ns if result.total.latency else None)
    assert len(verdict["thresholds"]) == len(result.thresholds)


def test_a_file_holds_an_object_a_line(tmp_path: Path, make_plan: Callable[..., ExecutionPlan]) -> None:
    path = tmp_path / "events.jsonl"
    file = EventFile(path)
    file.begin(make_plan(["load_pet"]), ENGINE, 1, 1)
    file.update(replace(MEASURING, snapshot=Snapshot([OperationSoFar("load_pet", 1, 0, 1.0, 2.0, 3.0)])))
    file.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert kinds(lines) == ["scenario", "stage", "snapshot"]
    assert lines[-1]["operations"][0]["p99_ns"] == 3.0


def test_a_reader_that_takes_nothing_holds_nobody_up(
    tmp_path: Path, make_plan: Callable[..., ExecutionPlan], capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("perfcli.live.events._TO_LEAVE_S", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        file = EventFile(pipe)
        file.begin(make_plan(["load_pet"]), ENGINE, 1, 1)
        began_s = time.monotonic()
        for second in range(5_000):
            file.update(replace(MEASURING, elapsed_ns=second * NS_PER_S))
        file.close()
        assert time.monotonic() - began_s < 30
        assert "its reader does not read" in capsys.readouterr().err
    finally:
        os.close(reader)


def test_a_reader_that_leaves_is_a_note(
    tmp_path: Path, make_plan: Callable[..., ExecutionPlan], capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    file = EventFile(pipe)
    os.close(reader)
    file.begin(make_plan(["load_pet"]), ENGINE, 1, 1)
    file.close()
    assert "cannot be written: Broken pipe" in capsys.readouterr().err
    assert threading.active_count() < 20
