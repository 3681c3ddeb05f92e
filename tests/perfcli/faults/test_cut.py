"""The fault `cut`: connections to an MCP server break, calls fail, and vus go on in new sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from digipal.ai import SimulatedAI
from digipal.core.digipal_core import DigiPalCore
from digipal.mcp.http import HttpListener
from digipal.mcp.server import MCPServer
from digipal.storage import StorageManager
from perfcli.errors import Verdict
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.scenario.loader import ScenarioFileError, load_scenario
from tests.processes import started_by

MakePlan = Callable[..., ExecutionPlan]
MS = 1_000_000
CUT = {"cut": {"at": "1300ms", "for": "300ms"}}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server that the run did not start."""
    storage = StorageManager(tmp_path / "theirs.db")
    listener = HttpListener(MCPServer(DigiPalCore(storage, SimulatedAI(latency_ms=0))).server, "127.0.0.1", 0)
    thread = Thread(target=asyncio.run, args=(listener.serve(),))
    thread.start()
    yield listener.url
    listener.stop()
    thread.join()
    storage.close()


def run(
    make_plan: MakePlan, target: dict[str, Any], *faults: dict[str, Any], serve_at: str = "", **keys: Any
) -> RunResult:
    load = {"executor": "constant-arrival-rate", "rate": "30/s", "vus": 6, "duration": "3s"}
    keys = {"setup": {"pets": 6}, "engine": {"ai": {"latency": "0ms"}}, "load": load, **keys}
    if "url" in target:
        del keys["engine"]
    flow = keys.pop("flow", ["get_pet_status"])
    plan = make_plan(flow, target={"mcp": target}, faults=list(faults), **keys)
    return run_scenario(plan.model_copy(update={"serve_at": serve_at}))


def relays() -> list[psutil.Process]:
    return started_by(part="relay_process")


@pytest.mark.end_to_end
def test_calls_fail_for_as_long_as_a_server_at_a_url_is_cut_off(url: str, make_plan: MakePlan) -> None:
    limits = ["recovery < 1s", "success_rate == 100% outside faults", "success_rate < 100% during cut"]
    result = run(make_plan, {"url": url}, CUT, thresholds=limits)
    (fault,) = result.faults
    assert (fault.problem, result.unsteady) == ("", "")
    assert fault.failed > 0
    assert fault.hits is not None
    assert fault.hits >= 6, "each vu had a connection"
    assert fault.outage_ns is not None
    assert fault.outage_ns >= 250 * MS
    assert set(result.total.errors) <= {"the fault cut reset the connection", "the fault cut refused the connection"}
    assert result.total.failed == fault.failed
    assert result.verdict in (Verdict.PASS, Verdict.INVALID), "a starved machine may not deliver the load"
    assert relays() == []


@pytest.mark.end_to_end
def test_the_runs_own_server_is_cut_off_beside_other_faults_and_kills(make_plan: MakePlan) -> None:
    result = run(
        make_plan,
        {"transport": "http"},
        {"disk_full": {"at": "1200ms", "for": "200ms"}},
        {"cut": {"at": "1600ms", "for": "200ms"}},
        {"kill": {"at": "2s"}},
        flow=["interact_with_pet"],
        load={"executor": "constant-arrival-rate", "rate": "20/s", "vus": 20, "duration": "4s"},
        thresholds=["lost_writes == 0"],
    )
    full, cut, kill = result.faults
    assert (full.problem, cut.problem, kill.problem) == ("", "", "")
    assert full.hits
    assert cut.failed > 0
    assert kill.lasted_ns
    assert result.integrity is not None
    assert result.integrity.lost == 0
    assert result.verdict is not Verdict.ERROR, result.reasons
    assert relays() == []


@pytest.mark.end_to_end
@pytest.mark.parametrize("serve_at", ["", "127.0.0.1"], ids=["plain", "with a pinned certificate"])
def test_all_processes_that_load_one_server_are_cut_off(serve_at: str, make_plan: MakePlan) -> None:
    """As machines of a cluster do, they reach it by TLS and a token where it is served to others."""
    result = run(
        make_plan,
        {"transport": "http"},
        {"disk_full": {"at": "1200ms", "for": "200ms"}},
        {"cut": {"at": "1600ms", "for": "300ms"}},
        serve_at=serve_at,
        pool={"processes": 2},
        flow=["interact_with_pet"],
        thresholds=["lost_writes == 0"],
    )
    full, cut = result.faults
    assert (full.problem, cut.problem) == ("", "")
    assert full.hits
    assert cut.hits is not None
    assert cut.hits >= 6, "each vu of each process had a connection"
    assert cut.outage_ns is not None
    assert cut.outage_ns >= 250 * MS, "no process got through"
    assert set(result.total.errors) <= {
        "the fault cut reset the connection",
        "the fault cut refused the connection",
        "interact_with_pet failed: save_pet: database or disk is full",
    }
    assert result.total.failed == full.failed + cut.failed
    assert result.integrity is not None
    assert result.integrity.lost == 0
    assert result.verdict in (Verdict.PASS, Verdict.INVALID), "a starved machine may not deliver the load"
    assert relays() == []


@pytest.mark.parametrize("target", ["embedded", "mcp", "{mcp: {transport: stdio}}"])
def test_a_target_without_connections_has_none_to_cut(target: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    flow = "interact" if target == "embedded" else "interact_with_pet"
    path.write_text(
        f"name: t\ntarget: {target}\nload: {{executor: constant-vus, vus: 2, duration: 9s}}\nflow: [{flow}]\n"
        "setup: {pets: 2}\nfaults: [cut: {at: 3s, for: 1s}]\n"
    )
    with pytest.raises(ScenarioFileError) as failure:
        load_scenario(path)
    assert (
        f"{path}:6:10: faults[0].cut: cut cannot be inflicted: the engine is not reached over HTTP: "
        "write target: {mcp: {transport: http}}" in str(failure.value)
    )
