"""The parameters of an own operation: its context, then the settings of its steps with their annotations."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from perfcli.operations.own.declared import Parameter
from perfcli.operations.own.syntax_tree import Function, SyntaxTree, dotted_name

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


_HEADINGS: Final = re.compile(r"(Args|Arguments|Parameters):", re.IGNORECASE)
_ENTRY: Final = re.compile(r"(?P<indent>\s+)(?P<name>\w+)(?:\s*\([^)]*\))?\s*:\s*(?P<text>.*)")


def docstring_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Its docstring without indentation; a half of a character, which JSON cannot carry, as a question mark."""
    return (ast.get_docstring(function) or "").encode(errors="replace").decode()


def parameter_descriptions(doc: str) -> dict[str, str]:
    """One line for each parameter that is described.

    Args:
        doc: a docstring without indentation, as `inspect.cleandoc` leaves it.
    """
    described: dict[str, str] = {}
    inside, indent, name = False, "", ""
    for line in doc.splitlines():
        entry = _ENTRY.fullmatch(line)
        if not line[:1].isspace() and line:
            inside, indent = bool(_HEADINGS.fullmatch(line.strip())), ""
            continue
        if inside and entry and (not indent or entry["indent"] == indent):
            indent, name, line = entry["indent"], entry["name"], entry["text"]
        if inside and name:
            described[name] = f"{described.get(name, '')} {line.strip()}".strip()
    return described


RESERVED: Final = ("name", "weight", "only_if", "timeout", "operation")
"""Settings that any step has: no parameter can be called so."""


def context_of(function: Function, source: SyntaxTree) -> str:
    """The name of the first parameter, the context; empty if there is none."""
    positional = [*function.args.posonlyargs, *function.args.args]
    form = f"write def {function.name:.40}(ctx: Context, ...)"
    if not positional:
        source.name_mistake(function, f"{function.name:.60} takes no context: {form}")
        return ""
    first = positional[0]
    if first.annotation is not None and not _type_name(first.annotation).endswith("Context"):
        source.mistake(first, f"the first parameter is the context, not {first.arg!r:.60}: {form}")
    elif len(function.args.defaults) == len(positional):
        source.mistake(function.args.defaults[0], f"the context takes no default: {form}")
    return first.arg


def parameters_of(function: Function, source: SyntaxTree) -> Iterator[Parameter]:
    """The other parameters; what is wrong with one is noted, and the parameter left out."""
    arguments = function.args
    for positional in arguments.posonlyargs[1:]:
        source.mistake(positional, f"{positional.arg!r:.60} is positional-only: settings are passed by keyword")
    for stars, collected in (("*", arguments.vararg), ("**", arguments.kwarg)):
        if collected is not None:
            source.mistake(collected, f"{stars}{collected.arg:.60} cannot be a setting: name each parameter")
    described = parameter_descriptions(docstring_of(function))
    named = arguments.args if arguments.posonlyargs else arguments.args[1:]
    defaults: list[ast.expr | None] = [*[None] * len(named), *arguments.defaults]
    last_defaults = defaults[len(defaults) - len(named) :]
    for argument, default in [
        *zip(named, last_defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]:
        parameter = _parameter(argument, default, source)
        if parameter is not None:
            yield parameter.model_copy(update={"description": described.get(parameter.name, "")})


def _parameter(argument: ast.arg, default: ast.expr | None, source: SyntaxTree) -> Parameter | None:
    name = argument.arg
    if name in RESERVED:
        source.mistake(argument, f"{name!r} is a setting of every step: call the parameter something else")
        return None
    if argument.annotation is None:
        source.mistake(argument, f"{name!r:.60} has no annotation: write {name:.60}: int, or another plain type")
        return None
    try:
        text = type_text(argument.annotation)
    except NotPlainError as error:
        source.mistake(error.node, f"{name!r:.60}: {error}")
        return None
    line, column = source.place_of(argument)
    value = None if default is None else _value(name, text, default, source)
    return Parameter(name=name, line=line, column=column, type=text, required=default is None, default=value)


def _value(name: str, text: str, default: ast.expr, source: SyntaxTree) -> Any:
    try:
        value = ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError):
        wrong = "is not a literal, and the file is not run to find it: write the value"
        source.mistake(default, f"the default of {name!r:.60} {wrong}")
        return None
    try:
        return fitting(text, value)
    except ValueError as error:
        source.mistake(default, f"the default of {name!r:.60}: {error}")
        return None


def _type_name(annotation: ast.expr) -> str:
    return str(annotation.value) if isinstance(annotation, ast.Constant) else dotted_name(annotation)
