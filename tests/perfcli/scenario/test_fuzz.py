"""Whatever a file holds, loading it gives a scenario or a ScenarioFileError in our own words: nothing else."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfcli.errors import UsageError
from perfcli.scenario.loader import ScenarioFileError, load_scenario
from perfcli.scenario.models import Scenario
from perfcli.scenario.overrides import Override, parse_set
from perfcli.scenario.problems import Problem

VALID = """\
name: everything
tags: [quick]
engine: {ai: &ai {latency: 50ms, jitter: 5ms, error_rate: 0%}}
setup: {pets: 50}
load:
  executor: shared-iterations
  vus: 5
  iterations: 2000
  max_duration: 1m30s
users: uniform
flow:
  - load_pet: {name: read, source: engine}
  - care: {actions: [meat, rest], order: random, accept_refusal: true}
  - interact: {texts: ["hello", 'good "job"']}
  - sleep: 50ms
  - save_pet
thresholds:
  - read.latency.p99.9 < 100ms
  - {expr: "memory.growth < 50MB", abort_on_fail: true}
"""
PYDANTIC_WORDS = ("Input should", "Field required", "Extra inputs", "Value error", "validation error", "Traceback")
LIMIT_S = 20  # far above what any machine needs; an endless or quadratic load is what it catches

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = """name load flow executor vus iterations duration thresholds setup pets weight care sleep constant-vus expr
50ms load_pet latency.mean<5ms << operation engine ai users tags texts actions"""
words = st.sampled_from(WORDS.split())
scalars = st.one_of(words, st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates())
data = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(words, st.text(max_size=5), st.integers()), inner)
    ),
    max_leaves=15,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, written over and over."""
    return tmp_path_factory.mktemp("fuzz") / "s.yaml"


def loads_or_tells(file: Path, content: bytes, *overrides: Override) -> None:
    file.write_bytes(content)
    began = time.perf_counter()
    told = problems_of_file(file, *overrides)
    assert time.perf_counter() - began < LIMIT_S
    for problem in told:
        assert problem.message
        assert str(problem).isprintable()
        assert not any(phrase in str(problem) for phrase in PYDANTIC_WORDS)


def problems_of_file(file: Path, *overrides: Override) -> list[Problem]:
    try:
        scenario = load_scenario(file, overrides)
    except ScenarioFileError as error:
        return error.problems or pytest.fail("an error without a problem")
    return [] if isinstance(scenario, Scenario) else pytest.fail("neither a scenario nor an error")


@quick
@given(st.binary(max_size=300))
def test_any_bytes(file: Path, content: bytes) -> None:
    loads_or_tells(file, content)


@quick
@given(st.text(alphabet=st.sampled_from(list(" \n\t-:[]{}&*!|>'\"%@`#,?<=ab01.~\\ux\u00e9\u2028")), max_size=80))
def test_any_text_of_yaml_characters(file: Path, content: str) -> None:
    loads_or_tells(file, content.encode())


@quick
@given(data)
def test_any_yaml(file: Path, content: object) -> None:
    loads_or_tells(file, yaml.dump(content, allow_unicode=True).encode("utf-8", errors="replace"))


@quick
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(["name", "load", "flow", "setup", "thresholds", "users"], data))
)
def test_any_values_under_the_right_keys(file: Path, content: object) -> None:
    loads_or_tells(file, yaml.safe_dump(content).encode())


@quick
@given(st.integers(0, len(VALID) - 1), st.text(max_size=2), st.sampled_from(["delete", "insert", "replace"]))
def test_valid_scenario_with_one_change_of_characters(file: Path, at: int, text: str, how: str) -> None:
    after = at if how == "insert" else at + 1
    changed = VALID[:at] + ("" if how == "delete" else text) + VALID[after:]
    loads_or_tells(file, changed.encode("utf-8", errors="surrogatepass"))


def test_valid_scenario_with_one_change_of_lines(file: Path) -> None:
    lines = VALID.splitlines(keepends=True)
    for at in range(len(lines)):
        for replacement in ([], [lines[at]] * 2, ["  " + lines[at]], [lines[at].lstrip()], ["\n"], ["- x\n"]):
            loads_or_tells(file, "".join([*lines[:at], *replacement, *lines[at + 1 :]]).encode())


@quick
@given(
    st.lists(words | st.sampled_from(["0", "1", "99"]), min_size=1, max_size=4).map(".".join),
    data.map(lambda value: yaml.safe_dump(value, default_flow_style=True).strip()),
)
def test_any_override(file: Path, key: str, value: str) -> None:
    try:
        override = parse_set(f"{key}={value}")
    except UsageError:
        return
    loads_or_tells(file, VALID.encode(), override)


@pytest.mark.parametrize(
    "content",
    [
        VALID.replace("read.latency", " " * 200_000 + "."),
        VALID.replace("read.latency", "a." * 100_000),
        VALID.replace("50ms\n  - save", "5" * 200_000 + "s\n  - save"),
        VALID.replace("50ms\n  - save", '"5 a' + " " * 200_000 + 'b"\n  - save'),
        VALID + "".join(f"  - x{n}.latency.mean < 5ms\n" for n in range(6_000)),
        VALID + "".join(f"  - a{n}.b.c.d.e < 5ms\n" for n in range(6_000)),
        VALID.replace("flow:\n", "flow:\n" + "".join(f"  - o{n}: {{name: n{n}}}\n" for n in range(3_000))),
        VALID + "".join(f"key{n}: 1\n" for n in range(5_500)),
        VALID + "".join(f"{n}: 1\n" for n in range(5_500)),
        VALID.replace("[quick]", f"[{'!x a, ' * 11_000}]"),
    ],
    ids=["spaces", "dots", "digits", "gap", "thresholds", "metrics", "steps", "keys", "numbers", "tags"],
)
def test_large_nonsense_is_told_within_a_bound(file: Path, content: str) -> None:
    loads_or_tells(file, content.encode())


def test_mutations_of_a_scenario_reach_scenarios_too(file: Path) -> None:
    """The fuzz is worth something only if some of its files load."""
    chance, loaded = random.Random(1), 0
    for _ in range(100):
        at = chance.randrange(len(VALID))
        file.write_text(VALID[:at] + VALID[at + 1 :])
        loaded += not problems_of_file(file)
    assert 0 < loaded < 100
