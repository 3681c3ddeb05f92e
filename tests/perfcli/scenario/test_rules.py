"""What keys ask of one another: weights, names, pets, and thresholds on steps that exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from perfcli import thresholds
from perfcli.operations import STEP_MODELS
from perfcli.scenario import models
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.models import Scenario
from perfcli.scenario.overrides import parse_set

Mistakes = Callable[..., list[str]]
HEAD = "name: x\nload: {executor: shared-iterations, iterations: 1}\n"


def scenario(flow: str, *thresholds: str, pets: int = 5) -> str:
    return f"{HEAD}setup: {{pets: {pets}}}\nflow: {flow}\nthresholds: [{', '.join(thresholds)}]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            scenario("[load_pet: {weight: 1}, status, save_pet: {weight: 0.5}]"),
            "4:31: flow[1]: has no weight, though other steps have one (2 of 3): "
            "give one to every step (a mix), or to none (in order)",
        ),
        (
            scenario("[load_pet: {name: read}, status: {name: read}]"),
            "4:32: flow[1]: 'read' is already the name of a load_pet step: "
            "samples of two operations cannot share one name",
        ),
        (scenario("[sleep: 5ms, sleep: 1s]"), "4:8: flow: has only sleep, so nothing is measured: add an operation"),
        (
            scenario("[load_pet]", pets=0),
            "3:15: setup.pets: load_pet needs pets that exist: "
            "set setup.pets to 1 or more, or put create_pet before it",
        ),
        (
            f"{HEAD}flow: [status, create_pet]",
            "3:8: flow[0]: status needs pets that exist: set setup.pets to 1 or more, or put create_pet before it",
        ),
        (
            f"{HEAD}flow: [create_pet: {{weight: 1}}, status: {{weight: 1}}]",
            "3:33: flow[1]: status needs pets that exist: set setup.pets to 1 or more",
        ),
        (
            scenario("[load_pet, save_pet]", "lod_pet.latency.mean < 1ms"),
            "5:14: thresholds[0]: no step of the flow is named 'lod_pet' (did you mean 'load_pet'?)",
        ),
        (
            scenario("[load_pet: {name: read}]", '{expr: "load_pet.error_rate < 1%"}'),
            "5:21: thresholds[0].expr: no step of the flow is named 'load_pet': use read",
        ),
        (
            scenario("[status, sleep: {duration: 1s, name: pause}]", "pause.latency.max < 2s"),
            "5:14: thresholds[0]: 'pause' is a sleep, which is not measured: name an operation",
        ),
    ],
)
def test_keys_that_do_not_fit_together(mistakes: Mistakes, text: str, message: str) -> None:
    assert mistakes(text) == [f"s.yaml:{message}"]


@pytest.mark.parametrize(
    "text",
    [
        scenario("[create_pet, status, evict, load_pet]", pets=0),
        scenario("[sleep: 5ms, status]", "status.latency.max < 1s", "latency.max < 1s"),
        scenario(
            "[load_pet: {name: a}, load_pet: {name: b, source: engine}]", "a.throughput > 1/s", "b.error_rate < 1%"
        ),
        scenario("[load_pet, status, load_pet]", "load_pet.latency.p99 < 1s"),
        scenario("[load_pet: {weight: 1}, sleep: {duration: 1s, weight: 1}]"),
        scenario("[{operation: care, actions: [meat], name: feed}]", "feed.error_rate == 0%"),
    ],
)
def test_keys_that_fit_together(mistakes: Mistakes, text: str) -> None:
    assert mistakes(text) == []


def test_rules_are_told_once_single_keys_are_right(mistakes: Mistakes) -> None:
    text = "nme: x\nflow: [lod_pet: {weight: x}, status]\nthresholds: [foo.latency.max < 1s]\n"
    assert mistakes(text) == [
        "s.yaml:1:1: name: required key is missing (name in tables, results and on the command line)",
        "s.yaml:1:1: nme: unknown key (did you mean 'name'?)",
        "s.yaml:2:8: flow[0]: unknown operation 'lod_pet' (did you mean 'load_pet'?)",
        "s.yaml:2:26: flow[0].load_pet.weight: expected a number, not 'x'",
    ]
    text = text.replace("nme", "name").replace("lod_pet: {weight: x}", "load_pet: {weight: 1}")
    assert mistakes(text) == [
        "s.yaml:1:1: load: required key is missing (when iterations start, and how many): write a load, or phases",
        "s.yaml:2:8: flow[0]: load_pet needs pets that exist: set setup.pets to 1 or more",
        "s.yaml:2:31: flow[1]: has no weight, though other steps have one (1 of 2): "
        "give one to every step (a mix), or to none (in order)",
        "s.yaml:3:14: thresholds[0]: no step of the flow is named 'foo': use one of load_pet, status",
    ]


@pytest.mark.parametrize(
    ("target", "mistake"),
    [
        ("{mcp: {url: 'http://a/mcp', transport: http}}", "1:37: target.mcp.transport"),
        ("{target: mcp, url: 'http://a/mcp', transport: http}", "1:44: target.transport"),
    ],
)
def test_a_setting_bears_the_path_it_is_written_at(mistakes: Mistakes, target: str, mistake: str) -> None:
    (told,) = mistakes(f"target: {target}\n{HEAD}setup: {{pets: 1}}\nflow: [get_pet_status]")
    assert told.startswith(f"s.yaml:{mistake}: does not go with the url")


@pytest.mark.parametrize(
    ("step", "mistake"),
    [
        ("status: {only_if: x}", "3:37: flow[1].status.only_if"),
        ("{operation: status, only_if: x}", "3:48: flow[1].only_if"),
    ],
)
def test_a_condition_bears_the_path_it_is_written_at(mistakes: Mistakes, step: str, mistake: str) -> None:
    (told,) = mistakes(f"{HEAD}flow: [sleep: 1s, {step}]\nsetup: {{pets: 1}}\n")
    assert told.startswith(f"s.yaml:{mistake}: no step before this one is named 'x'")


def test_a_mistake_of_sense_that_an_option_made_is_told_of_the_option(mistakes: Mistakes) -> None:
    text = scenario("[load_pet]", "load_pet.latency.max < 1s")
    assert mistakes(text, parse_set("flow.0=status")) == [
        "s.yaml:5:14: thresholds[0]: no step of the flow is named 'load_pet': use status"
    ]
    assert mistakes(text, parse_set("thresholds.0=lod_pet.latency.max < 1s"), parse_set("setup.pets=0")) == [
        "--set setup.pets=0: setup.pets: load_pet needs pets that exist: set setup.pets to 1 or more, "
        "or put create_pet before it",
        "--set thresholds.0=lod_pet.latency.max < 1s: thresholds[0]: no step of the flow is named 'lod_pet' "
        "(did you mean 'load_pet'?)",
    ]


def test_step_that_cannot_be_read_may_bear_the_name_a_threshold_asks_for(mistakes: Mistakes) -> None:
    flow = "\n- care:\n  name: feed\n- status"
    assert mistakes(scenario(flow, "feed.latency.max < 1s")) == [
        "s.yaml:5:3: flow[0]: 'name' is beside care: indent it, to make it a setting of care"
    ]


def test_every_operation_but_two_needs_a_pet() -> None:
    assert [name for name, model in STEP_MODELS.items() if not model.needs_pet] == [
        "create_pet",
        "create_new_pet",
        "sleep",
    ]


def test_a_threshold_is_parsed_once(
    written: Callable[[str], Path], valid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def parse(text: str, counters: Mapping[str, str]) -> thresholds.Threshold:
        parsed.append(text)
        return thresholds.parse_threshold(text, counters)

    monkeypatch.setattr(models, "parse_threshold", parse)
    scenario = load_scenario(written(valid))
    rules = scenario.judged_thresholds
    assert scenario.asks_for("lost_writes")
    assert not scenario.asks_for("duplicate_writes")
    assert parsed == [rule.threshold.text for rule in rules]
    thin = rules[0].model_copy(update={"allow_thin": True})
    assert thin.threshold is rules[0].threshold is scenario.thresholds[0].threshold


def test_a_threshold_goes_through_json_as_its_text(written: Callable[[str], Path], valid: str) -> None:
    scenario = load_scenario(written(valid))
    text = scenario.model_dump_json()
    assert '"expr":"load_pet.latency.mean < 100ms"' in text
    assert Scenario.model_validate_json(text, strict=False) == scenario


def test_where_a_scenario_was_written_is_no_part_of_it(written: Callable[[str], Path], valid: str) -> None:
    first = load_scenario(written(valid))
    moved = load_scenario(written(f"# moved\n\n{valid.replace('pets: 50', 'pets:     50')}"))
    assert first == moved
    assert first.model_dump_json() == moved.model_dump_json()


def test_a_value_that_a_variable_or_a_list_of_vus_makes_is_told_where_it_is_written(mistakes: Mistakes) -> None:
    text = """\
