"""Annotations of settings: int, float, str, bool, Literal, list, and `| None`, read from a syntax tree."""

from __future__ import annotations

import ast
import json
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

PLAIN: Final = "int, float, str, bool, Literal[...], list[...] of these, or one of them | None"
_SCALARS: Final[dict[str, Any]] = {
    "int": int,
    "float": Annotated[float, Field(allow_inf_nan=False)],  # JSON has no infinity
    "str": str,
    "bool": bool,
}


class NotPlainError(ValueError):
    """An annotation that is no plain type, at `node`."""

    def __init__(self, node: ast.expr) -> None:
        super().__init__(f"{ast.unparse(node)[:60]!r} is not a plain type: use {PLAIN}")
        self.node = node


def type_text(annotation: ast.expr) -> str:
    """A plain annotation in one spelling, whatever the names it was imported under: `Optional["int"]` is `int | None`.

    Raises:
        NotPlainError: it is another type.
    """
    return _text(_unquoted(annotation), may_be_none=True)


@lru_cache(maxsize=1024)
def python_type(text: str) -> Any:
    """The type that pydantic validates a setting against, strictly.

    Args:
        text: as `type_text` spells it.
    """
    return _built(ast.parse(text, mode="eval").body)


def fitting(text: str, value: Any) -> Any:
    """A value as the type takes it: a whole number becomes a float if one is asked for.

    Raises:
        ValueError: it does not fit.
    """
    try:
        fitted = _adapter(text).validate_python(value, strict=True)
        json.dumps(fitted, ensure_ascii=False).encode()  # half a character is no text
    except (ValidationError, UnicodeEncodeError):
        raise ValueError(f"{value!r:.60} does not fit {text:.60}") from None
    return fitted


@lru_cache(maxsize=1024)
def _adapter(text: str) -> TypeAdapter[Any]:
    return TypeAdapter(python_type(text))


def _unquoted(node: ast.expr) -> ast.expr:
    """The annotation in a text, as in `length: "int"`."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return node
    try:
        inner = ast.parse(node.value.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise NotPlainError(node) from None
    # what is wrong inside has the place of the whole text
    return ast.fix_missing_locations(ast.copy_location(inner, node))


def _text(node: ast.expr, *, may_be_none: bool = False) -> str:
    if isinstance(node, ast.Name) and node.id in _SCALARS:
        return node.id
    if may_be_none and isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _or_none(node, [node.left, node.right])
    if not isinstance(node, ast.Subscript):
        raise NotPlainError(node)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    match _last_name(node.value):
        case "Optional" if may_be_none and len(inner) == 1:
            return f"{_text(inner[0])} | None"
        case "Union" if may_be_none:
            return _or_none(node, inner)
        case "list" | "List" if len(inner) == 1:
            return f"list[{_text(inner[0])}]"
        case "Literal" if inner:
            return f"Literal[{', '.join(dict.fromkeys(_literal(node, each) for each in inner))}]"
    raise NotPlainError(node)


def _or_none(node: ast.expr, choices: list[ast.expr]) -> str:
    types = [each for each in choices if not _is_none(each)]
    if len(types) != 1 or len(choices) != 2:
        raise NotPlainError(node)
    return f"{_text(types[0])} | None"


def _literal(whole: ast.expr, node: ast.expr) -> str:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        raise NotPlainError(whole) from None
    if not isinstance(value, (int, str)) or not _is_text(value):
        raise NotPlainError(whole)
    return repr(value)


def _is_text(value: object) -> bool:
    return not isinstance(value, str) or not any("\ud800" <= character <= "\udfff" for character in value)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _built(node: ast.expr) -> Any:
    if isinstance(node, ast.BinOp):
        return _built(node.left) | None
    if isinstance(node, ast.Name):
        return _SCALARS[node.id]
    assert isinstance(node, ast.Subscript)
    if _last_name(node.value) == "list":
        return list[_built(node.slice)]  # type: ignore[misc]
    values = ast.literal_eval(node.slice)
    return Literal[*values] if isinstance(values, tuple) else Literal[values]
