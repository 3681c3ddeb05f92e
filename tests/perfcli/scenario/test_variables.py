"""Variables: where they come from, what type they have, and what is told when there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.scenario.document import read_document
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.node import typed
from perfcli.scenario.overrides import parse_set
from perfcli.scenario.variables import put_in_variables

Mistakes = Callable[..., list[str]]
Write = Callable[[str], Path]
REST = "setup: {pets: 5}\nload: {executor: shared-iterations, iterations: 5}\nflow: [status]\n"


def filled(text: str, **environment: str) -> object:
    """The value of `a` in a text, once its variables are in their places."""
    root, _ = read_document(text, "s.yaml")
    problems, _ = put_in_variables(root, environment.get)
    assert problems == []
    return root.plain()["a"]


def told(text: str, **environment: str) -> list[str]:
    """The mistakes of the variables in a text."""
    root, _ = read_document(text, "s.yaml")
    return [str(problem) for problem in put_in_variables(root, environment.get)[0]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: ${n}\nvars: {n: 5}", 5),
        ("a: '${n}'\nvars: {n: 1.5}", 1.5),
        ("a: ${n}\nvars: {n: true}", True),
        ("a: ${n}\nvars: {n: '5'}", "5"),
        ("a: ${n}\nvars: {n: 100/s}", "100/s"),
        ("a: ${n}${n} of ${n}\nvars: {n: 5}", "55 of 5"),
        ("a: is ${n}\nvars: {n: true}", "is true"),
        ("a: ${n}ms\nvars: {n: '${m}'}", None),
        ("a: ${SEVEN}", 7),
        ("a: ${SEVEN} pets", "7 pets"),
        ("a: v${VERSION}", "v1.10"),
        ("a: ${ABSENT:-5}", 5),
        ("a: ${ABSENT:-}", ""),
        ("a: ${ABSENT:-two words}", "two words"),
        ("a: ${EMPTY:-5}", 5),
        ("a: ${EMPTY}", ""),
        ("a: ${SEVEN:-5}", 7),
        ("a: ${SEVEN}\nvars: {SEVEN: own}", "own"),
        ("a: $${SEVEN} is ${SEVEN}", "${SEVEN} is 7"),
        ("a: $${SEVEN}", "${SEVEN}"),
        ("a: $SEVEN $$ {SEVEN}", "$SEVEN $$ {SEVEN}"),
        ("a: [{b: '${n}'}]\nvars: {n: 5}", [{"b": 5}]),
        ("a: ${n}\nvars: {n: '${m:-3}', m: '${SEVEN}'}", 7),
        ("a: ${n}\nvars: {n: 'it is ${SEVEN}'}", "it is 7"),
        ("a: ${TRICK}", "${SEVEN}"),
    ],
)
def test_values(text: str, value: object) -> None:
    if value is None:
        assert told(text) != []
        return
    found = filled(text, SEVEN="7", VERSION="1.10", EMPTY="", TRICK="${SEVEN}")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "a: 5\nb: [x, '${rte}']\nvars: {rate: 3}",
            [
                "2:8: b[1]: the variable 'rte' is not set (did you mean 'rate'?): write it under vars, set it in the "
                "environment, or give a default, ${rte:-…}"
            ],
        ),
        (
            "a: ${b",
            ["1:4: a: a ${ has no closing brace: write ${name} or ${NAME:-default}; $${ stands for ${ itself"],
        ),
        (
            "a: ${b-5}",
            ["1:4: a: '${b-5}' is not a variable: write ${name} or ${NAME:-default}; $${ stands for ${ itself"],
        ),
        (
            "a: ${}",
            ["1:4: a: '${}' is not a variable: write ${name} or ${NAME:-default}; $${ stands for ${ itself"],
        ),
        (
            "a: ${b:-${c}}",
            ["1:4: a: '${b:-${c}' is not a variable: write ${name} or ${NAME:-default}; $${ stands for ${ itself"],
        ),
        (
            "a: ${b} ${c}\nvars: {b: [1], c: , 1d: 2}",
            [
                "2:11: vars.b: expected text, a number, true or false, not a list",
                "2:18: vars.c: expected text, a number, true or false, not nothing",
                "2:21: vars.1d: a variable's name holds letters, digits and _ only, and does not begin with a digit",
            ],
        ),
        (
            "a: ${b}\nvars: {b: '${c}', c: '${b}'}",
            ["2:22: vars.c: refers to itself: b → c → b: give one of them a value"],
        ),
        ("vars: {b: '${b}'}", ["1:11: vars.b: refers to itself: b → b: give one of them a value"]),
    ],
)
def test_mistakes(text: str, messages: list[str]) -> None:
    assert told(text) == [f"s.yaml:{message}" for message in messages]


def test_a_mistake_is_told_once_and_nothing_is_expected_of_its_value(mistakes: Mistakes) -> None:
    thresholds = "thresholds: ['latency.mean < ${rate}', 'latency.max < ${rate}']"
    text = f"name: x\nvars: {{rate: '${{gone}}'}}\n{REST}{thresholds}"
    assert mistakes(text) == [
        "s.yaml:2:14: vars.rate: the variable 'gone' is not set: write it under vars, set it in the environment, "
        "or give a default, ${gone:-…}"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\n".join(["vars:", "  a0: 0123456789", *(f"  a{n}: '${{a{n - 1}}}${{a{n - 1}}}'" for n in range(1, 30))]),
            "12:8: vars.a10: its variables expand to more than 10,000 characters",
        ),
        (
            "\n".join(["vars:", *(f"  a{n}: ${{a{n + 1}}}" for n in range(5_000)), "  a5000: 1"]),
            "51:8: vars.a49: refers through more than 50 variables in a row",
        ),
        (
            f"vars: {{a: {'x' * 5_000}}}\nb:\n" + "  - x${a}\n" * 300,
            "212:5: b[209]: the variables expand to too many values",
        ),
    ],
    ids=["doubling", "chain", "everywhere"],
)
def test_bombs_are_refused(text: str, message: str) -> None:
    assert told(text)[0] == f"s.yaml:{message}"


def test_what_was_meant_as_text_is_text_though_it_looks_like_a_number(
    written: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILD", "1.10")
    scenario = load_scenario(written(f"name: x\ndescription: ${{BUILD}}\ntags: [a, '${{TAG:-b}}']\n{REST}"))
    assert (scenario.description, scenario.tags) == ("1.10", ["a", "b"])


def test_options_set_variables_and_hold_them(written: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETS", "9")
    text = f"name: x\nvars: {{limit: 5ms}}\n{REST}thresholds: ['latency.mean < ${{limit}}']"
    scenario = load_scenario(written(text), [parse_set("vars.limit=9ms"), parse_set("setup.pets=${PETS}")])
    assert (scenario.thresholds[0].threshold.text, scenario.setup.pets) == ("latency.mean < 9ms", 9)
    assert scenario.vars == {"limit": "9ms"}


def test_a_variable_that_changes_nothing_is_told(mistakes: Mistakes) -> None:
    text = f"name: x\nvars: {{limit: 5ms, left: 1}}\n{REST}thresholds: ['latency.mean < ${{limit}}']"
    assert mistakes(text, parse_set("vars.limt=9ms")) == [
        "s.yaml:2:20: vars.left: ${left} is used nowhere: use it, or remove it",
        "--set vars.limt=9ms: vars.limt: ${limt} is used nowhere (did you mean 'limit'?): use it, or remove it",
    ]


def test_a_variable_of_a_base_may_be_left_unused(written: Write) -> None:
    path = written("name: x\nextends: base.yaml\nvars: {other: 3}\nsetup: {pets: '${other}'}")
    path.with_name("base.yaml").write_text(
        f"vars: {{pets: 5}}\n{REST}".replace("pets: 5}\nload", "pets: '${pets}'}\nload")
    )
    assert load_scenario(path).setup.pets == 3


@given(st.text(alphabet="${}:-ab_1 \n", max_size=30))
def test_any_text_gives_a_value_or_a_mistake(text: str) -> None:
    root, _ = read_document("a: x", "s.yaml")
    here = root.find("a")
    assert here is not None
    here.value = text
    problems, holes = put_in_variables(root, {"a": "1"}.get)
    assert bool(problems) == bool(holes)
    assert problems or "${" in text or here.value == text


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("-1.5", -1.5), ("TRUE", True), ("", ""), ("null", "null"), ("1e5", "1e5")]
)
def test_typed(text: str, value: object) -> None:
    assert (typed(text), type(typed(text))) == (value, type(value))