name: x
vars: {step: lod_pet, none: 0}
setup: {pets: "${none}"}
flow: [load_pet]
phases:
  - {name: a, load: {executor: constant-vus, duration: 1s, vus: [3, 4]}, thresholds: ["${step}.latency.max < 1s"]}
  - {name: a-4, load: {executor: constant-vus, duration: 1s}, thresholds: [error_rate < 1%]}
"""
    assert mistakes(text) == [
        "s.yaml:3:15: setup.pets: load_pet needs pets that exist: set setup.pets to 1 or more, "
        "or put create_pet before it",
        "s.yaml:6:87: phases[0].thresholds[0]: no step of the flow is named 'lod_pet' (did you mean 'load_pet'?)",
        "s.yaml:7:12: phases[1].name: two phases are named 'a-4' (the other on line 6): rename one",
    ]


def test_it_does_not_go_with_growth_over_interactions(mistakes: Callable[..., list[str]]) -> None:
    text = (
        "name: x\nload: {executor: shared-iterations, iterations: 9}\nsetup: {pets: 1}\n"
        "flow: [interact, clear_history]\ngrowth: {over: interactions}\n"
    )
    (mistake,) = mistakes(text)
    assert "clear_history deletes the interactions that growth counts" in mistake
    assert not mistakes(text.replace("over: interactions", "over: pets"))
