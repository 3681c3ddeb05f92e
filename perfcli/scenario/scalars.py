"""What a YAML scalar means in a scenario: text, unless it is plainly a number, true, false or nothing.

YAML 1.1, which PyYAML speaks, reads `yes` and `on` as true, `1:30` as 90, `010` as 8 and `2024-01-01` as a date. Here
these stay the text that was written, so that they mean themselves where text is wanted and are refused elsewhere.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import yaml

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
