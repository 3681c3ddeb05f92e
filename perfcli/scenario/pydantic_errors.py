"""The mistakes that pydantic finds, in the words of scenario files and at their places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from perfcli.errors import listed, name_to_use
from perfcli.executors import EXECUTORS
from perfcli.executors.one_of import OneOf
from perfcli.operations.base import NAME_PATTERN, why_no_name
from perfcli.operations.own.step import known_operations
from perfcli.scenario.keys_elsewhere import in_snake_case, key_elsewhere
from perfcli.scenario.models import FROM_FILE, Scenario
from perfcli.scenario.node import Node
from perfcli.scenario.problems import KeyPath, Location, Problem, first_problems, legible, shown

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
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        return _missing(detail)
    if kind == "extra_forbidden":
        return _unknown_key(detail)
    if names_no_model(detail):
        return _unknown_tag(detail)
    if value is None:
        return f"has no value: {_below(detail)}, or remove it"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    return _misfit(detail)


def _misfit(detail: ErrorDetails) -> str:
    """Why a key cannot have this value."""
    kind, value = detail["type"], detail["input"]
    if kind == "string_pattern_mismatch" or (kind == "string_type" and _names(detail)):
        return why_no_name(str(value)) or f"expected text, not {shown(value)}: put it in quotes"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, not {shown(value)}{_remedy(detail)}"
    if kind == "too_short":
        written = f"has only {_items(len(value))}" if value else "is empty"
        return f"{written}: write {_items(detail['ctx']['min_length'])} or more"
    if kind in _LIMITS:
        return _limits(detail)
    if kind == "literal_error":
        return _one_of("unknown value", value, _choices(detail["ctx"]["expected"]))
    return f"{shown(value)} cannot be used here"


def _items(number: int) -> str:
    return f"{number} item{'s' if number > 1 else ''}"


def _below(detail: ErrorDetails) -> str:
    """What to do about a key without a value."""
    field = _field_at(detail["loc"])
    if field is None:
        return "write one"
    if get_origin(field.annotation) is list:
        return "start each item below it with a dash"
    is_word = any(get_origin(choice) is Literal for choice in get_args(field.annotation))
    return "indent its keys below it" if _models_in(field.annotation) and not is_word else "write one"


def _remedy(detail: ErrorDetails) -> str:
    """What to write in place of a value of another type, if that is plain to see."""
    kind, value = detail["type"], detail["input"]
    if kind == "string_type" and not isinstance(value, (list, dict)):
        return ": put it in quotes"
    if kind == "bool_type" and (switch := _SWITCHES.get(str(value)[:5].lower())):
        return f": write {switch}"
    if kind in ("int_type", "float_type", "finite_number"):
        number = _number_in(value)
        return f": write {number}" if number else ""
    if kind in ("model_type", "model_attributes_type"):
        return _section_around(detail)
    if kind != "list_type":
        return ""
    if isinstance(value, dict):
        item = "latency.p95 < 100ms" if "thresholds" in detail["loc"] else legible(str(next(iter(value), "")))
        return f": start each item with a dash, - {item}"
    return f": write [{legible(value.strip())}]" if isinstance(value, str) else ""


def _number_in(value: Any) -> str:
    """The number that another value stands for: "3", 80%, 1,000, 2.0; "" for none."""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else ""
    if not isinstance(value, str):
        return ""
    number = re.fullmatch(r"\s*(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)\s*%?\s*", value[:40], re.ASCII)
    return number[1].replace(",", "") if number else ""


def _section_around(detail: ErrorDetails) -> str:
    """What to write for a value that is put right behind the name of its section."""
    section, value = detail["loc"], detail["input"]
    if section[-1] == "load":
        return ": write {executor: constant-vus, vus: 2, duration: 30s}"
    models = _models_at(section)
    if len(models) != 1:
        return ""
    takes = next((key for key in _keys(models) if _takes(models[0], key, value)), None)
    return f": write {{{takes}: {legible(str(value))}}}" if takes else f": it has {', '.join(_keys(models))}"


def _takes(model: type[BaseModel], key: str, value: Any) -> bool:
    """Whether a value fits a key of a section, whatever else that lacks."""
    try:
        model.model_validate({key: value}, context=FROM_FILE)
    except ValidationError as error:
        return not any(each["loc"][:1] == (key,) for each in error.errors(include_url=False))
    return True


def _limits(detail: ErrorDetails) -> str:
    """What a number must be, or how long a text: both ends, if its key has both."""
    kind, value, field = detail["type"], shown(detail["input"]), _field_at(detail["loc"])
    rules = field.metadata if field else []
    ends = [getattr(rule, end) for end in ("ge", "le") for rule in rules if hasattr(rule, end)]
    if kind in ("greater_than_equal", "less_than_equal") and len(ends) == 2:
        return f"must be {_plain(ends[0])} to {_plain(ends[1])}, not {value}"
    return _LIMITS[kind].format(**{name: _plain(limit) for name, limit in detail["ctx"].items()}, value=value)


def _plain(limit: Any) -> str:
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}" if isinstance(limit, float) else str(limit)


def _field_at(loc: Sequence[str | int]) -> FieldInfo | None:
    """The field that is written at a place."""
    *section, key = loc
    return next((field for model in _models_at(section) if (field := _fields(model).get(str(key)))), None)


def _names(detail: ErrorDetails) -> bool:
    """Whether the text that is asked for is a name."""
    field = _field_at(detail["loc"])
    return field is not None and any(getattr(rule, "pattern", "") == NAME_PATTERN for rule in field.metadata)


def _missing(detail: ErrorDetails) -> str:
    *section, key = detail["loc"]
    meaning = next((_fields(model)[str(key)].description for model in _models_at(section)), None)
    return f"required key is missing ({meaning})" if meaning else "required key is missing"


def _unknown_key(detail: ErrorDetails) -> str:
    *section, key = detail["loc"]
    elsewhere = key_elsewhere(section, str(key))
    if elsewhere:
        return elsewhere
    known = _keys(_models_at(section))
    if any(key in _fields(model) for model in _models_at(section[:-1])):
        return f"is not a key of {section[-1]}{listed(known) or ', which has none'}"
    return f"unknown key{name_to_use([str(key), in_snake_case(str(key))], known)}"


def _unknown_tag(detail: ErrorDetails) -> str:
    name = _discriminator(detail)
    if detail["type"] == "union_tag_not_found":
        return f"required key is missing{listed(list(EXECUTORS))}"
    known = _quoted(detail["ctx"]["expected_tags"])
    message = _one_of(f"unknown {name}", detail["input"].get(name), known)
    is_own = name == "operation" and not message.endswith("?)")
    return f"{message}; for one of your own, add operations: [FILE.py]" if is_own else message


def _one_of(what: str, value: Any, known: list[str]) -> str:
    if not isinstance(value, str):
        return f"expected one of {', '.join(known)}, not {shown(value)}"
    return f"{what} {shown(value)}{name_to_use([value], known)}"


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


def _keys(models: Iterable[type[BaseModel]]) -> list[str]:
    """The keys that a section of any of these models can have in a file."""
    return list(
        dict.fromkeys(
            name
            for model in models
            for name, field in _fields(model).items()
            if not (name in _TAGS and get_origin(field.annotation) is Literal)
        )
    )


def _bears(model: type[BaseModel], tag: str) -> bool:
    return any(tag in get_args(field.annotation) for field in model.model_fields.values())


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    parts = get_args(annotation)
    told_apart = [model for part in parts if isinstance(part, OneOf) for model in part.models]
    return told_apart or [model for part in parts for model in _models_in(part)]
