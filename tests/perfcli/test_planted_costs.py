"""Engines that do a little more work: exact counters find it without a single timing, and accuse no equal engine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from perfcli.errors import Verdict
from perfcli.figures.count_changes import count_changes, most_severe
from perfcli.figures.engine import CALLS, PAGES, STATEMENTS, STEPS, count_of
from perfcli.plan import plan_run
from perfcli.pool.identity import EngineSource
from perfcli.pool.processes import LocalPool
from perfcli.results import CounterOutcome, RunResult
from perfcli.run import run_scenario
from perfcli.run.exact_counts import count_exactly
from perfcli.run.one_run import Counting
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.models import Scenario
from tests.perfcli.faulty.checkout import make_checkout

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
MARGIN = 0.02
OF_ONE = (CALLS, STEPS, STATEMENTS, PAGES)
SCENARIO = Scenario.model_validate(
    {
        "name": "planted",
        "setup": {"pets": 20},
        "engine": {"ai": {"latency": "0ms"}},
        "load": {"executor": "constant-vus", "vus": 2, "duration": "1h"},
        "flow": ["interact", {"save_pet": {"history": True}}, "evict", "load_pet"],
        "thresholds": [f"load_pet.{STATEMENTS} < 100", "load_pet.latency.p95 < 1ns"],
    }
)


class Plant(NamedTuple):
    """An edit of the engine, and the counters of `load_pet` that grow by it."""

    file: str
    old: str
    new: str
    grows: frozenset[str]


READ = "    return [_read(row, file) for row in connection.execute(sql, (key,)).fetchall()]\n"
PLANTS = {
    "a statement more": Plant(
        "storage/pets.py",
        READ,
        f'    connection.execute("SELECT 1").fetchone()\n{READ}',
        frozenset({CALLS, STATEMENTS, STEPS}),
    ),
    "a full scan": Plant(
        "storage/pets.py",
        "{_WITH_HISTORY} WHERE user_id = ?",
        "{_WITH_HISTORY} WHERE user_id || '' = ?",
        frozenset({STEPS}),
    ),
    "a hundred calls more": Plant(
        "storage/pets.py", READ, f"    for _ in range(100):\n        len(file)\n{READ}", frozenset({CALLS})
    ),
    "an index dropped": Plant(
        "storage/schema.py",
        '    "CREATE INDEX IF NOT EXISTS interactions_of_pet ON interactions(digipal_id)",\n',
        "",
        frozenset({STEPS}),
    ),
}


def plant(engine: Path, what: Plant) -> None:
    """Edit an engine."""
    path = engine / "digipal" / what.file
    text = path.read_text(encoding="utf-8")
    assert text.count(what.old) == 1
    path.write_text(text.replace(what.old, what.new), encoding="utf-8")


def planted(directory: Path, what: Plant | None) -> EngineSource:
    """Our engine, with an edit if one is given."""
    if what:
        plant(make_checkout(directory), what)
    return EngineSource(directory if what else ROOT, "planted")


def count(engine: EngineSource) -> RunResult:
    return run_scenario(plan_run(SCENARIO, 1), engine=engine, counting=Counting.ONLY)


def costs(result: RunResult) -> dict[tuple[str, str], float | None]:
    """Every count of an operation, by operation and metric."""
    counters = result.exact
    assert counters
    return {(label, metric): count_of(counters, metric, label) for label in counters.operations for metric in OF_ONE}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return count(planted(tmp_path_factory.mktemp("sound"), None))


@pytest.mark.parametrize("which", PLANTS)
def test_what_is_planted_shows_in_its_counters_alone(which: str, sound: RunResult, tmp_path: Path) -> None:
    grows = PLANTS[which].grows
    before, after = costs(sound), costs(count(planted(tmp_path, PLANTS[which])))
    ratios = {metric: (after["load_pet", metric] or 0) / (before["load_pet", metric] or 1) for metric in grows}
    assert max(ratios.values()) > 1 + MARGIN, ratios
    assert {metric for metric in OF_ONE if after["load_pet", metric] != before["load_pet", metric]} == grows


def test_an_equal_engine_gives_equal_counts(sound: RunResult, tmp_path: Path) -> None:
    again = count(EngineSource(make_checkout(tmp_path), "a copy"))
    assert costs(again) == costs(sound)
    assert None not in costs(again).values()
    assert again.exact
    assert again.exact.not_exact == again.exact.not_counted == {}


def test_times_are_not_judged_and_counts_are(sound: RunResult) -> None:
    assert sound.verdict is Verdict.PASS
    assert [each.outcome for each in sound.thresholds] == ["pass", "not judged"]
    assert (sound.duration_ns, sound.total.attempts) == (None, 0)


def what_became(base: Path, candidate: Path, scenario: Scenario, seed: int) -> CounterOutcome:
    """The most severe change of all exact counters, as `ab` judges them."""
    found = []
    for engine in (base, candidate):
        counters, ending = count_exactly(plan_run(scenario, seed), LocalPool(engine))
        assert counters, ending
        found.append(counters)
    return most_severe(count_changes(found[0], found[1]))


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("which", PLANTS)
def test_a_plant_is_found_whatever_the_seed(which: str, tmp_path: Path) -> None:
    engine = planted(tmp_path, PLANTS[which]).path
    assert [what_became(ROOT, engine, SCENARIO, seed) for seed in range(5)] == ["regression"] * 5


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_an_equal_engine_is_never_accused(tmp_path: Path) -> None:
    scenario, copy = load_scenario(ROOT / "scenarios" / "database_load.yaml"), make_checkout(tmp_path)
    assert [what_became(ROOT, copy, scenario, seed) for seed in range(10)] == ["no change"] * 10
