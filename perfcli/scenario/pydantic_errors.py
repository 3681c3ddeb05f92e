"""The mistakes that pydantic finds, in the words of scenario files and at their places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from perfcli.executors import EXECUTORS, LOAD_MODELS
from perfcli.faults import FAULT_MODELS
from perfcli.operations.base import NAME_PATTERN
from perfcli.operations.own.step import known_operations
from perfcli.scenario.models import Scenario
from perfcli.scenario.node import Node
from perfcli.scenario.problems import KeyPath, Location, Problem, first_problems, legible, shown
from perfcli.thresholds import did_you_mean

_OF_A_LOAD: Final = {
    # the executor that k6 takes where one of these stands alone
    "stages": "ramping-vus",
    "iterations": "shared-iterations",
    "rate": "constant-arrival-rate",
    "start_rate": "ramping-arrival-rate",
    "start_vus": "ramping-vus",
}
_TOP_ELSEWHERE: Final = {
    **dict.fromkeys(("scenarios", "stage"), "write phases: [{name: …, load: …, flow: …}]"),
    **dict.fromkeys(("steps", "tasks", "requests", "actions", "operations"), "write the steps under flow"),
    **dict.fromkeys(("wait_time", "pacing", "think", "pause"), "write load: {…, think_time: 1s}"),
    **dict.fromkeys(
        ("options", "config", "execution", "thread_group"),
        "write load: {executor: constant-vus, vus: N, duration: 30s}",
    ),
    **dict.fromkeys(("run_time", "hold_for", "hold"), "write load: {…, duration: 30s}"),
    **dict.fromkeys(("concurrency", "threads", "clients", "virtual_users"), "write load: {…, vus: N}"),
    **dict.fromkeys(("limits", "assertions", "ensure", "checks", "pass_fail"), "write limits under thresholds"),
    **dict.fromkeys(("pets", "users_count"), "write setup: {pets: N}"),
    **dict.fromkeys(
        ("ramp_up", "rampup", "spawn_rate", "hatch_rate"), "write a ramp as load: {executor: ramping-vus, …}"
    ),
    **dict.fromkeys(("ai", "latency"), "write engine: {ai: {latency: 50ms}}"),
    "processes": "write pool: {processes: N}",
    "workers": "write load: {…, vus: N} for virtual users, or pool: {processes: N} for engine processes",
}
_LOAD_ELSEWHERE: Final = {
    "time_unit": "write the unit into the rate, rate: 100/s",
    **dict.fromkeys(("pre_allocated_vus", "max_vus", "users", "threads", "concurrency"), "write vus: N"),
    **dict.fromkeys(("ramp_up", "spawn_rate"), "write executor: ramping-vus, with stages"),
    "graceful_ramp_down": "write graceful_stop: 1s",
    "start_time": "write start_after: 1s",
    "exec": "each phase has its own flow: write phases: [{name: …, load: …, flow: …}]",
}


def key_elsewhere(section: Sequence[str | int], key: str) -> str:
    """What to write for a key that belongs to another section, or to another tool; "" if nothing is known of it."""
    name = in_snake_case(key)
    if section and section[-1] in LOAD_MODELS:
        return _unknown(_LOAD_ELSEWHERE.get(name, ""))
    if section and section[0] == "faults":
        fault = FAULT_MODELS.get(str(section[-1]))
        return fault.no_keys.get(name, "") if fault else ""
    if section and (section[0] != "phases" or len(section) > 2):
        return ""
    if any(name in model.model_fields for model in LOAD_MODELS.values()):
        executor = _OF_A_LOAD.get(name, "constant-vus")
        return f"belongs to a load: write load: {{executor: {executor}, {name}: …}}"
    return _unknown(_TOP_ELSEWHERE.get(name, ""))


def _unknown(remedy: str) -> str:
    return f"unknown key: {remedy}" if remedy else ""


def in_snake_case(key: str) -> str:
    """A key such as `startVUs` as scenario files spell it, start_vus."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[ -]", "_", key[:80]).lower()


