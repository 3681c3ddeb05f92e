"""What makes two runs comparable, and the words for what does not."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.history.kept_runs import Fingerprint, differences, scenario_digest
from perfcli.plan import plan_run
from perfcli.results import RunResult
from perfcli.scenario.models import Scenario
from perfcli.testing import simulate
from tests.perfcli.operations.own.files import operation_file

SCENARIO: dict[str, Any] = {
    "name": "test",
    "load": {"executor": "shared-iterations", "iterations": 20},
    "flow": [{"operation": "load_pet"}],
}


def simulated(**keys: Any) -> RunResult:
    """A simulated run of the scenario with other keys."""
    return simulate(plan_run(Scenario.model_validate({**SCENARIO, **keys}), 1))


def elsewhere(result: RunResult, **changes: Any) -> RunResult:
    """The same run on another machine."""
    return result.model_copy(update={"environment": result.environment.model_copy(update=changes)})


@pytest.mark.parametrize(
    "keys",
    [
        {"name": "renamed", "description": "words", "tags": ["quick"]},
        {"thresholds": [{"expr": "success_rate == 100%"}]},
        {"extends": "typical_session", "vars": {"pets": 3}},
    ],
)
def test_what_does_no_work_does_not_matter(keys: dict[str, Any]) -> None:
    assert scenario_digest({**SCENARIO, **keys}) == scenario_digest(SCENARIO)


def test_nor_do_the_thresholds_of_phases() -> None:
    phase = {"name": "one", "load": SCENARIO["load"]}
    judged = {**phase, "thresholds": [{"expr": "success_rate == 100%"}]}
    assert scenario_digest({"phases": [phase]}) == scenario_digest({"phases": [judged]})


@pytest.mark.parametrize("phases", [7, "one", ["one"], {"one": 1}, None])
def test_phases_that_are_none_are_other_work(phases: object) -> None:
    """A file of elsewhere may hold anything there."""
    assert scenario_digest({**SCENARIO, "phases": phases}) != scenario_digest(SCENARIO)


def test_nor_the_seed_or_the_order_of_keys() -> None:
    assert scenario_digest(dict(reversed(SCENARIO.items()))) == scenario_digest(SCENARIO)
    plan = Scenario.model_validate(SCENARIO)
    assert differences(simulate(plan_run(plan, 1)), simulate(plan_run(plan, 2))) == []


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"setup": {"pets": 5}}, "the scenario does different work: setup.pets is 5, was 0"),
        (
            {"load": {"executor": "shared-iterations", "iterations": 30, "vus": 2}},
            "the scenario does different work: load.vus is 2, was 1; load.iterations is 30, was 20",
        ),
    ],
)
def test_other_work_is_named_by_its_keys(keys: dict[str, Any], told: str) -> None:
    assert differences(simulated(), simulated(**keys)) == [told]


def with_sources(*sources: str) -> RunResult:
    """A simulated run of the scenario that names files of own operations."""
    head = "from perfcli.operations import operation\n@operation\n"
    files = [
        operation_file(f"{head}def own_{number}(ctx): {source}\n", f"{number}.py", f"/{source}/{number}.py")
        for number, source in enumerate(sources)
    ]
    return simulated(operations=[file.model_dump() for file in files])


def test_sources_of_own_operations_are_part_of_the_work() -> None:
    base = with_sources("1", "2")
    assert base.scenario["operations"] == ["0.py", "1.py"]
    assert differences(base, with_sources("1", "2")) == []
    changed = with_sources("1", "3")
    first, second = map(str, base.operation_files)
    assert differences(base, changed) == [
        f"the scenario does different work: operations is {first}, {changed.operation_files[1]}, was {first}, {second}"
    ]
    assert differences(simulated(), base) == [
        f"the scenario does different work: operations is {first}, {second}, was not there"
    ]
    assert scenario_digest(SCENARIO | {"operations": ["a.py"]}) == scenario_digest(SCENARIO)


def test_many_changed_keys_are_counted() -> None:
    changed = {f"k{n}": n for n in range(9)}
    base = simulated().model_copy(update={"scenario": changed})
    (told,) = differences(base, base.model_copy(update={"scenario": dict.fromkeys(changed, -1)}))
    assert told.endswith("; and 6 more keys")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"python": "CPython 3.99.0"}, "Python is CPython 3.99.0, was "),
        ({"sqlite": "9.9.9"}, "SQLite is 9.9.9, was "),
        ({"cpu_model": "Abacus"}, "the CPU is Abacus, was "),
        ({"cpu_count": 999}, "the number of cores is 999, was "),
        ({"system": "Plan 9"}, "the system is Plan 9, was "),
    ],
)
def test_another_machine_is_told_in_words(changed: dict[str, Any], told: str) -> None:
    here = simulated()
    (difference,) = differences(here, elsewhere(here, **changed))
    assert difference.startswith(told)
    assert Fingerprint.of(here) != Fingerprint.of(elsewhere(here, **changed))


def test_all_that_differs_is_told_at_once() -> None:
    here = simulated()
    assert len(differences(here, elsewhere(here, python="3", sqlite="4", cpu_count=999))) == 3
