"""Every key of a scenario file in tables of Markdown, made from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

from perfcli.executors import LOAD_MODELS
from perfcli.faults import fault_models
from perfcli.operations import STEP_MODELS
from perfcli.operations.base import StepSettings
from perfcli.scenario.schema import Definition, scenario_schema, text_types
from perfcli.scenario.target import TARGET_MODELS

_TITLES: Final = {
    **{model.__name__: f"target.{name}" for name, model in TARGET_MODELS.items()},
    "Engine": "engine",
    "SimulatedAi": "engine.ai",
    "Setup": "setup",
    "Pool": "pool",
    "Phase": "phases",
    "Zipf": "users",
    "Growth": "growth",
    "Capacity": "capacity",
    "ThresholdRule": "thresholds",
    "UniformThinking": "load.think_time: uniform",
    "NormalThinking": "load.think_time: normal",
    "NormalSpread": "load.think_time.normal",
    "PacedThinking": "load.think_time: paced",
    "VuStage": "stages of ramping-vus",
    "ArrivalStage": "stages of ramping-arrival-rate",
}
_TYPES: Final = {
    "Duration": "duration",
    "PositiveDuration": "duration of more than 0",
    "Jump": "duration with a sign",
    "Rate": "rate",
    "PositiveRate": "rate of more than 0",
    "Percentage": "percentage",
    "CapacityLoad": "rate or count",
    "Expression": "threshold",
    "Threshold": "threshold or section",
    "Load": "section",
    "Step": "step",
    "Fault": "fault",
    "Target": "`embedded`, `mcp` or section",
    "ThinkTime": "duration or section",
    "ListElsewhere": "column of a file",
    "string": "text",
    "integer": "count",
    "number": "number",
    "boolean": "true or false",
    "object": "section",
}
_BOUNDS: Final = {"minimum": "maximum", "minItems": "maxItems", "minLength": "maxLength"}
_THINGS: Final = {"minimum": "", "minItems": " items", "minLength": " characters"}
_COMMON: Final = {"load": "`load`: every executor", "flow": "Every step", "faults": "Every fault"}
"""The headings of what all models of a union have in common."""

_LONG_FORMS: Final = ("operation", "target", "fault")
"""Keys that nobody needs to write, as `load_pet: {…}` says the same."""


def key_tables() -> str:
    """The keys of a scenario, those of its operations and its faults, in Markdown."""
    return "\n".join([section_tables(), operation_tables(), fault_tables()])


def section_tables() -> str:
    """All keys but those of operations and faults."""
    kinds = (*LOAD_MODELS.values(), *STEP_MODELS.values(), *fault_models().values())
    sections = _definitions(without=kinds)
    loads = {name: _definitions()[model.__name__] for name, model in LOAD_MODELS.items()}
    parts = [*_section("Top level", _schema()), *_kinds(), *_group("load", loads, prefix="`load`: ")]
    for name in sorted(sections, key=list(_TITLES).index):
        parts += _section(f"`{_TITLES[name]}`", sections[name])
    return "\n".join(parts)


def operation_tables() -> str:
    """The settings of each operation, where it runs, and which answers count as right."""
    return "\n".join(_group("flow", {name: _operation(model) for name, model in STEP_MODELS.items()}))


def fault_tables() -> str:
    """The settings of each fault, and what it does."""
    faults = {
        name: {**_definitions()[model.__name__], "note": f"Needs {model.needs.meaning}."}
        for name, model in fault_models().items()
    }
    return "\n".join(_group("faults", faults))


@cache
def _schema() -> Definition:
    return scenario_schema()


def _definitions(without: Iterable[type] = ()) -> dict[str, Definition]:
    names = {"LoadPart", "OwnSettings", *(model.__name__ for model in without)}
    return {name: each for name, each in _schema()["$defs"].items() if "properties" in each and name not in names}


def _operation(model: type[StepSettings]) -> Definition:
    right_when = f"Right if {model.right_when}. " if model.right_when else ""
    targets = " or ".join(f"`{target}`" for target in model.targets)
    return {**_definitions()[model.__name__], "note": f"{right_when}Target: {targets}."}


def _kinds() -> Iterator[str]:
    yield "## How values are written\n"
    yield from (f"- {each['description']}" for name, each in text_types().items() if not name.startswith("Positive"))
    yield "- any single value: a variable, `${name}`"
    yield ""


def _group(key: str, group: dict[str, Definition], *, prefix: str = "") -> Iterator[str]:
    """What all models of a union have in common, then what each has of its own."""
    first, *others = group.values()
    common = {
        key: each
        for key, each in first["properties"].items()
        if all(other["properties"].get(key) == each for other in others)
    }
    yield from _section(_COMMON[key], {"properties": common})
    for name, definition in group.items():
        yield from _section(f"{prefix}`{name}`", definition, tuple(common))


def _section(title: str, definition: Definition, left_out: tuple[str, ...] = ()) -> Iterator[str]:
    yield f"## {title}\n"
    if "description" in definition:
        yield f"{definition['description']}\n"
    if "note" in definition:
        yield f"{definition['note']}\n"
    keys = {
        key: each for key, each in definition["properties"].items() if not (key in left_out or _is_long_form(key, each))
    }
    if not keys:
        yield "It has no settings of its own.\n"
        return
    yield "| key | type | default | limits | meaning |\n| --- | --- | --- | --- | --- |"
    for key, node in keys.items():
        default = "required" if key in definition.get("required", ()) else _default(node)
        cells = (f"`{key}`", _type(node), default, _limits(node) or "–", node.get("description", ""))
        yield f"| {' | '.join(cells)} |"
    yield ""


def _is_long_form(key: str, node: Definition) -> bool:
    return key in _LONG_FORMS and any("const" in choice for choice in node.get("anyOf", ()))


def _default(node: Definition) -> str:
    default = node.get("default")
    if default in (None, "", []):
        return "–"
    text = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
    return f"`{text}`"


def _type(node: Definition) -> str:
    if "anyOf" in node:
        choices = dict.fromkeys(_type(each) for each in node["anyOf"] if each.get("type") != "null")
        return " or ".join(choice for choice in choices if choice != "variable")
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return "variable" if name == "Variable" else _TYPES.get(name, "section")
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return ", ".join(f"`{each}`" for each in node["enum"])
    if node.get("type") == "array":
        return f"list of {_type(node['items'])}" if "items" in node else "list"
    return "name" if "pattern" in node else _TYPES[node.get("type", "object")]


def _limits(node: Any) -> str:
    own = [
        _range(node.get(least), node.get(most)) + _THINGS[least]
        for least, most in _BOUNDS.items()
        if {least, most} & {*node}
    ]
    more = [f"more than {node['exclusiveMinimum']:,}"] if "exclusiveMinimum" in node else []
    inner = [_limits(each) for each in node.get("anyOf", ())]
    return ", ".join(dict.fromkeys(filter(None, more + own + inner)))


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return f"at most {most:,.0f}"
    if most is None:
        return f"at least {least:,}"
    return f"{least:,}" if least == most else f"{least:,} to {most:,.0f}"
