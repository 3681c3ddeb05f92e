"""A server that several processes load: one process has it, is watched and leaves last; the others have the vus."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfcli.errors import Verdict
from perfcli.observer import Progress, SilentObserver
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.targets.mcp_server import HttpServer, server_arguments
from tests.processes import started_by

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("forked_engines")]

MakePlan = Callable[..., ExecutionPlan]
HTTP = {"mcp": {"transport": "http"}}
FLOW = ["create_new_pet", {"interact_with_pet": {"texts": ["hello"]}}, "get_pet_status"]
KEYS: dict[str, Any] = {
    "target": HTTP,
    "setup": {"pets": 3},
    "engine": {"ai": {"latency": "0ms"}},
    "thresholds": ["success_rate == 100%", "lost_writes == 0", "duplicate_writes == 0"],
}
COUNTED = {"executor": "per-vu-iterations", "vus": 4, "iterations": 5}
TIMED = {"executor": "constant-vus", "vus": 2, "duration": "2500ms"}


def counts(result: RunResult) -> list[tuple[str, int, int]]:
    return [(each.name, each.ok, each.failed) for each in result.operations]


def test_it_does_what_one_process_does_and_all_that_was_acknowledged_is_stored(make_plan: MakePlan) -> None:
    one = run_scenario(make_plan(FLOW, load=COUNTED, **KEYS))
    two = run_scenario(make_plan(FLOW, load=COUNTED, pool={"processes": 2}, **KEYS))
    assert (two.verdict, two.reasons) == (Verdict.PASS, [])
    assert two.digest == one.digest
    assert two.vus == one.vus
    assert counts(two) == counts(one)
    assert two.integrity is not None
    assert one.integrity is not None
    assert two.integrity.acknowledged == one.integrity.acknowledged
    assert two.memory.baseline_rss is not None
    assert two.memory.harness_rss == 0, "the server holds nothing of the harness"
    assert two.inspection.processes_left == []
    assert RunResult.model_validate_json(json.dumps(two.model_dump(mode="json"))).iterations == 20


def test_phases_and_warm_ups_of_all_processes_go_on_together(make_plan: MakePlan) -> None:
    phases = [
        {"name": "first", "load": {**COUNTED, "warmup": "100ms"}},
        {"name": "second", "load": {"executor": "shared-iterations", "vus": 3, "iterations": 7}},
    ]
    result = run_scenario(make_plan(FLOW, phases=phases, pool={"processes": 3}, **KEYS))
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert [phase.iterations for phase in result.phases] == [20, 7]


def test_faults_are_inflicted_where_the_server_is(make_plan: MakePlan) -> None:
    faults = [{"pause": {"at": "1100ms", "for": "300ms"}}, {"lock": {"at": "1700ms", "for": "200ms"}}]
    keys = {**KEYS, "thresholds": ["lost_writes == 0"], "faults": faults, "pool": {"processes": 2}}
    result = run_scenario(make_plan(["create_new_pet"], load=TIMED, **keys))
    assert [fault.problem for fault in result.faults] == ["", ""]
    assert all(fault.longest_ns >= (fault.lasted_ns or 0) / 2 > 0 for fault in result.faults)


def test_a_server_that_runs_already_is_loaded_by_all_again_and_again(make_plan: MakePlan, tmp_path: Path) -> None:
    server = HttpServer(server_arguments(make_plan(FLOW, **KEYS), tmp_path / "pets.db"), 3)
    try:
        target = {"mcp": {"url": server.url()}}
        keys = {"target": target, "setup": {"pets": 3}, "thresholds": ["success_rate == 100%"]}
        plan = make_plan(FLOW, load=COUNTED, pool={"processes": 2}, **keys)
        for result in (run_scenario(plan), run_scenario(plan)):
            assert (result.verdict, result.reasons) == (Verdict.PASS, [])
            assert result.total.ok == 60
            assert result.memory.baseline_rss is None
    finally:
        server.close()


def servers() -> list[psutil.Process]:
    return started_by(part="digipal.mcp")


def test_a_server_that_dies_ends_the_run_with_an_error(make_plan: MakePlan) -> None:
    class Killing(SilentObserver):
        def update(self, progress: Progress) -> None:
            if progress.ok:
                for server in servers():
                    os.kill(server.pid, signal.SIGKILL)

    load = {"executor": "constant-vus", "vus": 2, "duration": "1m", "think_time": "20ms"}
    result = run_scenario(make_plan(FLOW, load=load, pool={"processes": 2}, **KEYS), observer=Killing())
    assert result.verdict is Verdict.ERROR
    assert "the MCP server" in result.reasons[0]
    assert result.total.ok > 0
    assert servers() == []
