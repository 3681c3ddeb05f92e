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

pytestmark = pytest.mark.slow

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
PHASES = """\
name: several
extends: pet_creation
vars: {rate: 50/s, words: "${WORDS:-words.csv}", pets: 5}
setup: {pets: "${pets}"}
pool: {processes: 2}
users: {zipf: 1.1}
growth: {over: pets}
phases:
  - {name: calm, load: {executor: constant-vus, duration: 1s, vus: [1, 2], think_time: {uniform: [1ms, 2ms]}}}
  - name: rush
    load: {executor: constant-arrival-rate, rate: "${rate}", duration: 1s, start_after: 0s, graceful_stop: 1s}
    users: own
    thresholds: [talk.latency.p95 < 1s]
    flow:
      - interact: {name: talk, texts: {csv: "${words}", column: text}, timeout: 2s}
      - care: {only_if: talk, actions: {list: [meat]}}
      - save_pet: {history: true}
flow: [create_pet, status: {only_if: create_pet}]
thresholds:
  - {expr: create_pet.latency.p95 < 1s, strict: false, allow_thin: true}
  - {expr: growth.ratio < 3, abort_on_fail: true, delay_abort_eval: 1s, exit_code: 10}
"""
PYDANTIC_WORDS = ("Input should", "Field required", "Extra inputs", "Value error", "validation error", "Traceback")
LIMIT_S = 20  # far above what any machine needs; an endless or quadratic load is what it catches

quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = """name load flow executor vus iterations duration thresholds setup pets weight care sleep constant-vus expr
50ms load_pet latency.mean<5ms << operation engine ai users tags texts actions extends vars phases pool growth csv
list column only_if create_pet think_time start_after stages zipf ${vars} ${x:-5} $${ ${ words.csv s.yaml"""
KEYS = ["name", "load", "flow", "setup", "thresholds", "users", "phases", "vars", "extends", "growth", "pool"]
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
    """One file, written over and over, beside a CSV file."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "words.csv").write_text("text,mood\nhello,good\n")
    return folder / "s.yaml"


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
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, data)))
def test_any_values_under_the_right_keys(file: Path, content: object) -> None:
    loads_or_tells(file, yaml.safe_dump(content).encode())


@quick
@given(
    st.sampled_from([VALID, PHASES]).flatmap(lambda text: st.tuples(st.just(text), st.integers(0, len(text) - 1))),
    st.text(max_size=2),
    st.sampled_from(["delete", "insert", "replace"]),
)
def test_valid_scenario_with_one_change_of_characters(file: Path, text_at: tuple[str, int], new: str, how: str) -> None:
    text, at = text_at
    after = at if how == "insert" else at + 1
    changed = text[:at] + ("" if how == "delete" else new) + text[after:]
    loads_or_tells(file, changed.encode("utf-8", errors="surrogatepass"))


@pytest.mark.parametrize("text", [VALID, PHASES], ids=["load", "phases"])
def test_valid_scenario_with_one_change_of_lines(file: Path, text: str) -> None:
    lines = text.splitlines(keepends=True)
    for at in range(len(lines)):
        for replacement in ([], [lines[at]] * 2, ["  " + lines[at]], [lines[at].lstrip()], ["\n"], ["- x\n"]):
            loads_or_tells(file, "".join([*lines[:at], *replacement, *lines[at + 1 :]]).encode())


@quick
@given(
    st.lists(words | st.sampled_from(["0", "1", "99"]), min_size=1, max_size=4).map(".".join),
    data.map(lambda value: yaml.safe_dump(value, default_flow_style=True).strip()),
    st.sampled_from([VALID, PHASES]),
)
def test_any_override(file: Path, key: str, value: str, text: str) -> None:
    try:
        override = parse_set(f"{key}={value}")
    except UsageError:
        return
    loads_or_tells(file, text.encode(), override)


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
        VALID.replace("[quick]", "[" + "'${gone}', " * 5_000 + "]"),
        VALID.replace("[quick]", '"' + "${" * 100_000 + '"'),
        VALID + "vars:\n" + "".join(f"  v{n}: ${{v{n + 1}}}\n" for n in range(5_500)),
        PHASES.replace("  - name: rush", "  - {name: a, load: {}, flow: [status]}\n" * 1_000 + "  - name: rush"),
        PHASES.replace("[1, 2]", f"[{'1, ' * 10_000}]"),
        PHASES.replace("{list: [meat]}", "{csv: s.yaml}"),
    ],
    ids=[
        *("spaces", "dots", "digits", "gap", "thresholds", "metrics", "steps", "keys", "numbers", "tags"),
        *("unset", "open", "chain", "phases", "vus", "itself"),
    ],
)
def test_large_nonsense_is_told_within_a_bound(file: Path, content: str) -> None:
    loads_or_tells(file, content.encode())


@pytest.mark.parametrize("text", [VALID, PHASES], ids=["load", "phases"])
def test_mutations_of_a_scenario_reach_scenarios_too(file: Path, text: str) -> None:
    """The fuzz is worth something only if some of its files load."""
    file.write_text(text)
    assert problems_of_file(file) == []
    chance, loaded = random.Random(1), 0
    for _ in range(100):
        at = chance.randrange(len(text))
        file.write_text(text[:at] + text[at + 1 :])
        loaded += not problems_of_file(file)
    assert 0 < loaded < 100
