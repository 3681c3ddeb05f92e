"""The guide's performance suite: each test runs a shipped scenario as the command line does, and asserts its verdict.

python -m pytest tests/test_performance_benchmarks.py -v -s
"""

from __future__ import annotations

from pathlib import Path

import pytest

from perfcli.errors import Verdict
from perfcli.plan import plan_run
from perfcli.report.console import make_console, to_console
from perfcli.report.run import run_document
from perfcli.run import run_scenario
from perfcli.scenario.library import find_scenarios
from perfcli.scenario.loader import load_scenario

pytestmark = [pytest.mark.end_to_end, pytest.mark.alone]


def run_shipped(name: str) -> None:
    """Run a shipped scenario, print its report, and hold it to its thresholds."""
    (path,) = find_scenarios([name])
    result = run_scenario(plan_run(load_scenario(path)))
    console = make_console()
    console.print()
    console.print(to_console(run_document(result)))
    assert result.thresholds, f"{name} judges nothing"
    assert result.verdict is Verdict.PASS, "; ".join(result.reasons)


class TestScalabilityBenchmarks:
    """Many pets, many workers, and what each pet costs in memory."""

    def test_large_scale_pet_creation(self) -> None:
        run_shipped("pet_creation")

    def test_database_performance_under_load(self) -> None:
        run_shipped("database_load")

    def test_memory_efficiency_with_many_pets(self) -> None:
        run_shipped("memory_efficiency")


class TestRealWorldScenarios:
    """What users do."""

    def test_typical_user_session(self) -> None:
        run_shipped("typical_session")

    def test_long_running_session(self) -> None:
        run_shipped("long_session")


class TestPerformanceBenchmarks:
    """Single figures, quickly: the guide's quick validation."""

    def test_interaction_processing(self) -> None:
        run_shipped("interaction_processing")

    def test_database_query(self) -> None:
        run_shipped("database_query")

    def test_memory_usage(self) -> None:
        run_shipped("memory_usage")


class TestLoadTesting:
    """Many users, and load that lasts."""

    def test_concurrent_users(self) -> None:
        run_shipped("concurrent_users")

    def test_high_volume(self) -> None:
        run_shipped("high_volume")

    def test_sustained_load(self) -> None:
        run_shipped("sustained_load")

    def test_memory_stability(self) -> None:
        run_shipped("memory_stability")


class TestMCPServerPerformance:
    """The engine behind its MCP server, driven as a client drives it."""

    def test_mcp_server_performance(self) -> None:
        run_shipped("mcp_tools")


class TestWhatAnEngineCanHide:
    """Costs that grow, updates that get lost, pets that a restart changes."""

    def test_cost_against_pets_stored(self) -> None:
        run_shipped("crowd")

    def test_cost_against_session_length(self) -> None:
        run_shipped("marathon")

    def test_one_pet_under_many_threads(self) -> None:
        run_shipped("hot_pet")

    def test_fidelity_after_a_restart(self) -> None:
        run_shipped("restart")

    def test_backups_and_what_they_restore(self) -> None:
        run_shipped("backup_and_restore")

    def test_readers_beside_writers(self) -> None:
        run_shipped("readers")

    def test_scaling(self) -> None:
        run_shipped("scaling")


@pytest.mark.nightly
class TestFaults:
    """What goes wrong during a load: nothing is lost, and all is well again soon."""

    def test_kills(self) -> None:
        run_shipped("crash_recovery")

    def test_a_full_disk(self) -> None:
        run_shipped("full_disk")

    def test_locks(self) -> None:
        run_shipped("lock_storm")

    def test_a_slow_ai(self) -> None:
        run_shipped("slow_ai")

    def test_jumps_of_the_clock(self) -> None:
        run_shipped("time_travel")


class TestCapacity:
    """The scenario of which the capacity is searched, at its own rate."""

    def test_a_session_at_its_own_rate(self) -> None:
        run_shipped("capacity_session")


def test_every_shipped_scenario_is_in_this_suite() -> None:
    run_here = set()
    for line in Path(__file__).read_text(encoding="utf-8").splitlines():
        if line.strip().startswith('run_shipped("'):
            run_here.add(line.split('"')[1])
    assert run_here == {path.stem for path in find_scenarios([])}
