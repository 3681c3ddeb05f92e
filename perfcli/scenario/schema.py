"""The JSON Schema of scenario files, for editors: they complete keys, show their meaning, and mark mistakes.

It is made from the models, and takes what the loader takes beside them: short forms, variables, lists from CSV files,
and a part of a load over that of a base. What keys ask of one another (weights, names, pets) only `validate` tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from perfcli.executors import EXECUTORS, LOAD_MODELS
from perfcli.faults import fault_models
from perfcli.figures import METRICS, STATISTICS, Metric, counter_metrics
from perfcli.operations import STEP_MODELS, step_models
from perfcli.operations.base import NAME_PATTERN, StepSettings
from perfcli.operations.own.declared import OperationFile
from perfcli.operations.own.step import knowing, known_operations
from perfcli.scenario.data import text_lists
from perfcli.scenario.models import Scenario
from perfcli.scenario.target import TARGET_MODELS
from perfcli.thresholds import OPERATORS
from perfcli.units import DURATION_SUFFIXES, RATE_SUFFIXES

Definition = dict[str, Any]

VARIABLE: Final[Definition] = {"type": "string", "pattern": r"\$\{", "description": "with a variable, e.g. ${name}"}
"""What may stand in the place of any value that is no list and no section."""

_NUMBER: Final = r"\+?\d+(\.\d+)?"
_MORE_THAN_0: Final = "(?=.*[1-9])"
_LABEL: Final = "[A-Za-z][A-Za-z0-9_-]*"


def text_types() -> dict[str, Definition]:
    """The definitions, by the names that `durations.kind` marks texts with; every one takes variables too."""
    duration = rf"(\s*\d+(\.\d+)?\s*({_any(DURATION_SUFFIXES)})\s*)+"
    rate = rf"\s*{_NUMBER}\s*({_any(RATE_SUFFIXES)})\s*"
    return {
        "Duration": _kind("duration", duration, "50ms", "2s", "1m30s"),
        "PositiveDuration": _kind("duration of more than 0", _MORE_THAN_0 + duration, "50ms", "2s", "1m30s"),
        "Jump": _kind("duration with a sign", _MORE_THAN_0 + r"\s*[+-]?" + duration, "1h", "-5m"),
        "Rate": _kind("rate", rate, "10/s", "600/m"),
        "PositiveRate": _kind("rate of more than 0", _MORE_THAN_0 + rate, "10/s", "600/m"),
        "CapacityLoad": _kind("rate or number of vus", rf"\s*{_NUMBER}\s*({_any(RATE_SUFFIXES)})?\s*", "800/s", "16")
        | {"type": ["string", "integer"]},
        "Percentage": _kind("percentage", rf"\s*{_NUMBER}\s*%\s*", "5%"),
        "Expression": _expression(_subject({**METRICS, **counter_metrics(known_operations().counters)})),
    }


def _expression(subject: str) -> Definition:
    return _kind(
        "threshold: [operation.]metric[.statistic] OP value [for|within duration, or during|after fault]",
        rf"\s*({subject})\s*({_any(OPERATORS)})\s*[^<>=!\s][^<>=!]*",
        "latency.p99 < 100ms",
        "success_rate >= 95%",
    )


def _kind(noun: str, pattern: str, *examples: str) -> Definition:
    description = f"a {noun}, e.g. {', '.join(examples)}"
    return {
        "type": "string",
        "pattern": rf"^{pattern}$|\$\{{",
        "patternErrorMessage": f"expected {description}",  # of the language servers, which show the pattern else
        "description": description,
        "examples": list(examples),
    }


def _subject(metrics: Mapping[str, Metric]) -> str:
    """What a threshold is about: metrics of any operation with or without one, and those of the run alone."""
    of_operations = _metrics(metric for metric in metrics.values() if metric.per_operation)
    of_faults = _metrics(metric for metric in metrics.values() if metric.per_fault)
    of_the_run = _metrics(metric for metric in metrics.values() if not (metric.per_operation or metric.per_fault))
    return rf"({_LABEL}\.)?({of_operations}|{of_faults})|{of_the_run}"


def _metrics(metrics: Iterable[Metric]) -> str:
    statistic = rf"\.({_any(STATISTICS)}|p\d{{1,2}}(\.\d{{1,3}})?|p100)"
    return "|".join(re.escape(metric.name) + statistic * metric.needs_statistic for metric in metrics)


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))


DIALECT: Final = "http://json-schema.org/draft-07/schema#"  # the newest that all editors speak
_UNIONS: Final = {"operation": "Step", "executor": "Load", "target": "Target", "kind": "ThinkTime", "fault": "Fault"}
"""Unions of models by the key that tells them apart, and the definition of what files write in their place."""
_BESIDE: Final = ("description", "default")
_NEEDS_ONE: Final = ("flow", "phases")
_LONG_FORMS: Final = ("operation", "target", "fault")
"""Keys that nobody needs to write, as `load_pet: {…}` says the same: language servers need not suggest them."""


def scenario_schema(files: Sequence[OperationFile] = ()) -> Definition:
    """The schema of a scenario file (JSON Schema, draft 7).

    Args:
        files: of own operations, whose settings and counters it then knows; without them it takes any name for one if
            the file has `operations` or `extends`.
    """
    with knowing(files):
        return _schema()


def _schema() -> Definition:
    model = Scenario.model_json_schema()
    definitions = {name: _as_written(each) for name, each in model.pop("$defs").items()}
    own = known_operations().models.values()
    definitions |= {each.__name__: _as_written(each.model_json_schema()) for each in own}
    definitions |= {**text_types(), "Variable": VARIABLE, **_written_forms(), "LoadPart": _load_part(definitions)}
    root = {**_as_written(model), **_depends_on_extends()}
    if not own:
        definitions["KnownStep"], definitions["KnownExpression"] = definitions["Step"], definitions["Expression"]
        definitions |= _of_unknown_operations()
        root["allOf"] = [_known_only_without_own()]
    root["properties"]["load"] = {"description": root["properties"]["load"]["description"]}
    used = _reachable(root, definitions)
    return {
        "$schema": DIALECT,
        "title": "digipal-perf scenario",
        **root,
        "$defs": {name: each for name, each in definitions.items() if name in used},
    }


def _ref(name: str) -> Definition:
    return {"$ref": f"#/$defs/{name}"}


def _any_of(*choices: Definition) -> Definition:
    return {"anyOf": list(choices)}


def _as_written(node: Any) -> Any:
    """A part of the models' schema, as files write it."""
    if isinstance(node, list):
        return [_as_written(each) for each in node]
    if not isinstance(node, dict):
        return node
    beside: Definition = {key: node[key] for key in _BESIDE if key in node and not isinstance(node[key], dict | None)}
    if "discriminator" in node:
        return {**_ref(_UNIONS.get(node["discriminator"]["propertyName"], "")), **beside}
    if "x-kind" in node:
        return {**_ref(node["x-kind"]), **beside}
    if node.get("$ref", "").endswith("/ThresholdRule"):
        return _ref("Threshold")
    return {**_or_variable(_plain(node)), **beside}


