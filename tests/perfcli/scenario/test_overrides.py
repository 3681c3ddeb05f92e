"""Options that change a scenario: where they reach, what they refuse, and that they own their mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.errors import UsageError
from perfcli.executors import ConstantVus, PerVuIterations, SharedIterations
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.models import Scenario
from perfcli.scenario.overrides import Override, duration, iterations, parse_set, workers

Write = Callable[[str], Path]
Mistakes = Callable[..., list[str]]


@pytest.fixture
def changed(written: Write, valid: str) -> Callable[..., Scenario]:
    """The valid scenario after --set options or overrides."""

    def change(*options: str | Override) -> Scenario:
        return load_scenario(written(valid), [parse_set(o) if isinstance(o, str) else o for o in options])

    return change


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("load.vus=3", ("load", "vus"), 3),
        ("load.warmup=50ms", ("load", "warmup"), "50ms"),
        ("thresholds=[latency.mean < 1ms]", ("thresholds",), ["latency.mean < 1ms"]),
        ("thresholds.0=latency.mean >= 1ms", ("thresholds", "0"), "latency.mean >= 1ms"),
        ("flow.1={status: {weight: 2}}", ("flow", "1"), {"status": {"weight": 2}}),
        ("description=''", ("description",), ""),
        ("description=null", ("description",), None),
    ],
)
def test_set_reads_its_value_as_yaml(text: str, path: tuple[str, ...], value: object) -> None:
    assert parse_set(text) == Override(path, value, f"--set {text}")


@pytest.mark.parametrize("text", ["load.vus", "=3", "load..vus=3", "load.vus=", ".=1", ""])
def test_set_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected key=value") as caught:
        parse_set(text)
    assert "load.vus=3" in caught.value.hint


@pytest.mark.parametrize("value", ["[1, 2", "!x 3", "'a", "{a: 1, a: 2}", "&a [*a]"])
def test_set_with_broken_yaml_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="the value is not YAML"):
        parse_set(f"load.vus={value}")


def test_set_replaces_creates_and_appends(changed: Callable[..., Scenario]) -> None:
    assert changed("load.vus=3").load.vus == 3
    assert changed("thresholds.0=latency.p99 < 1s").thresholds[0].threshold.text == "latency.p99 < 1s"
    assert changed("thresholds.5=latency.p99 < 1s").thresholds[5].threshold.text == "latency.p99 < 1s"
    assert changed("thresholds=[]").thresholds == []
    assert changed("flow.0.load_pet.weight=3").flow[0].weight == 3
    assert changed("setup={pets: 3}", "setup.pets=7").setup.pets == 7


def test_set_creates_missing_sections(written: Write) -> None:
    path = written("name: x\nload: {executor: constant-vus, duration: 1s}\nflow: [create_pet]\nengine:\n")
    scenario = load_scenario(path, [parse_set("engine.ai.latency=7ms"), parse_set("thresholds.0=error_rate < 1%")])
    assert scenario.engine.ai.latency == "7ms"
    assert scenario.thresholds[0].threshold.text == "error_rate < 1%"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("load.vuz=3", "load.vuz: unknown key (did you mean 'vus'?)"),
        ("load.vus=five", "load.vus: expected a whole number, not 'five'"),
        ("load.executor=turbo", "load.executor: unknown executor 'turbo': use one of shared-iterations, "),
        ("load={vus: 3}", "load.executor: required key is missing: use one of "),
        ("load.vus.x=3", "load.vus is a single value, without 'x': set load.vus as a whole"),
        ("flow.9=status", "flow has 2 items: flow.2 would add one"),
        ("flow.99999999999=status", "flow has 2 items: flow.2 would add one"),
        ("flow.first=status", "flow is a list: name an item by its number, e.g. flow.0"),
        ("flow.0.weight=3", "flow[0]: 'weight' is beside load_pet: indent it, to make it a setting of load_pet"),
        ("flow.2=lod_pet", "flow[2]: unknown operation 'lod_pet' (did you mean 'load_pet'?)"),
        ("setup.pets=0", "setup.pets: load_pet needs pets that exist: set setup.pets to 1 or more"),
        ("thresholds.0=lod_pet.latency.max < 1s", "thresholds[0]: no step of the flow is named 'lod_pet' (did you"),
        ("load.warmup=1:30", "load.warmup: unknown unit ':' in '1:30'"),
    ],
)
def test_mistake_of_an_option_names_the_option(mistakes: Mistakes, valid: str, option: str, message: str) -> None:
    assert mistakes(valid, parse_set(option))[0].startswith(f"--set {option}: {message}")


def test_mistakes_of_the_file_come_before_those_of_options(mistakes: Mistakes, valid: str) -> None:
    told = mistakes(valid.replace("tags:", "tgas:"), workers(0), parse_set("setup.pets=-1"))
    assert told == [
        "s.yaml:3:1: tgas: unknown key (did you mean 'tags'?)",
        "--set setup.pets=-1: setup.pets: must be 0 to 1,000,000, not -1",
        "--workers 0: load.vus: must be at least 1, not 0",
    ]


def test_workers_sets_vus(changed: Callable[..., Scenario]) -> None:
    assert changed(workers(7)).load.vus == 7


def test_iterations_keeps_an_executor_that_counts(changed: Callable[..., Scenario]) -> None:
    assert changed(iterations(7)).load == SharedIterations(
        executor="shared-iterations", vus=5, iterations=7, warmup="2s"
    )
    load = changed("load={executor: per-vu-iterations, iterations: 3}", iterations(7)).load
    assert load == PerVuIterations(executor="per-vu-iterations", iterations=7)


def test_iterations_turns_a_timed_load_into_a_counted_one(changed: Callable[..., Scenario]) -> None:
    load = changed("load={executor: constant-vus, vus: 2, duration: 3s, think_time: 1ms}", iterations(7)).load
    assert load == SharedIterations(executor="shared-iterations", vus=2, iterations=7, think_time="1ms")


def test_duration_turns_a_counted_load_into_a_timed_one(changed: Callable[..., Scenario]) -> None:
    load = changed("load.max_duration=1m", duration("3s")).load
    assert load == ConstantVus(executor="constant-vus", vus=5, duration="3s", warmup="2s")


@pytest.mark.parametrize("executor", ["shared-iterations", "constant-vus"])
def test_iterations_and_duration_together_are_a_count_with_a_limit(
    changed: Callable[..., Scenario], executor: str
) -> None:
    settings = "duration: 9s" if executor == "constant-vus" else "iterations: 3"
    expected = SharedIterations(executor="shared-iterations", iterations=7, max_duration="5s")
    for options in ([iterations(7), duration("5s")], [duration("5s"), iterations(7)]):
        assert changed(f"load={{executor: {executor}, {settings}}}", *options).load == expected


def test_shortcuts_mean_the_load_of_every_phase(written: Write) -> None:
    path = written(
        "name: x\nflow: [create_pet]\nphases:\n"
        "  - {name: a, load: {executor: constant-vus, duration: 3s, vus: [1, 2]}}\n"
        "  - {name: b, load: {executor: constant-arrival-rate, rate: 5/s, duration: 3s}}\n"
    )
    first, second = load_scenario(path, [workers(7), duration("9s")]).phases
    assert (first.load.vus, first.load.longest_ns) == (7, 9_000_000_000)
    assert (second.load.vus, second.load.planned_iterations) == (7, 45)
    assert {phase.load.executor for phase in load_scenario(path, [iterations(4)]).phases} == {"shared-iterations"}


def test_set_reaches_into_phases(written: Write) -> None:
    path = written(
        "name: x\nflow: [create_pet]\nphases:\n  - {name: a, load: {executor: constant-vus, duration: 3s}}\n"
    )
    assert load_scenario(path, [parse_set("phases.0.load.vus=3")]).phases[0].load.vus == 3
    assert load_scenario(path, [parse_set("phases.0.load={executor: constant-vus, duration: 1s}"), workers(2)])


def test_an_option_cannot_change_what_a_scenario_is_made_from(mistakes: Mistakes, valid: str) -> None:
    assert mistakes(valid, parse_set("extends=pet_creation")) == [
        "--set extends=pet_creation: --set cannot change extends: change it in the file"
    ]


def test_shortcuts_leave_an_unknown_executor_to_be_told(mistakes: Mistakes, valid: str) -> None:
    told = mistakes(
        valid.replace("shared-iterations", "constnt-vus").replace("iterations: 2000", "x: 1"), duration("3")
    )
    assert told == [
        "s.yaml:9:13: load.executor: unknown executor 'constnt-vus' (did you mean 'constant-vus'?)",
        "s.yaml:11:3: load.x: unknown key: use one of think_time, warmup, start_after, graceful_stop, vus, executor, "
        "duration",
        "--duration 3: load.duration: '3' has no unit: write 3ms or 3s",
    ]


def test_shortcuts_make_a_load_where_there_is_none(written: Write) -> None:
    path = written("name: x\nflow: [create_pet]\n")
    assert load_scenario(path, [iterations(3)]).load == SharedIterations(executor="shared-iterations", iterations=3)


def test_options_on_a_file_of_another_shape_are_told(mistakes: Mistakes) -> None:
    told = mistakes("name: x\nload: 3\nflow: [create_pet]", iterations(3))
    assert told == [
        "s.yaml:2:7: load: expected a section with keys, not 3: write {executor: constant-vus, vus: 2, duration: 30s}",
        "--iterations 3: load is a single value, without 'iterations': set load as a whole, load={iterations: …}",
    ]
