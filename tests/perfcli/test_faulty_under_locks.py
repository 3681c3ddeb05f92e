"""Engines that go wrong only when they are kept from writing: named by the right metric, and a sound one by none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perfcli.errors import Verdict
from perfcli.plan import plan_run
from perfcli.pool.identity import EngineSource
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.scenario.library import find_scenarios
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.models import Scenario
from tests.perfcli.faulty.checkout import make_checkout
from tests.perfcli.undisturbed import undisturbed

pytestmark = pytest.mark.slow

NAMED_BY = {
    "reads_lock_as_no_pet": "load_pet.error_rate == 0% during long_lock",
    "keeps_its_turn": "recovery < 1s",
    "doubles_on_retry": "duplicate_writes == 0",
    "stays_closed": "success_rate == 100% outside faults",
    "retries_for_ever": "timeouts == 0",
}
SHORT: dict[str, Any] = {
    "name": "short_lock",
    "setup": {"pets": 10},
    "load": {"executor": "constant-arrival-rate", "rate": "20/s", "vus": 40, "duration": "2800ms"},
    "flow": ["interact"],
    "steady_state": ["success_rate >= 99%"],
    "faults": [{"lock": {"at": "1100ms", "for": "300ms"}}],
    "thresholds": ["recovery < 1s", "success_rate == 100% outside faults", "duplicate_writes == 0"],
}


def run(scenario: Scenario, fault: str, directory: Path, seed: int = 1) -> RunResult:
    engine = EngineSource(make_checkout(directory, fault), fault)
    return undisturbed(lambda: run_scenario(plan_run(scenario, seed), engine=engine))


def failed(result: RunResult) -> list[str]:
    return [threshold.expr for threshold in result.failed_thresholds]


@pytest.mark.parametrize("fault", ["doubles_on_retry", "stays_closed"])
def test_a_short_lock_finds_what_goes_wrong_behind_it(fault: str, tmp_path: Path) -> None:
    result = run(Scenario.model_validate(SHORT), fault, tmp_path)
    assert NAMED_BY[fault] in failed(result), (result.verdict, result.reasons)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fault", NAMED_BY)
def test_lock_storm_names_every_fault(fault: str, seed: int, tmp_path: Path) -> None:
    (path,) = find_scenarios(["lock_storm"])
    result = run(load_scenario(path), fault, tmp_path, seed)
    assert (result.verdict, NAMED_BY[fault] in failed(result)) == (Verdict.FAIL, True), result.reasons


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_lock_storm_accuses_no_sound_engine(seed: int, tmp_path: Path) -> None:
    (path,) = find_scenarios(["lock_storm"])
    result = run(load_scenario(path), "", tmp_path, seed)
    assert failed(result) == [], result.reasons
    assert result.verdict in (Verdict.PASS, Verdict.INVALID), "invalid: starved, or the load was not delivered"