def _plain(node: Definition) -> Definition:
    written: Definition = {
        key: _as_written(each) for key, each in node.items() if key not in (*_BESIDE, "title", "properties")
    }
    if "oneOf" in written:
        written["anyOf"] = written.pop("oneOf")
    if "properties" in node:
        written["properties"] = {key: _property(key, each) for key, each in node["properties"].items() if key != "kind"}
    return written


def _property(key: str, node: Definition) -> Definition:
    written: Definition = _as_written(node)
    if key in _NEEDS_ONE:
        written["minItems"] = 1
    if key in _LONG_FORMS and "const" in node:
        written["doNotSuggest"] = True
    if key not in text_lists():
        return written
    beside: Definition = {name: written.pop(name) for name in _BESIDE if name in written}
    return {**_any_of(written, _ref("ListElsewhere")), **beside}


def _or_variable(node: Definition) -> Definition:
    takes_text = node.get("type") == "string" and not {"enum", "const", "pattern"} & node.keys()
    is_scalar = node.get("type") in ("string", "integer", "number", "boolean")
    return _any_of(node, _ref("Variable")) if is_scalar and not takes_text else node


def _written_forms() -> dict[str, Definition]:
    return {
        "Load": _any_of(*(_ref(model.__name__) for model in LOAD_MODELS.values())),
        "Step": _any_of(_step_alone(), _step_with_settings(), _long_form("operation", step_models().values())),
        "Target": _any_of(
            _named(TARGET_MODELS),
            _below_its_name({name: _settings(model.__name__) for name, model in TARGET_MODELS.items()}),
            _long_form("target", TARGET_MODELS.values()),
        ),
        "ThinkTime": _any_of(_ref("Duration"), *map(_ref, ("UniformThinking", "NormalThinking", "PacedThinking"))),
        "Fault": _any_of(
            _below_its_name(
                {name: {**_ref(model.__name__), "description": model.__doc__} for name, model in fault_models().items()}
            ),
            _long_form("fault", fault_models().values()),
        ),
        "Threshold": _any_of(_ref("Expression"), _ref("ThresholdRule")),
        "ListElsewhere": _list_elsewhere(),
    }