_EXPECTED: Final = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a section with keys",
    "model_type": "a section with keys",
    "model_attributes_type": "a section with keys",
}
_LIMITS: Final = {
    "greater_than_equal": "must be at least {ge}, not {value}",
    "greater_than": "must be more than {gt}, not {value}",
    "less_than_equal": "must be at most {le}, not {value}",
    "less_than": "must be less than {lt}, not {value}",
    "too_short": "too few items: at least {min_length} required",
    "too_long": "too many items: at most {max_length} allowed",
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "is too long: at most {max_length} characters",
}
_TAGS: Final = ("fault", "operation", "target")
"""Keys that the models have in place of the key that a file has above its settings."""

_SWITCHES: Final = {
    **dict.fromkeys(("yes", "on", "true"), "true"),
    **dict.fromkeys(("no", "off", "false"), "false"),
}
_PATTERNS: Final = {NAME_PATTERN: "starts with a letter and holds letters, digits, _ and -, 64 at most"}


def problems_of(details: Iterable[ErrorDetails], root: Node) -> list[Problem]:
    """The problems of a scenario that did not validate, in the order of the file, as many as will be told."""
    located = sorted(((_location(detail, root), detail) for detail in details), key=lambda pair: _order(pair[0]))
    return [location.problem(_path(detail, root), _words(detail)) for location, detail in first_problems(located)]


def is_missing(detail: ErrorDetails) -> bool:
    """Whether the mistake is a key that is not there."""
    return detail["type"] in ("missing", "union_tag_not_found")


def names_no_model(detail: ErrorDetails) -> bool:
    """Whether the mistake is an executor or operation that is unknown or missing, so that nothing below was read."""
    return detail["type"] in ("union_tag_invalid", "union_tag_not_found")


def take_as_text(mistakes: Iterable[ErrorDetails], root: Node) -> bool:
    """Let variables be text where that is asked for, as `${BUILD}` may be 7; returns whether there were any."""
    traced = [root.trace(mistake["loc"])[1] for mistake in mistakes if mistake["type"] == "string_type"]
    meant = [written for written in traced if written.text is not None and not isinstance(written.value, str)]
    for written in meant:
        written.value = written.text
    return bool(meant)


def _order(location: Location) -> tuple[bool, int, int]:
    return not location.line, location.line, location.column


def _path(detail: ErrorDetails, root: Node) -> KeyPath:
    path, _ = root.trace(detail["loc"])
    if detail["type"] == "missing":
        return (*path, detail["loc"][-1])
    if names_no_model(detail) and _discriminator(detail) == "executor":
        return (*path, "executor")
    return path


def _location(detail: ErrorDetails, root: Node) -> Location:
    _, here = root.trace(detail["loc"])
    if detail["type"] in ("missing", "extra_forbidden", "union_tag_not_found"):
        return here.key_location
    if names_no_model(detail):
        return _location_of_tag(here, _discriminator(detail))
    return _location_of_option(here) or here.location


def _location_of_option(here: Node) -> Location | None:
    """The option that put something into what the file wrote, and so made it wrong as a whole."""
    parts = here.value.values() if isinstance(here.value, dict) else here.value if isinstance(here.value, list) else ()
    return next((part.location for part in parts if not part.location.line), None)


def _location_of_tag(here: Node, discriminator: str) -> Location:
    written = here.child(discriminator)
    if written is not None:
        return written.location
    if isinstance(here.value, dict) and here.value:
        return next(iter(here.value.values())).key_location
    return here.location


def _discriminator(detail: ErrorDetails) -> str:
    return str(detail["ctx"]["discriminator"]).strip("'")


