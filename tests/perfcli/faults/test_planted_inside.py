"""Engines that are wrong only when something fails inside them: the shipped scenarios of these faults name them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.errors import Verdict
from perfcli.plan import plan_run
from perfcli.pool.identity import EngineSource
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.scenario.library import find_scenarios
from perfcli.scenario.loader import load_scenario
from tests.perfcli.faulty.checkout import make_checkout

Run = Callable[..., RunResult]

SHORT = {
    "full_disk": [("at: 2500ms, for: 1s", "at: 1s, for: 500ms"), ("duration: 7s", "duration: 2s")],
    "time_travel": [("at: 1500ms, every: 1200ms", "at: 1s, every: 400ms"), ("duration: 10s", "duration: 4s")],
}
"""How scenarios are cut short: what they show of time is not asked here."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a shipped scenario on an engine with a fault, or on ours."""

    def run(name: str, fault: str, *, seed: int = 1, whole: bool = False) -> RunResult:
        if name == "time_travel":
            pytest.importorskip("time_machine")
        (path,) = find_scenarios([name])
        if not whole:
            path = shortened(path, tmp_path)
        scenario = load_scenario(path)
        engine = make_checkout(tmp_path / f"{fault or 'ours'}-{seed}", fault)
        return run_scenario(plan_run(scenario, seed), engine=EngineSource(engine, fault))

    return run


def shortened(scenario: Path, folder: Path) -> Path:
    text = scenario.read_text(encoding="utf-8")
    for before, after in SHORT[scenario.stem]:
        assert before in text
        text = text.replace(before, after)
    for beside in scenario.parent.glob("*.py"):
        shutil.copy(beside, folder)
    short = folder / scenario.name
    short.write_text(text, encoding="utf-8")
    return short


def failed(result: RunResult) -> set[str]:
    """What did not hold, times left out, as a busy machine may spoil them."""
    names = {threshold.expr.split(" ")[0] for threshold in result.failed_thresholds}
    return {name for name in names if "latency" not in name and "recovery" not in name}


@pytest.mark.end_to_end
def test_what_was_not_saved_on_a_full_disk_is_missing(run: Run) -> None:
    result = run("full_disk", "acknowledges_full")
    assert "lost_writes" in failed(result)
    assert result.verdict in (Verdict.FAIL, Verdict.INVALID), "a starved machine may not deliver the load"


@pytest.mark.end_to_end
def test_decay_that_depends_on_how_often_it_is_asked_for_shows(run: Run) -> None:
    result = run("time_travel", "decays_by_rhythm")
    assert failed(result) == {"success_rate"}
    (kind,) = result.total.errors
    assert kind.startswith("the pet that is asked for often differs from its twin in energy, happiness")


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("name", "fault", "threshold"),
    [
        ("full_disk", "acknowledges_full", "lost_writes == 0"),
        ("full_disk", "waits_for_space", "interact.error_rate > 50% during disk_full"),
        ("full_disk", "keeps_transaction", "success_rate == 100% outside faults"),
        ("time_travel", "decays_by_rhythm", "success_rate == 100%"),
        ("slow_ai", "asks_again", "interact.error_rate > 5% during ai"),
        ("slow_ai", "locks_while_asking", "load_pet.latency.p95 < 250ms during ai"),
    ],
)
def test_it_is_named_each_time(name: str, fault: str, threshold: str, seed: int, run: Run) -> None:
    result = run(name, fault, seed=seed, whole=True)
    assert threshold in [each.expr for each in result.failed_thresholds], (result.verdict, result.reasons)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", [*SHORT, "slow_ai", "crash_recovery"])
def test_a_sound_engine_is_never_accused(name: str, seed: int, run: Run) -> None:
    assert failed(run(name, "", seed=seed, whole=name not in SHORT)) == set()