def _step_alone() -> Definition:
    return _named(name for name, model in step_models().items() if not model.short_key)


def _step_with_settings() -> Definition:
    return _below_its_name(
        {name: {**_settings_of(model), "description": model.__doc__} for name, model in step_models().items()}
    )


def _of_unknown_operations() -> dict[str, Definition]:
    """Steps and thresholds that own operations may explain, whose files the schema does not know."""
    name: Definition = {"type": "string", "pattern": NAME_PATTERN, "not": {"enum": list(STEP_MODELS)}}
    below = _below_its_name({})
    below |= {"propertyNames": name, "additionalProperties": _settings("OwnSettings")}
    long_form = {"required": ["operation"], "properties": {"operation": name}}
    settings = {
        "type": "object",
        "description": "An operation of your own: the settings of any step, and the parameters of its function.",
        "properties": _as_written(StepSettings.model_json_schema())["properties"],
    }
    counter = rf"({_LABEL}\.)?[a-z][a-z0-9_]*"
    return {
        "Step": _any_of(_ref("KnownStep"), name, below, {"allOf": [_ref("OwnSettings"), long_form]}),
        "OwnSettings": settings,
        "Expression": _expression(f"{_subject(METRICS)}|{counter}"),
    }


def _known_only_without_own() -> Definition:
    """A file that names no own operations, and no base that could, has only known steps and metrics."""
    rule = {"type": "object", "properties": {"expr": _ref("KnownExpression")}}
    known: Definition = {
        "flow": {"items": _ref("KnownStep")},
        "thresholds": {"items": _any_of(_ref("KnownExpression"), rule)},
    }
    return {
        "if": _any_of({"required": ["operations"]}, {"required": ["extends"]}),
        "else": {"properties": {**known, "phases": {"items": {"properties": known}}}},
    }


def _settings_of(model: type[StepSettings]) -> Definition:
    """What stands behind a step's name; its short form is a duration."""
    return _any_of(_ref("PositiveDuration"), _ref(model.__name__)) if model.short_key else _settings(model.__name__)


def _named(names: Iterable[str]) -> Definition:
    return _any_of({"enum": list(names)}, _ref("Variable"))


def _settings(definition: str) -> Definition:
    return _any_of(_ref(definition), {"type": "null"})


def _below_its_name(choices: dict[str, Definition]) -> Definition:
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": choices,
    }


def _long_form(key: str, models: Iterable[type]) -> Definition:
    return {"required": [key], **_any_of(*(_ref(model.__name__) for model in models))}


def _list_elsewhere() -> Definition:
    column = {"type": "string", "minLength": 1, "description": "its column, if it has several"}
    file = {"type": "string", "minLength": 1, "description": "CSV file with a header, in the same directory"}
    items = {"type": "array", "minItems": 1, "description": "the list itself"}
    alone = {"type": "object", "required": ["list"], "properties": {"list": items}, "additionalProperties": False}
    of_file = {"type": "object", "required": ["csv"], "properties": {"csv": file, "column": column}}
    return _any_of({**of_file, "additionalProperties": False}, alone)


def _load_part(definitions: dict[str, Definition]) -> Definition:
    """What a load says over that of its base: any keys of any executor."""
    choices: dict[str, list[Definition]] = {}
    for model in LOAD_MODELS.values():
        for key, written in definitions[model.__name__]["properties"].items():
            known = choices.setdefault(key, [])
            known += [written] if written not in known else []
    properties = {key: {**_any_of(*known), "description": known[0]["description"]} for key, known in choices.items()}
    properties["executor"] = _named(EXECUTORS)
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _depends_on_extends() -> Definition:
    """What a scenario has to say, unless its base says it."""
    whole = _any_of({"required": ["load", "flow"]}, {"required": ["phases"]})
    return {
        "if": {"required": ["extends"]},
        "then": {"properties": {"load": _ref("LoadPart")}},
        "else": {"properties": {"load": _ref("Load")}, **whole},
        "not": {"required": ["load", "phases"]},
    }


def _reachable(node: Any, definitions: dict[str, Definition]) -> set[str]:
    """The names of the definitions that a part refers to, or that those refer to."""
    found: set[str] = set()
    open_nodes = [node]
    while open_nodes:
        here = open_nodes.pop()
        if isinstance(here, list):
            open_nodes += here
        elif isinstance(here, dict):
            open_nodes += here.values()
            name = str(here.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                open_nodes.append(definitions[name])
    return found
