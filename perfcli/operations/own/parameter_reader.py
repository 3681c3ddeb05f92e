"""The parameters of an own operation: its context, then the settings of its steps."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Final

from perfcli.operations.own import plain_types
from perfcli.operations.own.declared import Parameter
from perfcli.operations.own.syntax_tree import Function, SyntaxTree, dotted_name

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
    for name, line in _lines(doc):
        described[name] = f"{described.get(name, '')} {line}".strip()
    return described


def _lines(doc: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    inside, indent = False, ""
    for line in doc.splitlines():
        entry = _ENTRY.fullmatch(line)
        if not line[:1].isspace() and line:
            inside, indent = bool(_HEADINGS.fullmatch(line.strip())), ""
        elif inside and entry and (not indent or entry["indent"] == indent):
            indent = entry["indent"]
            lines.append((entry["name"], entry["text"].strip()))
        elif inside and lines and line.strip():
            lines.append((lines[-1][0], line.strip()))
    return lines


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
        text = plain_types.type_text(argument.annotation)
    except plain_types.NotPlainError as error:
        source.mistake(error.node, f"{name!r:.60}: {error}")
        return None
    line, column = source.place_of(argument)
    value = None if default is None else _value(name, text, default, source)
    return Parameter(name=name, line=line, column=column, type=text, required=default is None, default=value)


def _value(name: str, text: str, default: ast.expr, source: SyntaxTree) -> Any:
    try:
        value = ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError):
        source.mistake(default, f"the default of {name!r:.60} is not a literal, and the file is not run to find it")
        return None
    try:
        return plain_types.fitting(text, value)
    except ValueError as error:
        source.mistake(default, f"the default of {name!r:.60}: {error}")
        return None


def _type_name(annotation: ast.expr) -> str:
    return str(annotation.value) if isinstance(annotation, ast.Constant) else dotted_name(annotation)
