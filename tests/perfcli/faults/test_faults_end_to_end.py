"""Faults inflicted on engine processes: seen in the samples, lifted, and without effect on what is stored."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from perfcli.errors import Verdict
from perfcli.plan import plan_run
from perfcli.pool.database import DatabaseFile
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.scenario.models import Scenario

MS = 1_000_000


def run(flow: str, *faults: dict[str, Any], thresholds: tuple[str, ...] = (), duration: str = "3s") -> RunResult:
    scenario = {
        "name": "faults",
        "setup": {"pets": 4},
        "engine": {"ai": {"latency": "0ms"}},
        "load": {"executor": "constant-arrival-rate", "rate": "50/s", "vus": 30, "duration": duration},
        "flow": [flow],
        "faults": list(faults),
        "thresholds": list(thresholds),
    }
    return run_scenario(plan_run(Scenario.model_validate(scenario), 1))


@pytest.mark.end_to_end
def test_a_lock_is_held_as_long_as_written_and_then_lifted() -> None:
    judged = ("interact.error_rate == 0% during lock", "success_rate >= 99% outside faults", "lost_writes == 0")
    result = run("interact", {"lock": {"at": "1200ms", "for": "400ms"}}, thresholds=judged)
    (fault,) = result.faults
    assert fault.lasted_ns is not None
    assert 400 * MS <= fault.lasted_ns < 900 * MS
    assert fault.longest_ns >= 200 * MS
    assert fault.outage_ns is not None
    assert fault.outage_ns >= 200 * MS
    assert (fault.problem, result.unsteady) == ("", "")
    assert result.windows["interact.error_rate == 0% during lock"] == 0
    assert result.integrity is not None
    assert result.integrity.lost == 0
    assert result.verdict in (Verdict.PASS, Verdict.INVALID), "a starved machine may not deliver the load"


@pytest.mark.end_to_end
def test_a_fault_without_effect_makes_the_run_invalid() -> None:
    result = run("load_pet", {"lock": {"at": "1200ms", "for": "400ms"}}, duration="2s")
    assert result.faults[0].problem == "no effect: no operation failed or waited for half of it: does the load write?"
    assert result.verdict is Verdict.INVALID


@pytest.mark.end_to_end
def test_a_pause_stops_everything() -> None:
    result = run("load_pet", {"pause": {"at": "1200ms", "for": "300ms", "name": "stall"}}, duration="2s")
    (fault,) = result.faults
    assert (fault.name, fault.kind, fault.problem) == ("stall", "pause", "")
    assert fault.outage_ns is not None
    assert fault.outage_ns >= 150 * MS


def test_a_transaction_waits_for_nobody_and_ends(tmp_path: Path) -> None:
    database = DatabaseFile(tmp_path / "pets.db")
    with pytest.raises(sqlite3.OperationalError, match="does not exist"):
        database.hold_transaction(writes=True)
    other = sqlite3.connect(database.path, timeout=0, isolation_level=None)
    other.execute("CREATE TABLE pets (name)")
    other.execute("BEGIN IMMEDIATE")
    assert database.hold_transaction(writes=True) is None
    other.execute("COMMIT")
    end = database.hold_transaction(writes=True)
    assert end is not None
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    end()
    other.execute("BEGIN IMMEDIATE")
    other.close()
