"""A scenario with operations of its own: its models know them, and nothing of their code is executed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.plan import ExecutionPlan, plan_run
from perfcli.scenario.loader import ScenarioFileError, load_scenario

Written = Callable[[str], Path]

SOURCE = '''
open("executed", "w").close()  # on any import
from typing import Literal
from perfcli.operations import Context, operation

@operation(counters={"letters": "count", "text": "size"})
def rename(ctx: Context, length: int = 8, *, style: Literal["plain", "loud"] = "plain", words: list[str] = ["a"]):
    """Give the pet a new name.

    Args:
        length: of the name, in letters
    """
    with ctx.timed():
        ctx.storage.save_pet(ctx.pet())

@operation
async def visit(ctx: Context, guests: int | None):
    "Let others in."
'''
SCENARIO = """\
name: own
setup: {pets: 2}
operations: [own.py]
load: {executor: shared-iterations, iterations: 5}
flow: [load_pet]
"""


@pytest.fixture(autouse=True)
def _nothing_is_executed(tmp_path: Path) -> object:
    (tmp_path / "own.py").write_text(SOURCE, encoding="utf-8")
    yield
    assert not (tmp_path / "executed").exists()


def problems(path: Path) -> list[str]:
    with pytest.raises(ScenarioFileError) as caught:
        load_scenario(path)
    return list(map(str, caught.value.problems))


def test_a_plan_carries_the_sources(written: Written) -> None:
    plan = plan_run(load_scenario(written(SCENARIO)), 1)
    (file,) = plan.scenario.operations
    assert (file.shown, file.source) == ("own.py", SOURCE)
    Path("own.py").unlink()
    assert ExecutionPlan.model_validate_json(plan.model_dump_json()) == plan


def test_a_result_holds_names_and_digests(written: Written) -> None:
    scenario = load_scenario(written(SCENARIO))
    assert scenario.as_document()["operations"] == ["own.py"]
    assert SOURCE not in str(scenario.as_document())
    assert [source.file for source in scenario.operation_sources] == ["own.py"]


def test_mistakes_of_the_source_and_of_the_scenario_are_reported_together(written: Written) -> None:
    path = written(SCENARIO.replace("[load_pet]", "[load_pet: {weigth: 1}]"))
    Path("own.py").write_text(SOURCE.replace("length: int", "length"), encoding="utf-8")
    assert [problem.partition(": ")[0] for problem in problems(path)] == ["s.yaml:5:19", "own.py:7:26"]


def test_the_list_of_a_scenario_replaces_that_of_its_base(written: Written) -> None:
    path = written("name: derived\nextends: base.yaml\noperations: [other.py]\n")
    Path("base.yaml").write_text(SCENARIO.replace("own.py", "missing.py"), encoding="utf-8")
    Path("other.py").write_text(SOURCE, encoding="utf-8")
    assert [file.shown for file in load_scenario(path).operations] == ["other.py"]


def test_a_base_finds_files_beside_itself(written: Written) -> None:
    Path("deep").mkdir()
    Path("deep/base.yaml").write_text(SCENARIO, encoding="utf-8")
    Path("own.py").rename("deep/own.py")
    path = written("name: derived\nextends: deep/base.yaml\n")
    assert load_scenario(path).operations[0].path == str(Path("deep/own.py").resolve())
