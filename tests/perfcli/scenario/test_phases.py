"""Scenarios of several phases: what each runs, what it takes from the scenario, and what does not fit together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.executors import ConstantVus
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.target import Zipf

Mistakes = Callable[..., list[str]]
Write = Callable[[str], Path]

HEAD = "name: x\nsetup: {pets: 5}\n"
LOAD = "load: {executor: constant-vus, duration: 1s}"
BOTH = """\
name: two_phases
setup: {pets: 20}
users: uniform
growth: {over: interactions}
phases:
  - {name: calm, load: {executor: constant-vus, duration: 1s, vus: [1, 5]}}
  - name: rush
    load: {executor: constant-vus, duration: 2s, start_after: 500ms}
    users: {zipf: 1.1}
    growth: {over: pets}
    flow: [status, care]
    thresholds:
      - care.latency.p95 < 1s
flow:
  - load_pet: {weight: 8}
  - save_pet: {weight: 2}
thresholds:
  - load_pet.latency.p95 < 1s
  - status.latency.p95 < 1s
  - lost_writes == 0
  - growth.ratio < 3
"""


def phases(*written: str, flow: str = "[status]", more: str = "") -> str:
    return f"{HEAD}flow: {flow}\nphases: [{', '.join(written)}]\n{more}"


def test_a_phase_has_its_own_flow_and_users_or_the_scenarios(written: Write) -> None:
    one, five, rush = load_scenario(written(BOTH)).phases_to_run
    assert [phase.name for phase in (one, five, rush)] == ["calm-1", "calm-5", "rush"]
    assert [phase.load.vus for phase in (one, five, rush)] == [1, 5, 1]
    assert [phase.is_mix for phase in (one, five, rush)] == [True, True, False]
    assert [phase.users for phase in (one, five, rush)] == ["uniform", "uniform", Zipf(zipf=1.1)]
    assert [phase.growth and phase.growth.over for phase in (one, rush)] == ["interactions", "pets"]
    assert [rule.threshold.text for rule in rush.thresholds] == ["care.latency.p95 < 1s"]


def test_a_scenario_knows_the_labels_and_metrics_of_all_its_phases(written: Write) -> None:
    scenario = load_scenario(written(BOTH))
    assert scenario.labels == ["load_pet", "save_pet", "status", "care"]
    assert [scenario.asks_for(metric) for metric in ("latency", "lost_writes", "cpu.mean")] == [True, True, False]
    of_phase = BOTH.replace("care.latency.p95 < 1s", "error_rate < 1%")
    assert load_scenario(written(of_phase)).asks_for("error_rate")


def test_phases_travel_as_json(written: Write) -> None:
    scenario = load_scenario(written(BOTH))
    assert ExecutionPlan.model_validate_json(plan_run(scenario).model_dump_json()).scenario == scenario


def test_a_load_alone_is_the_phase_load(written: Write) -> None:
    (phase,) = load_scenario(written(f"{HEAD}{LOAD}\nflow: [status]")).phases_to_run
    assert (phase.name, phase.users, phase.labels) == ("load", "own", ["status"])
    assert phase.load == ConstantVus(executor="constant-vus", duration="1s")
    several = f"{HEAD}{LOAD[:-1]}, vus: [2, 4]}}\nflow: [status]"
    assert [each.name for each in load_scenario(written(several)).phases_to_run] == ["load-2", "load-4"]


def test_phases_need_no_flow_of_the_scenario(mistakes: Mistakes) -> None:
    text = f"{HEAD}phases: [{{name: a, {LOAD}, flow: [status]}}]\nthresholds: [status.latency.p50 < 1s]"
    assert mistakes(text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            f"{HEAD}{LOAD}\nflow: [status]\nphases: [{{name: a, {LOAD}}}]",
            ["5:1: phases: cannot be combined with load: write one load, or phases with a load each"],
        ),
        (
            f"{HEAD}flow: [status]",
            [
                "1:1: load: required key is missing (when iterations start, and how many): write a load, or phases",
            ],
        ),
        (f"{HEAD}flow: [status]\nphases: []", ["4:9: phases: is empty: write 1 item or more"]),
        (
            f"{HEAD}flow: [status]\nphases:",
            ["4:8: phases: has no value: start each item below it with a dash, or remove it"],
        ),
        (f"{HEAD}flow: [status]\nload:", ["4:6: load: has no value: indent its keys below it, or remove it"]),
        (f"{HEAD}{LOAD}", ["1:1: flow: required key is missing (steps of an iteration)"]),
        (f"{HEAD}{LOAD}\nflow: []", ["4:7: flow: is empty: write 1 item or more"]),
        (
            f"{HEAD}phases: [{{name: a, {LOAD}}}, {{name: b, flow: [status], {LOAD}}}]",
            [
                "3:10: phases[0].flow: required key is missing (steps of an iteration): "
                "neither the phase nor the scenario has one"
            ],
        ),
        (
            phases(f"{{name: a, {LOAD}, flow: []}}"),
            ["4:72: phases[0].flow: is empty: write 1 item or more"],
        ),
        (
            phases(f"{{{LOAD}}}", "{name: b c}", "3", "{name: d, load: 5, flw: [status]}"),
            [
                "4:10: phases[0].name: required key is missing (name in tables and results)",
                "4:58: phases[1].load: required key is missing (when iterations start, and how many)",
                "4:65: phases[1].name: 'b c' is not a name (a letter, then letters, digits, _ and -, 64 at most): "
                "write b_c",
                "4:71: phases[2]: expected a section with keys, not 3: "
                "it has name, load, flow, users, growth, thresholds",
                "4:90: phases[3].load: expected a section with keys, not 5: "
                "write {executor: constant-vus, vus: 2, duration: 30s}",
                "4:93: phases[3].flw: unknown key (did you mean 'flow'?)",
            ],
        ),
        (
            phases("{name: a, load: {executor: constnt-vus, duratoin: 1s, vus: 0}}", f"{{name: b, {LOAD}}}"),
            [
                "4:20: phases[0].load.duration: required key is missing (length of the load)",
                "4:37: phases[0].load.executor: unknown executor 'constnt-vus' (did you mean 'constant-vus'?)",
                "4:50: phases[0].load.duratoin: unknown key (did you mean 'duration'?)",
                "4:69: phases[0].load.vus: must be at least 1, not 0",
            ],
        ),
        (
            phases(f"{{name: a, {LOAD}}}", f"{{name: a, {LOAD}}}"),
            ["4:74: phases[1].name: two phases are named 'a' (the other on line 4): rename one"],
        ),
        (
            phases(f"{{name: a-5, {LOAD}}}", "{name: a, load: {executor: constant-vus, duration: 1s, vus: [1, 5]}}"),
            ["4:76: phases[1].name: two phases are named 'a-5' (the other on line 4): rename one"],
        ),
        (
            phases(
                *(
                    f"{{name: p{n}, load: {{executor: constant-vus, duration: 1s, vus: {list(range(1, 60))}}}}}"
                    for n in (1, 2)
                )
            ),
            ["4:1: phases: the lists of vus make 118 phases, at most 100 can run: remove some numbers"],
        ),
        (
            phases(f"{{name: a, {LOAD}, flow: [load_pet: {{weight: 1}}, care, get_pet_status: {{name: care}}]}}"),
            [
                "4:96: phases[0].flow[1]: has no weight, though other steps have one (1 of 3): "
                "give one to every step (a mix), or to none (in order)",
                "4:102: phases[0].flow[2]: 'care' is already the name of a care step: "
                "samples of two operations cannot share one name",
                "4:102: phases[0].flow[2]: get_pet_status needs target: mcp, not embedded (did you mean 'status'?)",
            ],
        ),
        (
            phases(f"{{name: a, {LOAD}, flow: [create_pet]}}", f"{{name: b, {LOAD}}}").replace("pets: 5", "pets: 0"),
            [
                "2:15: setup.pets: status needs pets that exist: set setup.pets to 1 or more, "
                "or put create_pet before it"
            ],
        ),
    ],
)
def test_mistakes(mistakes: Mistakes, text: str, told: list[str]) -> None:
    assert mistakes(text) == [f"s.yaml:{line}" for line in told]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            phases(f"{{name: a, {LOAD}, thresholds: [load_pet.latency.max < 1s]}}"),
            "4:79: phases[0].thresholds[0]: no step of the flow is named 'load_pet': use status",
        ),
        (
            phases(f"{{name: a, {LOAD}, thresholds: [lost_writes == 0]}}"),
            "4:79: phases[0].thresholds[0]: lost_writes belongs to the whole run: "
            "move it to the scenario's own thresholds",
        ),
        (
            phases(
                f"{{name: a, {LOAD}, flow: [care]}}", f"{{name: b, {LOAD}}}", more="thresholds: [caer.error_rate < 1%]"
            ),
            "5:14: thresholds[0]: no step of any phase is named 'caer' (did you mean 'care'?)",
        ),
        (
            phases(f"{{name: a, {LOAD}, thresholds: [growth.exponent < 1.5]}}", f"{{name: b, {LOAD}}}"),
            "4:79: phases[0].thresholds[0]: growth.exponent needs a size: "
            "add growth: {over: pets} or growth: {over: interactions}",
        ),
        (
            phases(f"{{name: a, {LOAD}}}", more="thresholds: [growth.ratio < 2]\ngrowth: {ovr: pets}"),
            "6:1: growth.over: required key is missing (the pets stored, or the interactions of a pet)",
        ),
        (
            phases(f"{{name: a, {LOAD}}}", more="growth: {over: time}"),
            "5:16: growth.over: unknown value 'time': use one of pets, interactions",
        ),
    ],
)
def test_mistakes_of_thresholds(mistakes: Mistakes, text: str, told: str) -> None:
    assert mistakes(text)[0] == f"s.yaml:{told}"


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        ("pool: {processes: 4}", []),
        ("pool: {processes: 0}", ["s.yaml:1:19: pool.processes: must be 1 to 64, not 0"]),
        ("pool: {processes: 65}", ["s.yaml:1:19: pool.processes: must be 1 to 64, not 65"]),
        ("pool: 3", ["s.yaml:1:7: pool: expected a section with keys, not 3: write {processes: 3}"]),
    ],
)
def test_a_pool_has_1_to_64_processes(mistakes: Mistakes, pool: str, told: list[str]) -> None:
    assert mistakes(f"{pool}\n{HEAD}{LOAD}\nflow: [status]") == told


@pytest.mark.parametrize(
    ("written_users", "told"),
    [
        ("{zipf: 2}", []),
        ("uniform", []),
        ("unifrom", ["unknown value 'unifrom' (did you mean 'uniform'?)"]),
        ("{zipf: 0}", ["zipf: must be more than 0 and at most 10, not 0"]),
        ("{zipf: 11.0}", ["zipf: must be more than 0 and at most 10, not 11.0"]),
        ("{zipf: steep}", ["zipf: expected a number such as 1.1, not 'steep'"]),
        ("{zipf: 1.0e+999}", ["zipf: expected a number such as 1.1, not inf"]),
        ("{zipf: true}", ["zipf: expected a number such as 1.1, not True"]),
        ("{zip: 1}", ["expected own, uniform or {zipf: 1.1}"]),
        ("[own]", ["expected own, uniform or {zipf: 1.1}"]),
        (
            "3",
            [
                "selects the pet of each iteration (own, uniform or {zipf: 1.1}), not the number of users: "
                "write load: {executor: constant-vus, vus: 3, duration: 30s}"
            ],
        ),
        ("", ["has no value: write one, or remove it"]),
    ],
)
def test_users(mistakes: Mistakes, written_users: str, told: list[str]) -> None:
    place = f"1:{8 if written_users else 7}"
    text = f"users: {written_users}\n{HEAD}{LOAD}\nflow: [status]"
    assert mistakes(text) == [f"s.yaml:{place}: users: {message}" for message in told]
