"""`--sweep`: how values are divided, which options contradict one another, and what each variation is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.errors import UsageError
from perfcli.scenario.overrides import duration, iterations, parse_set, workers
from perfcli.scenario.problems import ScenarioFileError
from perfcli.scenario.sweeps import MOST_VARIATIONS, check_sweeps, load_variations, parse_sweep, split_values

SCENARIO = """
name: swept
vars: {pause: 1ms}
setup: {pets: 5}
load: {executor: shared-iterations, vus: 1, iterations: 10}
flow: [load_pet, sleep: "${pause}"]
thresholds: [error_rate == 0%]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "swept.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1,2", ["1", "2"]),
        (" 1 , 2 ", ["1", "2"]),
        ("1", ["1"]),
        ("1,,2", ["1", "", "2"]),
        ("1,", ["1", ""]),
        ("[1, 2],[3]", ["[1, 2]", "[3]"]),
        ("{a: 1, b: [2, 3]},4", ["{a: 1, b: [2, 3]}", "4"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("'it''s, so',c", ["'it''s, so'", "c"]),
        (r'"a\",b",c', [r'"a\",b"', "c"]),
        (r'"a\\",b', [r'"a\\"', "b"]),
        ("it's,fine", ["it's", "fine"]),
        ("a[1,2", ["a[1", "2"]),
        ("['a]',1],2", ["['a]',1]", "2"]),
    ],
)
def test_commas_divide_but_within_quotes_brackets_and_braces(text: str, parts: list[str]) -> None:
    assert list(split_values(text)) == parts


VALUES = st.one_of(st.text(), st.lists(st.text(max_size=5), max_size=3), st.integers(), st.booleans())


@given(st.lists(VALUES, min_size=1))
def test_values_written_as_json_are_divided_as_they_were_joined(values: list[Any]) -> None:
    written = [json.dumps(value) for value in values]
    assert list(split_values(",".join(written))) == written


@given(st.text())
def test_nothing_but_commas_and_blanks_is_lost(text: str) -> None:
    assert "".join(",".join(split_values(text)).split()) == "".join(text.split())


def test_values_are_yaml_as_those_of_set() -> None:
    sweep = parse_sweep("engine.ai.latency=10ms,1.5,3,true,'7',[a, b],null")
    assert sweep.key == "engine.ai.latency"
    assert [override.value for override in sweep.overrides] == ["10ms", 1.5, 3, True, "7", ["a", "b"], None]
    assert sweep.values == ("10ms", 1.5, 3, True, "7", "[a, b]", "null")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("load.vus", "--sweep load.vus: expected key=value"),
        ("load.vus=", "expected key=value"),
        ("=1,2", "expected key=value"),
        ("load.vus=1,,2", "value 2 of 3 is empty"),
        ("load.vus=1,2,", "value 3 of 3 is empty"),
        ("load.vus=1,2,1", "1 is listed twice"),
        ("load.vus=1,'1'", "1 is listed twice"),
        ("load.vus=[1,2", "the value is not YAML"),
        ("name=a,b", "name has no effect on what is measured"),
        ("extends=a,b", "extends has no effect on what is measured"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_named_with_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sweep(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"--sweep {text}")


@pytest.mark.parametrize(
    ("sweeps", "other", "message"),
    [
        (["load.vus=1,2", "load.vus=3"], None, "--sweep load.vus is given twice"),
        (["load.vus=1,2", "load={vus: 3}"], None, "--sweep load.vus and --sweep load change the same key"),
        (["load.vus=1,2"], parse_set("load.vus=3"), "--set load.vus and --sweep load.vus"),
        (["load={vus: 1}"], parse_set("load.vus=3"), "--set load.vus and --sweep load change"),
        (["load.vus=1,2"], workers(3), "--workers 3 and --sweep load.vus change the same key: drop --workers 3"),
        (["phases.0.load.vus=1,2"], workers(3), "--workers 3 and --sweep phases.0.load.vus"),
        (["load.iterations=1,2"], iterations(3), "--iterations 3"),
        (["load.duration=1s,2s"], duration("3s"), "--duration 3s"),
    ],
)
def test_a_key_is_not_set_in_two_ways(sweeps: list[str], other: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_sweeps(list(map(parse_sweep, sweeps)), [other] if other else [])
    assert message in str(caught.value)


def test_a_section_may_be_set_around_the_key_that_is_swept() -> None:
    around = parse_set("load={executor: constant-vus, duration: 1s}")
    check_sweeps([parse_sweep("load.vus=1,2")], [around, iterations(3)])


def test_too_many_variations_are_refused_with_their_number() -> None:
    values = ",".join(map(str, range(20)))
    with pytest.raises(UsageError) as caught:
        check_sweeps([parse_sweep(f"load.vus={values}"), parse_sweep(f"setup.pets={values}")], [])
    assert f"20 × 20 = 400 variations, at most {MOST_VARIATIONS}" in str(caught.value)


def test_the_last_sweep_changes_fastest_scenario_by_scenario(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(SCENARIO.replace("swept", "other"))
    sweeps = [parse_sweep("setup.pets=5,6"), parse_sweep("load.vus=1,2")]
    loaded = load_variations([file, other], [], sweeps)
    assert [(scenario.name, *variation.values()) for scenario, variation in loaded] == [
        (name, pets, vus) for name in ("swept", "other") for pets in (5, 6) for vus in (1, 2)
    ]
    assert [scenario.setup.pets for scenario, _ in loaded[:4]] == [5, 5, 6, 6]
    assert list(loaded[0][1]) == ["setup.pets", "load.vus"]


def test_a_variable_is_swept(file: Path) -> None:
    loaded = load_variations([file], [], [parse_sweep("vars.pause=2ms,3ms")])
    assert [scenario.flow[1].pause_ns for scenario, _ in loaded] == [2_000_000, 3_000_000]


def problems(file: Path, *sweeps: str) -> list[str]:
    with pytest.raises(ScenarioFileError) as caught:
        load_variations([file], [], list(map(parse_sweep, sweeps)))
    return list(map(str, caught.value.problems))


def test_an_unknown_key_is_reported_once(file: Path) -> None:
    assert problems(file, "load.vuz=1,2,3") == ["--sweep load.vuz=1,2,3: load.vuz: unknown key (did you mean 'vus'?)"]


def test_a_wrong_value_is_named_whatever_the_other_keys_are(file: Path) -> None:
    (problem,) = problems(file, "setup.pets=5,many", "load.vus=1,2")
    assert problem.endswith("expected a whole number, not 'many' (with setup.pets=many)")


def test_values_that_contradict_one_another_are_named_together(file: Path) -> None:
    (problem,) = problems(file, "setup.pets=0,5", "flow.0=load_pet,create_pet")
    assert problem.endswith("(with setup.pets=0, flow.0=load_pet)")


def test_of_several_variations_that_do_not_fit_the_first_is_named(file: Path) -> None:
    (problem,) = problems(file, "setup.pets=0,5", "flow.0=load_pet,create_pet", "load.vus=1,2")
    assert problem.endswith("(with setup.pets=0, flow.0=load_pet, load.vus=1 and 1 more)")


def test_a_load_of_phases_is_not_swept_as_one(tmp_path: Path) -> None:
    path = tmp_path / "phased.yaml"
    load = "load: {executor: shared-iterations, vus: 1, iterations: 10}"
    path.write_text(f"name: phased\nflow: [statistics]\nphases: [{{name: one, {load}}}, {{name: two, {load}}}]\n")
    (problem,) = problems(path, "load.vus=1,2")
    assert "set phases.0.load.vus for the first, or a variable that all of them use (vars.NAME)" in problem
