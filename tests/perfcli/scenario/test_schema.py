"""The JSON Schema of scenario files takes what the loader takes, and marks what an editor can know to be wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from perfcli.figures import METRICS
from perfcli.scenario.document import read_document
from perfcli.scenario.library import shipped_scenarios
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.schema import scenario_schema
from tests.perfcli.operations.own.files import operation_file

SCHEMA = scenario_schema()
BASE: dict[str, Any] = {
    "name": "name: example",
    "setup": "setup: {pets: 1}",
    "load": "load: {executor: shared-iterations, iterations: 10}",
    "flow": "flow: [load_pet]",
}
TAKEN = [
    "flow: [load_pet, {load_pet: }, {sleep: 50ms}, {operation: care, actions: [meat]}]",
    "flow: [{load_pet: {weight: 8}}, {operation: sleep, weight: 1, duration: 5ms}]",
    "flow: [{interact: {texts: {csv: words.csv, column: text}}}]",
    "flow: [{interact: {texts: {list: [Come and eat]}}}]",
    "load: {executor: shared-iterations, iterations: 10, vus: [1, 5], think_time: 5ms}",
    "load: {executor: per-vu-iterations, iterations: 10, think_time: {uniform: [1ms, 3ms]}}",
    "load: {executor: constant-vus, duration: 1m30s, think_time: {normal: {mean: 1ms, stddev: 1ms}}}",
    "load: {executor: ramping-vus, stages: [{target: 3, duration: 1s}], think_time: {paced: 1s}}",
    "load: {executor: constant-arrival-rate, rate: 20/s, duration: 1s, start_after: 0s}",
    "load: {executor: ramping-arrival-rate, stages: [{target: 600/m, duration: 1s}]}",
    "thresholds: [latency.p99.9 < 100ms, load_pet.success_rate >= 95%, memory.leak == 0B/op]",
    "thresholds: [latency.p95 < 5ms within 30s, {expr: timeouts == 0, abort_on_fail: true, delay_abort_eval: 2s}]",
    "users: {zipf: 1.1}",
    "target: embedded",
    "target: {embedded: }",
    "engine: {ai: {latency: 0ms, error_rate: 1.5%}}",
    "description: 'yes'",
    "vars: {mine: quick}\ntags: ['${mine}']",
    "setup: {pets: '${DIGIPAL_PETS:-5}'}",
    "load: {executor: '${EXECUTOR:-constant-vus}', duration: '${D:-1s}'}",
    "growth: {over: pets}",
]
ALONE = [
    "name: a\nextends: typical_session\nload: {iterations: 3}",
    "name: a\nextends: typical_session\nload: {executor: constant-vus, duration: 2s}",
    "name: a\nextends: typical_session",
    "name: a\nsetup: {pets: 1}\nflow: [status]\nphases: [{name: b, load: {executor: constant-vus, duration: 1s}}]",
    "name: a\ntarget: {mcp: {transport: http}}\nsetup: {pets: 1}\nflow: [get_pet_status]\n"
    "load: {executor: shared-iterations, iterations: 1}",
]
OWN = [
    "flow: [rename, {rename: }, {rename: {length: 12, weight: 2}}, {operation: rename, words: [a]}]",
    "flow: [rename]\nthresholds: [rename.letters > 5, letters_per_op == 1.5, {expr: rename.latency.p95 < 5ms}]",
]
"""With operations that the schema does not know."""
OWN_REFUSED = [
    "flow: [sleep]",
    "flow: [{load_pet: {weigth: 1}}]",
    "flow: [{rename: {weight: many}}]",
    "flow: [{rename: {}, visit: {}}]",
    "flow: [7]",
    "thresholds: [Letters]",
]
REFUSED = [
    "tag: quick",
    "tags: quick",
    "name: 9 lives",
    "load: {executor: shared-iteration, iterations: 10}",
    "load: {executor: shared-iterations, iterations: 10, think_time: 50}",
    "load: {executor: shared-iterations, iterations: 0}",
    "load: {executor: constant-vus}",
    "load: {executor: constant-vus, duration: 0s}",
    "load: {executor: shared-iterations, iterations: 10, duration: 10s}",
    "load: {iterations: 10}",
    "flow: []",
    "flow: [load_pets]",
    "flow: [sleep]",
    "flow: [{load_pet: {weight: 0}}]",
    "flow: [{load_pet: {weigth: 1}}]",
    "flow: [{load_pet: {}, save_pet: {}}]",
    "flow: [{interact: {texts: [No, 7]}}]",
    "flow: [{interact: {texts: {csf: words.csv}}}]",
    "flow: [{care: {actions: [rests]}}]",
    "thresholds: [latency < 100ms]",
    "thresholds: [latency.avg < 100ms]",
    "thresholds: [succes_rate >= 95%]",
    "thresholds: [load_pet.memory.growth < 50MB]",
    "thresholds: [{strict: false}]",
    "users: zipf",
    "users: {zipf: 11}",
    "target: mpc",
    "engine: {ai: {error_rate: 5}}",
    "phases: [{name: a, load: {executor: constant-vus, duration: 1s}}]",
]


def told(text: str, schema: dict[str, Any] = SCHEMA) -> list[str]:
    """What the schema says is wrong with a scenario."""
    written, problems = read_document(text, "scenario")
    assert not problems
    return [error.message for error in Draft7Validator(schema).iter_errors(written.plain())]


def whole(lines: str) -> str:
    """A scenario of which these lines take the place of those with the same keys."""
    keys = re.findall(r"^\w+", lines, re.MULTILINE)
    return "\n".join([*(line for key, line in BASE.items() if key not in keys), lines])


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", shipped_scenarios(), ids=lambda path: path.stem)
def test_every_shipped_scenario_is_valid(path: Path) -> None:
    assert told(path.read_text(encoding="utf-8")) == []


@pytest.mark.slow
@pytest.mark.parametrize("text", [*map(whole, TAKEN), *ALONE])
def test_what_the_loader_takes_is_valid(text: str, tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("text\nCome and eat\n", encoding="utf-8")
    (tmp_path / "taken.yaml").write_text(text, encoding="utf-8")
    assert load_scenario(tmp_path / "taken.yaml").name
    assert told(text) == []


@pytest.mark.parametrize("lines", REFUSED)
def test_what_is_wrong_is_marked(lines: str) -> None:
    assert told(whole(lines))


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_known(name: str) -> None:
    assert told(whole(f"thresholds: ['{METRICS[name].example}']")) == []


def test_every_key_is_described() -> None:
    for name, definition in {"scenario": SCHEMA, **SCHEMA["$defs"]}.items():
        for key, written in definition.get("properties", {}).items():
            assert written.get("description") or key in ("operation", "target", "executor", "fault"), f"{name}.{key}"


def test_every_definition_is_used() -> None:
    text = str(SCHEMA)
    assert [name for name in SCHEMA["$defs"] if f"#/$defs/{name}'" not in text] == []


@pytest.mark.parametrize("written", OWN)
@pytest.mark.parametrize("named", ["operations: [own.py]", "extends: base.yaml"])
def test_a_file_that_may_have_own_operations_may_use_any_name(written: str, named: str) -> None:
    assert told(whole(f"{named}\n{written}")) == []
    assert told(whole(written))
    phases = "name: a\nphases: [{name: b, load: {executor: constant-vus, duration: 1s}, flow: [rename]}]"
    assert told(f"{named}\n{phases}") == []
    assert told(phases)


@pytest.mark.parametrize("written", OWN_REFUSED)
def test_what_the_tool_knows_is_checked_beside_own_operations(written: str) -> None:
    assert told(whole(f"operations: [own.py]\n{written}"))


def test_the_schema_of_a_scenario_knows_its_own_operations() -> None:
    source = (
        "from perfcli.operations import operation\n@operation(counters={'letters': 'count'})\n"
        "def rename(ctx, length: int, style: Literal['a', 'b'] = 'a', *, words: list[str] = []):\n"
        "    'Rename it.\\n\\nArgs:\\n    length: in letters'\n"
    )
    schema = scenario_schema([operation_file(source, "own.py")])
    Draft7Validator.check_schema(schema)
    settings = "length: 3, style: b, words: {csv: w.csv}, name: x"
    right = whole(f"operations: [own.py]\nflow: [{{rename: {{{settings}}}}}]\nthresholds: [rename.letters_per_op > 1]")
    assert told(right, schema) == []
    for wrong in ("length: many", "lenght: 3", "style: c", "length: 3, words: 7", "style: a"):
        assert told(right.replace(settings, wrong), schema), wrong
    assert told(right.replace("{rename: {", "{renam: {"), schema)
    assert told(right.replace("letters", "leters"), schema)
    described = schema["$defs"]["Own_rename"]
    assert described["properties"]["length"]["description"] == "in letters"
    assert described["description"].startswith("Rename it.")


def test_editors_do_not_suggest_long_forms_alone() -> None:
    properties = [
        (name, node)
        for definition in [SCHEMA, *SCHEMA["$defs"].values()]
        for name, node in definition.get("properties", {}).items()
    ]
    silent = {name for name, node in properties if node.get("doNotSuggest")}
    assert silent == {"operation", "target", "fault"}
    for definition in (SCHEMA, SCHEMA["$defs"]["VuStage"]):
        assert not definition["properties"]["target"].get("doNotSuggest")
