"""A scenario with operations of its own: its models know them, and nothing of their code is executed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.operations.own.step import OwnStep
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.results import RunResult
from perfcli.scenario.loader import ScenarioFileError, load_scenario
from perfcli.scenario.models import Scenario
from perfcli.scenario.overrides import parse_set
from perfcli.testing import simulate

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


def test_a_result_holds_enough_to_read_its_scenario_again(written: Written) -> None:
    flow = "flow: [{rename: {length: 3, name: short}}, {visit: {guests: 2}}]\nthresholds: [short.letters > 1]"
    harmless = SOURCE.partition("any import\n")[2]
    Path("own.py").write_text(harmless, encoding="utf-8")
    plan = plan_run(load_scenario(written(SCENARIO.replace("flow: [load_pet]", flow))), 1)
    Path("own.py").unlink()
    result = simulate(plan)
    again = Scenario.of_result(RunResult.model_validate_json(result.model_dump_json()))
    assert again.flow == plan.scenario.flow
    assert again.thresholds == plan.scenario.thresholds
    assert "ctx.storage" not in result.model_dump_json()


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


class TestSteps:
    """Steps of own operations: settings are the parameters of the function."""

    @staticmethod
    def step(path: Path) -> OwnStep:
        step = load_scenario(path).flow[0]
        assert isinstance(step, OwnStep)
        return step

    def test_defaults_and_settings_are_the_arguments(self, written: Written) -> None:
        assert self.step(written(SCENARIO.replace("load_pet", "rename"))).arguments == {
            "length": 8,
            "style": "plain",
            "words": ["a"],
        }
        settings = "rename: {length: 12, style: loud, words: [x, y], name: short, weight: 2, timeout: 1s}"
        step = self.step(written(SCENARIO.replace("load_pet", settings)))
        assert step.arguments == {"length": 12, "style": "loud", "words": ["x", "y"]}
        assert (step.label, step.weight, step.timeout_ns) == ("short", 2, 10**9)
        assert step.counters == {"letters": "count", "text": "size"}
        assert step.needs_pet

    def test_the_long_form_conditions_variables_and_options_work(self, written: Written) -> None:
        flow = (
            "flow: [load_pet, {operation: visit, guests: null, only_if: load_pet}, {visit: {guests: '${GUESTS:-3}'}}]"
        )
        path = written(SCENARIO.replace("flow: [load_pet]", flow))
        assert [step.arguments for step in load_scenario(path).flow[1:]] == [{"guests": None}, {"guests": 3}]  # type: ignore[attr-defined]
        changed = load_scenario(path, [parse_set("flow.2.visit.guests=7")])
        assert changed.flow[2].arguments == {"guests": 7}  # type: ignore[attr-defined]
        assert changed.labels == ["load_pet", "visit"]

    def test_lists_of_text_can_come_from_a_csv_file(self, written: Written) -> None:
        Path("words.csv").write_text("word\nx\ny\n", encoding="utf-8")
        path = written(SCENARIO.replace("load_pet", "rename: {words: {csv: words.csv}}"))
        assert self.step(path).arguments["words"] == ["x", "y"]

    @pytest.mark.parametrize(
        ("flow", "told"),
        [
            ("[rename: {lenght: 1}]", "s.yaml:5:17: flow[0].rename.lenght: unknown key (did you mean 'length'?)"),
            ("[rename: {zzz: 1}]", "unknown key: use one of name, weight, only_if, timeout, length, style, words"),
            ("[rename: {length: many}]", "s.yaml:5:25: flow[0].rename.length: expected a whole number, not 'many'"),
            ("[rename: {length: true}]", "s.yaml:5:25: flow[0].rename.length: expected a whole number, not true"),
            ("[rename: {style: lout}]", "flow[0].rename.style: unknown value 'lout' (did you mean 'loud'?)"),
            ("[rename: {words: [1]}]", "flow[0].rename.words[0]: expected text, not 1: put it in quotes"),
            ("[rename: {words: x}]", "flow[0].rename.words: expected a list, not 'x': write [x]"),
            ("[visit]", "flow[0].guests: required key is missing"),
            ("[renam]", "s.yaml:5:8: flow[0]: unknown operation 'renam' (did you mean 'rename'?)"),
            ("[rename: 8]", "flow[0]: rename: expected settings such as {weight: 8}, not 8"),
            ("[rename: {weight: 1}, length: 2]", "flow[1]: unknown operation 'length'"),
            ("[rename: , length: 2]", "flow[1]"),
            ("[rename: {only_if: x}]", "flow[0].rename.only_if: no step before this one is named 'x'"),
        ],
    )
    def test_mistakes_have_their_place(self, flow: str, told: str, written: Written) -> None:
        first = problems(written(SCENARIO.replace("[load_pet]", flow)))[0]
        assert told in first

    def test_what_the_docstring_says_is_told_of_a_missing_setting(self, written: Written) -> None:
        path = written(SCENARIO.replace("load_pet", "rename"))
        Path("own.py").write_text(SOURCE.replace("length: int = 8", "length: int"), encoding="utf-8")
        assert problems(path) == ["s.yaml:5:8: flow[0].length: required key is missing (of the name, in letters)"]

    def test_without_the_key_the_operation_is_unknown(self, written: Written) -> None:
        (told,) = problems(written(SCENARIO.replace("load_pet", "rename").replace("operations: [own.py]\n", "")))
        assert told.startswith("s.yaml:4:8: flow[0]: unknown operation 'rename'")

    def test_a_step_and_its_plan_survive_json(self, written: Written) -> None:
        flow = "flow: [{rename: {length: 3}}, load_pet]\nthresholds: [rename.letters > 1, rename.text_per_op < 16B/op]"
        plan = plan_run(load_scenario(written(SCENARIO.replace("flow: [load_pet]", flow))), 1)
        Path("own.py").unlink()
        again = ExecutionPlan.model_validate_json(plan.model_dump_json())
        assert again == plan
        assert type(again.scenario.flow[0]) is type(plan.scenario.flow[0])
        assert again.scenario.as_document()["flow"][0]["length"] == 3

    def test_parameters_may_be_called_as_attributes_of_any_step(self, written: Written) -> None:
        names = ("label", "copy", "model_dump", "choices", "arguments", "own_x", "targets", "_x", "declared")
        parameters = ", ".join(f"{name}: int = {at}" for at, name in enumerate(names))
        head = "from perfcli.operations import operation\n@operation\n"
        path = written(SCENARIO.replace("load_pet", "f: {copy: 9}"))
        Path("own.py").write_text(f"{head}def f(ctx, {parameters}): pass\n", encoding="utf-8")
        plan = plan_run(load_scenario(path), 1)
        step = plan.scenario.flow[0]
        assert isinstance(step, OwnStep)
        assert step.arguments == {**{name: at for at, name in enumerate(names)}, "copy": 9}
        assert step.label == "f"
        assert not step.needs_pet
        assert ExecutionPlan.model_validate_json(plan.model_dump_json()) == plan

    @pytest.mark.parametrize(
        ("target", "function", "told"),
        [
            ("mcp", "def f(ctx): pass", "f is a plain function: on target mcp, write async def"),
            ("mcp", "async def f(ctx): ctx.storage", "f uses ctx.storage, which target mcp does not offer"),
            ("mcp", "async def f(ctx): await ctx.call_tool('x')", ""),
            ("embedded", "async def f(ctx): await ctx.call_tool('x')", "f uses ctx.call_tool, which needs target: mcp"),
            ("embedded", "async def f(ctx): ctx.storage", ""),
        ],
    )
    def test_the_target_has_what_the_function_uses(
        self, target: str, function: str, told: str, written: Written
    ) -> None:
        path = written(SCENARIO.replace("load_pet", "f") + f"target: {target}\n")
        head = "from perfcli.operations import operation\n@operation\n"
        Path("own.py").write_text(f"{head}{function}\n", encoding="utf-8")
        if told:
            assert problems(path)[0].startswith(f"s.yaml:5:8: flow[0]: {told}")
        else:
            assert load_scenario(path).labels == ["f"]

    def test_pets_are_needed_only_if_the_function_asks_for_them(self, written: Written) -> None:
        path = written(SCENARIO.replace("load_pet", "rename").replace("pets: 2", "pets: 0"))
        assert "rename needs pets that exist: set setup.pets" in problems(path)[0]
        flow = "[{visit: {guests: 1}}]"
        assert load_scenario(written(SCENARIO.replace("[load_pet]", flow).replace("pets: 2", "pets: 0")))


class TestWhatItWrites:
    def written_beside(self, written: Written, wrote: str, flow: str) -> Path:
        path = written(SCENARIO.replace("[load_pet]", flow))
        Path("own.py").write_text(
            SOURCE.replace("ctx.storage.save_pet(ctx.pet())", f"ctx.wrote({wrote})"), encoding="utf-8"
        )
        return path

    @pytest.mark.parametrize("field", ["name", "current_image_path", "image_generation_prompt"])
    def test_what_save_pet_writes_too_is_refused(self, written: Written, field: str) -> None:
        path = self.written_beside(written, f"{field}='x'", "[save_pet, rename]")
        assert problems(path) == [
            f"s.yaml:5:18: flow[1]: rename and save_pet both write {field}, which hides losses: remove one"
        ]

    @pytest.mark.parametrize(("wrote", "flow"), [("hp=1", "[save_pet, rename]"), ("name='x'", "[load_pet, rename]")])
    def test_other_fields_and_other_steps_go_together(self, written: Written, wrote: str, flow: str) -> None:
        assert load_scenario(self.written_beside(written, wrote, flow)).labels[1] == "rename"


class TestThresholds:
    """Thresholds know the labels and the counters of own operations."""

    @pytest.mark.parametrize(
        "threshold",
        ["rename.letters > 5", "rename.letters_per_op >= 1.5", "rename.text < 1MB", "rename.text_per_op < 16B/op"],
    )
    def test_counters_are_metrics_of_the_operation(self, threshold: str, written: Written) -> None:
        path = written(SCENARIO.replace("[load_pet]", "[rename, load_pet]") + f"thresholds: ['{threshold}']\n")
        assert load_scenario(path).thresholds[0].threshold.operation == "rename"

    def test_they_go_by_the_name_of_the_step(self, written: Written) -> None:
        named = SCENARIO.replace("load_pet", "rename: {name: short}")
        assert load_scenario(written(named + "thresholds: [short.letters > 5, letters > 5]\n"))
        (told,) = problems(written(named + "thresholds: [rename.letters > 5]\n"))
        assert "no step of the flow is named 'rename'" in told

    @pytest.mark.parametrize(
        ("threshold", "told"),
        [
            ("rename.leters > 5", "unknown metric 'rename.leters' (did you mean 'letters'?)"),
            ("rename.letters > 5ms", "letters: '5ms' is not a count"),
            ("load_pet.letters > 5", "'load_pet' counts no letters: rename does"),
        ],
    )
    def test_mistakes_have_their_place(self, threshold: str, told: str, written: Written) -> None:
        path = written(SCENARIO.replace("[load_pet]", "[rename, load_pet]") + f"thresholds: ['{threshold}']\n")
        (problem,) = problems(path)
        assert problem.startswith(f"s.yaml:6:14: thresholds[0]: {told}")

    def test_a_counter_that_nothing_counts_is_a_mistake(self, written: Written) -> None:
        (problem,) = problems(written(SCENARIO + "thresholds: [letters > 5]\n"))
        assert problem == "s.yaml:6:14: thresholds[0]: no step counts letters"


def test_what_an_unreadable_file_may_declare_is_no_mistake(written: Written) -> None:
    flow = "flow: [{rename: {zzz: 1}}]\nthresholds: [rename.leters > 5, lost_writes > many]"
    path = written(SCENARIO.replace("flow: [load_pet]", flow))
    Path("own.py").write_text("def", encoding="utf-8")
    assert [problem.partition(": ")[0] for problem in problems(path)] == ["s.yaml:6:33", "own.py:1:4"]
    Path("own.py").write_text(SOURCE.replace("length: int", "length"), encoding="utf-8")
    assert [problem.partition(": ")[0] for problem in problems(path)] == ["s.yaml:6:14", "s.yaml:6:33", "own.py:7:26"]


def test_a_step_of_a_name_that_own_operations_cannot_have_is_the_built_in_one(written: Written) -> None:
    path = written(SCENARIO)
    Path("own.py").write_text(SOURCE.replace("def rename", "def load_pet"), encoding="utf-8")
    assert problems(path) == ["own.py:7:5: load_pet is a built-in operation: choose another name"]


_LINES = (
    "@operation",
    "@operation(counters={'letters': 'size'})",
    "def rename(ctx, length: int): pass",
    "def rename(ctx: Context, *, letters: list[str] = ['a']): ctx.count('letters', 1)",
    "async def visit(ctx, label: Literal['x', 2] | None = None, **rest): await ctx.call_tool('x')",
    "def load_pet(ctx): ctx.wrote(name='x')",
    "def letters(ctx, letters: float = 1): helper(ctx)",
    "class rename:",
    "    def f(ctx",
    "\\",
)


@given(st.lists(st.sampled_from(_LINES), max_size=8), st.sampled_from(["rename", "visit", "rename: {length: 1}"]))
def test_no_source_makes_the_loader_raise_anything_else(lines: list[str], step: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "s.yaml")
        thresholds = "thresholds: [rename.letters > 1, letters_per_op < 2B/op]\n"
        path.write_text(SCENARIO.replace("load_pet", step) + thresholds, encoding="utf-8")
        source = "from perfcli.operations import *\n" + "\n".join(lines) + "\n"
        Path(folder, "own.py").write_text(source, encoding="utf-8")
        labels = {"rename", "visit"}
        with suppress(ScenarioFileError):
            labels = set(load_scenario(path).labels)
        assert labels <= {"rename", "visit"}
