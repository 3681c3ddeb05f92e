"""A tree of values with their places: what a scenario file and the options of the command hold, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

from perfcli.scenario.problems import KeyPath, Location, Problem

Scalar: TypeAlias = str | int | float | bool | None

_YAML: Final = "tag:yaml.org,2002:"
_KINDS: Final = {
    yaml.ScalarNode: ("str", "int", "float", "bool", "null", "timestamp", "value", "merge"),
    yaml.SequenceNode: ("seq",),
    yaml.MappingNode: ("map",),
}
_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9_]{0,20})")
_DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9_]{0,20})\.[0-9]{0,20}([eE][-+]?[0-9]{1,3})?")


def is_plain_tag(node: yaml.Node) -> bool:
    """Whether a node is of one of the kinds that a scenario knows."""
    return node.tag.startswith(_YAML) and node.tag.removeprefix(_YAML) in _KINDS[type(node)]


def typed(text: str) -> Scalar:
    """The value that a text would have if it stood in a file without quotes; an empty one stays text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return _number(text)


def scalar(node: yaml.ScalarNode) -> Scalar:
    """The value of a scalar node."""
    kind, text = node.tag.removeprefix(_YAML), str(node.value)
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind in ("int", "float"):
        return _number(text)
    return text


def _number(text: str) -> int | float | str:
    if _WHOLE.fullmatch(text):
        return int(text.replace("_", ""))
    if _DECIMAL.fullmatch(text):
        return float(text.replace("_", ""))
    return text


@dataclass(slots=True)
class Node:
    """A value with the place it was written at, and the place of its key if it has one."""

    value: dict[str, Node] | list[Node] | Scalar
    location: Location
    key_location: Location
    text: str | None = None
    """What a variable put here, before it got a type: it may be meant as text, whatever it looks like."""

    @classmethod
    def at(cls, location: Location, value: Any) -> Node:
        """Plain data that was written at one place, an option for one."""
        if isinstance(value, dict):
            return cls({key: cls.at(location, child) for key, child in value.items()}, location, location)
        if isinstance(value, list):
            return cls([cls.at(location, child) for child in value], location, location)
        return cls(value, location, location)

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, part: str | int) -> Node | None:
        """The value under a key, or at an index; None where there is none."""
        if isinstance(self.value, dict):
            return self.value.get(part) if isinstance(part, str) else None
        if isinstance(self.value, list) and isinstance(part, int) and 0 <= part < len(self.value):
            return self.value[part]
        return None

    def find(self, *path: str | int) -> Node | None:
        """The value at the end of a path; None where there is none."""
        here: Node | None = self
        for part in path:
            here = here.child(part) if here is not None else None
        return here

    def trace(self, path: KeyPath) -> tuple[KeyPath, Node]:
        """The path of a place of the models as it is written, and what is there.

        Parts that nobody wrote fall away: the tag of a union, the `expr` of a threshold that is a text alone.
        """
        written, here = [], self
        for part in path:
            child = here.child(part)
            if child is not None:
                here = child
                written.append(part)
        return tuple(written), here

    def problem(self, path: KeyPath, message: str, *, key: bool = False) -> Problem:
        """What is wrong with the value at a path of the models, or with its key."""
        written, here = self.trace(path)
        return (here.key_location if key else here.location).problem(written, message)

    def over(self, base: Node) -> Node:
        """This in the place of `base`: sections are merged key by key, lists and single values replaced."""
        if not isinstance(self.value, dict) or not isinstance(base.value, dict):
            return self
        merged = dict(base.value)
        for key, child in self.value.items():
            merged[key] = child.over(merged[key]) if key in merged else child
        return Node(merged, self.location, self.key_location)
