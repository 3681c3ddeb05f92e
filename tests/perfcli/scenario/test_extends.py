"""Scenarios made from others: what is merged, where mistakes are told, and chains that lead nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.executors import ConstantVus
from perfcli.scenario.loader import ScenarioFileError, load_scenario
from perfcli.scenario.models import Scenario
from perfcli.scenario.overrides import parse_set
from perfcli.scenario.target import McpSettings, Zipf

Mistakes = Callable[..., list[str]]
BASE = """\
name: base
tags: [quick]
engine: {ai: {latency: 50ms, jitter: 5ms}}
setup: {pets: 20}
users: {zipf: 1.2}
load: {executor: shared-iterations, iterations: 10, vus: 4, think_time: {uniform: [1ms, 2ms]}}
flow: [load_pet, save_pet]
thresholds: [success_rate >= 95%]
"""


@pytest.fixture
def extended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scenario]:
    """What a scenario that extends `base.yaml` comes to."""
    monkeypatch.chdir(tmp_path)

    def load(text: str, base: str = BASE) -> Scenario:
        Path("base.yaml").write_text(base)
        Path("s.yaml").write_text(f"name: own\nextends: base.yaml\n{text}")
        return load_scenario(Path("s.yaml"))

    return load


@pytest.fixture
def told(extended: Callable[..., Scenario]) -> Callable[..., list[str]]:
    """The mistakes of a scenario that extends `base.yaml`."""

    def mistakes(text: str, base: str = BASE) -> list[str]:
        with pytest.raises(ScenarioFileError) as caught:
            extended(text, base)
        return str(caught.value).split("\n")

    return mistakes


def test_sections_are_merged_and_the_rest_is_replaced(extended: Callable[..., Scenario]) -> None:
    scenario = extended("engine: {ai: {latency: 0ms}}\nload: {vus: 9}\nflow: [status]\nthresholds: []")
    assert (scenario.name, scenario.tags, scenario.extends) == ("own", ["quick"], "base.yaml")
    assert (scenario.engine.ai.latency, scenario.engine.ai.jitter) == ("0ms", "5ms")
    (phase,) = scenario.phases_to_run
    assert (phase.load.vus, phase.load.planned_iterations, phase.labels) == (9, 10, ["status"])
    assert (scenario.setup.pets, scenario.users, scenario.thresholds) == (20, Zipf(zipf=1.2), [])


def test_another_executor_does_not_inherit_the_keys_of_the_first(extended: Callable[..., Scenario]) -> None:
    load = extended("load: {executor: constant-vus, duration: 5s}").load
    assert isinstance(load, ConstantVus)
    assert (load.duration, load.vus, load.think_time.longest_ns) == ("5s", 4, 2_000_000)


def test_what_is_one_of_several_forms_is_replaced_whole(extended: Callable[..., Scenario]) -> None:
    tools = "target: mcp\nload: {think_time: {paced: 1s}}\nusers: own\nflow: [get_pet_status]"
    scenario = extended(tools, f"{BASE}target: {{embedded: {{}}}}\ngrowth: {{over: pets}}\n")
    (phase,) = scenario.phases_to_run
    assert (scenario.target, scenario.users, phase.load.think_time.longest_ns) == (McpSettings(), "own", 1_000_000_000)


def test_phases_take_the_place_of_a_load_and_the_other_way(extended: Callable[..., Scenario]) -> None:
    load = "load: {executor: constant-vus, duration: 1s}"
    scenario = extended(f"phases: [{{name: a, {load}}}]")
    assert [phase.name for phase in scenario.phases_to_run] == ["a"]
    back = extended(load, f"name: base\nsetup: {{pets: 1}}\nflow: [status]\nphases: [{{name: a, {load}}}]")
    assert [phase.name for phase in back.phases_to_run] == ["load"]


def test_a_shipped_scenario_can_be_extended_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nextends: pet_creation\ntags: [mine]\n")
    assert load_scenario(file).labels == ["create_pet"]


def test_chains_and_folders(tmp_path: Path) -> None:
    """Each name is looked for beside the file it stands in."""
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases" / "first.yaml").write_text(BASE)
    (tmp_path / "bases" / "second.yaml").write_text("extends: first.yaml\nsetup: {pets: 3}")
    (tmp_path / "third.yaml").write_text("name: third\nextends: bases/second.yaml")
    scenario = load_scenario(tmp_path / "third.yaml", [parse_set("load.vus=2")])
    assert (scenario.name, scenario.setup.pets, scenario.phases_to_run[0].load.vus) == ("third", 3, 2)


def test_mistakes_of_a_base_are_told_at_its_lines(told: Callable[..., list[str]]) -> None:
    assert told("seup: 1", BASE.replace("pets: 20", "pets: -1")) == [
        "s.yaml:3:1: seup: unknown key (did you mean 'setup'?)",
        "base.yaml:4:15: setup.pets: must be 0 to 1,000,000, not -1",
    ]
    assert told("thresholds: [load_pt.error_rate < 1%]", BASE.replace("pets: 20", "pets: 0")) == [
        "s.yaml:3:14: thresholds[0]: no step of the flow is named 'load_pt' (did you mean 'load_pet'?)",
        "base.yaml:4:15: setup.pets: load_pet needs pets that exist: set setup.pets to 1 or more, "
        "or put create_pet before it",
    ]


def test_what_two_files_say_together_is_told_at_the_one_that_is_wrong(told: Callable[..., list[str]]) -> None:
    assert told("load: {duration: 5s}") == [
        "s.yaml:3:8: load.duration: is not a key of shared-iterations: use one of think_time, warmup, start_after, "
        "graceful_stop, vus, max_duration, executor, iterations"
    ]
    assert told("setup: {pets: 0}") == [
        "s.yaml:3:15: setup.pets: load_pet needs pets that exist: set setup.pets to 1 or more, "
        "or put create_pet before it"
    ]


def test_a_name_is_not_inherited(tmp_path: Path, mistakes: Mistakes) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    assert mistakes("extends: base.yaml") == [
        "s.yaml:1:1: name: required key is missing (name in tables, results and on the command line)"
    ]


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("a: [1", "base.yaml:1:4: this '[' is never closed, or a ',' is missing in it"),
        ("- 1", "base.yaml:1:1: expected keys such as load and flow, not a list"),
        (
            "",
            "s.yaml:2:10: extends: base.yaml: is empty: a scenario needs a name, a load and a flow (digipal-perf",
        ),
        ("a: \0", "s.yaml:2:10: extends: base.yaml: is a binary file: byte 4 is NUL"),
        ("extends: s.yaml", "base.yaml:1:10: extends: extends itself by way of s.yaml: remove one extends"),
        ("extends: base.yaml", "base.yaml:1:10: extends: extends itself by way of base.yaml: remove one exte"),
        ("extends: [a]", "base.yaml:1:10: extends: expected the name of a shipped scenario or a file, not a list"),
        ("extends:", "base.yaml:1:9: extends: expected the name of a shipped scenario or a file, not nothing"),
        (
            "extends: pet_creatoin",
            "base.yaml:1:10: extends: no such file in the same directory, and no shipped scenario is named "
            "'pet_creatoin' "
            "(did you mean 'pet_creation'?)",
        ),
        (
            "extends: '${BASE}'",
            "base.yaml:1:10: extends: variables cannot be used here, and no shipped scenario is ",
        ),
        (
            'extends: "a\\0b"',
            "base.yaml:1:10: extends: no such file in the same directory, and no shipped scenario is ",
        ),
        ("extends: /dev/zero", "base.yaml:1:10: extends: /dev/zero: is not a regular file"),
    ],
)
def test_bases_that_cannot_be_read(told: Callable[..., list[str]], base: str, message: str) -> None:
    """What is wrong with the file itself is told beside it, but nothing that the base may have held."""
    own = "s.yaml:3:13: load.vus: expected a whole number, not 'five'"
    problems = told("load: {vus: five}\nthresholds: [foo.error_rate < 1%]", base)
    assert own in problems
    assert [problem[: len(message)] for problem in problems if problem != own] == [message]


def test_no_more_than_ten_in_a_row(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"b{number}.yaml").write_text(f"extends: b{number + 1}.yaml\nsetup: {{pets: {number}}}")
    (tmp_path / "b12.yaml").write_text("description: the end")
    with pytest.raises(ScenarioFileError, match="extends more than 10 scenarios in a row"):
        load_scenario(tmp_path / "b0.yaml")
