"""What a step can be told: to wait for another, to give up, to save more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.operations.base import needed_steps
from perfcli.operations.save_pet import SavePet
from perfcli.scenario.loader import load_scenario

Mistakes = Callable[..., list[str]]
Write = Callable[[str], Path]


def scenario(flow: str, *thresholds: str) -> str:
    load = "load: {executor: shared-iterations, iterations: 5}"
    return f"name: x\nsetup: {{pets: 5}}\n{load}\nflow: {flow}\nthresholds: [{', '.join(thresholds)}]"


def test_a_step_waits_for_the_last_one_of_that_name_before_it(written: Write) -> None:
    talk, pause = "interact: {name: talk}", "sleep: {duration: 1ms, only_if: care}"
    flow = f"[{talk}, care: {{only_if: talk}}, {talk}, status: {{only_if: talk}}, {pause}]"
    assert needed_steps(load_scenario(written(scenario(flow))).flow) == [None, 0, None, 2, 1]


def test_timeouts_and_histories(written: Write) -> None:
    save, status = load_scenario(written(scenario("[save_pet: {timeout: 2s, history: true}, status]"))).flow
    assert isinstance(save, SavePet)
    assert (save.timeout_ns, save.history, status.timeout_ns) == (2_000_000_000, True, None)


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        (
            "[status, interact: {only_if: statsu}]",
            "4:36: flow[1].interact.only_if: no step before this one is named 'statsu' (did you mean 'status'?)",
        ),
        (
            "[status, load_pet, interact: {only_if: talk}]",
            "4:46: flow[2].interact.only_if: no step before this one is named 'talk': before it come status, load_pet",
        ),
        (
            "[load_pet: {operation: status}]",
            "4:19: flow[0].load_pet.operation: is not a key of load_pet: use one of name, weight, "
            "only_if, timeout, source",
        ),
        ("[status: {only_if: talk}]", "4:26: flow[0].status.only_if: no step before this one is named 'talk'"),
        (
            "[status: {only_if: care}, care]",
            "4:26: flow[0].status.only_if: 'care' does not come before this step: move it up",
        ),
        (
            "[status: {only_if: status}]",
            "4:26: flow[0].status.only_if: 'status' does not come before this step: move it up",
        ),
        (
            "[sleep: 1ms, status: {only_if: sleep}]",
            "4:38: flow[1].status.only_if: 'sleep' is a sleep, which never fails: name an operation",
        ),
        (
            "[load_pet: {weight: 1}, status: {weight: 1, only_if: load_pet}]",
            "4:60: flow[1].status.only_if: a mix runs one step per iteration, so no step runs before this one: "
            "remove the weights, or only_if",
        ),
        ("[status: {timeout: 2}]", "4:26: flow[0].status.timeout: 2 has no unit: write 2ms or 2s"),
        ("[status: {timeout: 0s}]", "4:26: flow[0].status.timeout: '0s' is not a duration above 0: write e.g. 500ms"),
        (
            "[status, sleep: {duration: 1s, timeout: 2s}]",
            "4:47: flow[1].sleep.timeout: sleep takes no timeout: remove it",
        ),
        ("[care: meat]", "4:8: flow[0]: care has settings: write care: {actions: [meat]}"),
        ("[interact: hello]", "4:8: flow[0]: interact has settings: write interact: {texts: [hello]}"),
        ("[save_pet: {history: on}]", "4:28: flow[0].save_pet.history: expected true or false, not 'on': write true"),
        ("[save_pet: {history: 1}]", "4:28: flow[0].save_pet.history: expected true or false, not 1"),
        ("[status: {only_if: [a]}]", "4:26: flow[0].status.only_if: expected text, not a list"),
    ],
)
def test_mistakes(mistakes: Mistakes, flow: str, told: str) -> None:
    assert mistakes(scenario(flow)) == [f"s.yaml:{told}"]


def test_a_step_that_cannot_be_read_may_be_the_one_that_is_waited_for(mistakes: Mistakes) -> None:
    assert mistakes(scenario("[{care: {}, name: feed}, status: {only_if: feed}]")) == [
        "s.yaml:4:8: flow[0]: 'name' is beside care: indent it, to make it a setting of care"
    ]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("strict: false, allow_thin: true", []),
        ("exit_code: 10", []),
        ("abort_on_fail: true, delay_abort_eval: 5s, exit_code: 125", []),
        ("exit_code: 9", ["exit_code: must be 10 to 125, not 9"]),
        ("exit_code: 126", ["exit_code: must be 10 to 125, not 126"]),
        ("strict: no", ["strict: expected true or false, not 'no': write false"]),
        ("abort_on_fail: true, delay_abort_eval: 5", ["delay_abort_eval: 5 has no unit: write 5ms or 5s"]),
        ("delay_abort_eval: 5s", ["delay_abort_eval: needs abort_on_fail: true: without it a threshold "]),
        (
            "strict: false, abort_on_fail: true, exit_code: 10",
            [
                "abort_on_fail: a threshold with strict: false cannot end the load: remove one of the two",
                "exit_code: a threshold with strict: false cannot set the exit code: remove one of the two",
            ],
        ),
    ],
)
def test_settings_of_a_threshold(mistakes: Mistakes, rule: str, told: list[str]) -> None:
    found = [
        line.partition(".")[2].partition("].")[2]
        for line in mistakes(scenario("[status]", f"{{expr: latency.p50 < 1s, {rule}}}"))
    ]
    assert [line[: len(start)] for line, start in zip(found, told, strict=True)] == told


def test_a_limit_that_needs_time_can_be_judged_after_a_while(mistakes: Mistakes, written: Write) -> None:
    rule = "{expr: iterations >= 5, abort_on_fail: true, delay_abort_eval: 10s}"
    assert mistakes(scenario("[status]", rule)) == []
    (loaded,) = load_scenario(Path("s.yaml")).thresholds
    assert loaded.delay_abort_eval_ns == 10_000_000_000