def _words(detail: ErrorDetails) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return _missing(detail)
    if kind == "extra_forbidden":
        return _unknown_key(detail)
    if names_no_model(detail):
        return _unknown_tag(detail)
    if value is None:
        return "has no value: write one, or remove it"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, not {shown(value)}{_remedy(detail)}"
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context, value=shown(value))
    if kind == "literal_error":
        return _one_of("unknown value", value, _choices(context["expected"]))
    if kind == "string_pattern_mismatch":
        return f"{shown(value)} is not a name: it {_PATTERNS.get(context['pattern'], 'must match another pattern')}"
    if kind == "value_error":
        return str(context["error"])
    return f"{shown(value)} cannot be used here"


def _remedy(detail: ErrorDetails) -> str:
    """What to write in place of a value of another type, if that is plain to see."""
    kind, value = detail["type"], detail["input"]
    if kind == "string_type" and not isinstance(value, (list, dict)):
        return ": put it in quotes"
    if kind == "bool_type" and (switch := _SWITCHES.get(str(value)[:5].lower())):
        return f": write {switch}"
    if kind in ("int_type", "float_type", "finite_number") and isinstance(value, str):
        number = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%?\s*", value[:40], re.ASCII)
        return f": write {number[1]}" if number else ""
    if kind != "list_type":
        return ""
    if isinstance(value, dict):
        item = "latency.p95 < 100ms" if "thresholds" in detail["loc"] else legible(str(next(iter(value), "")))
        return f": start each item with a dash, - {item}"
    return f": write [{legible(value.strip())}]" if isinstance(value, str) else ""


def _missing(detail: ErrorDetails) -> str:
    *section, key = detail["loc"]
    meaning = next((_fields(model)[str(key)].description for model in _models_at(section)), None)
    return f"required key is missing ({meaning})" if meaning else "required key is missing"


def _unknown_key(detail: ErrorDetails) -> str:
    *section, key = detail["loc"]
    elsewhere = key_elsewhere(section, str(key))
    if elsewhere:
        return elsewhere
    known = [name for model in _models_at(section) for name in _fields(model) if name not in _TAGS]
    listing = f": use one of {', '.join(known)}" if known else ", which has none"
    if any(key in _fields(model) for model in _models_at(section[:-1])):
        return f"is not a key of {section[-1]}{listing}"
    return f"unknown key{did_you_mean([str(key), in_snake_case(str(key))], known) or listing}"


def _unknown_tag(detail: ErrorDetails) -> str:
    name = _discriminator(detail)
    if detail["type"] == "union_tag_not_found":
        return f"required key is missing: use one of {', '.join(EXECUTORS)}"
    known = _quoted(detail["ctx"]["expected_tags"])
    message = _one_of(f"unknown {name}", detail["input"].get(name), known)
    is_own = name == "operation" and not message.endswith("?)")
    return f"{message}; for one of your own, add operations: [FILE.py]" if is_own else message


def _one_of(what: str, value: Any, known: list[str]) -> str:
    if not isinstance(value, str):
        return f"expected one of {', '.join(known)}, not {shown(value)}"
    return f"{what} {shown(value)}{did_you_mean([value], known) or ': use one of ' + ', '.join(known)}"


def _choices(listing: str) -> list[str]:
    """The values of a Literal: texts without their quotes, numbers as they are."""
    return _quoted(listing) or re.split(r", | or ", listing)


def _quoted(listing: str) -> list[str]:
    return re.findall(r"'([^']*)'", listing)


def _models_at(loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that can read the section at a place, found by walking the annotations."""
    candidates: list[type[BaseModel]] = [Scenario]
    for part in loc:
        if isinstance(part, int):
            continue
        if len(candidates) > 1:
            own = known_operations().models.get(part) if "flow" in loc else None
            candidates = [own] if own else [model for model in candidates if _bears(model, part)]
        else:
            fields = [model.model_fields[part] for model in candidates if part in model.model_fields]
            candidates = [inner for field in fields for inner in _models_in(field.annotation)]
    return candidates


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model, as files call them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _bears(model: type[BaseModel], tag: str) -> bool:
    return any(tag in get_args(field.annotation) for field in model.model_fields.values())


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]
