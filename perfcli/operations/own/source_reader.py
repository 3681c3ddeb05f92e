"""Reads own operations from the syntax tree of a source. Nothing of the source is executed."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from perfcli.figures import METRICS
from perfcli.operations.own.context_uses import context_mistakes, members_used
from perfcli.operations.own.counter_reader import counters_of
from perfcli.operations.own.declared import (
    DeclaredOperation,
    Mistake,
    OperationFile,
    OperationFileError,
    source_digest,
)
from perfcli.operations.own.docstring import docstring_of
from perfcli.operations.own.parameter_reader import RESERVED, context_of, parameters_of
from perfcli.operations.own.syntax_tree import Function, SyntaxTree
from perfcli.operations.own.timed_blocks import timed_mistakes

MOST_OPERATIONS: Final = 500
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}", re.ASCII)


class Reading(NamedTuple):
    """What could be read of a source; with mistakes, what is readable beside them."""

    operations: tuple[DeclaredOperation, ...]
    mistakes: tuple[Mistake, ...]
    is_python: bool = True
    """False after a syntax error: no operation is known then."""


def operation_file(source: str, shown: str, path: str = "", built_in: Collection[str] = ()) -> OperationFile:
    """A source with its operations.

    Args:
        built_in: names that no own operation may have.

    Raises:
        OperationFileError: with every mistake.
    """
    reading = read_operations(source, built_in)
    if reading.mistakes:
        raise OperationFileError(shown, reading.mistakes)
    return OperationFile(
        shown=shown, path=path, digest=source_digest(source), source=source, operations=reading.operations
    )


def read_operations(source: str, built_in: Collection[str] = ()) -> Reading:
    """The functions of a source that are decorated with @operation, and every mistake, in the order of the lines."""
    try:
        tree = SyntaxTree(source, _parsed(source))
        operations = tuple(_operations(tree, built_in))
    except SyntaxError as error:
        place = max(error.lineno or 1, 1), max(error.offset or 1, 1)
        return Reading((), (Mistake(*place, f"not Python: {error.msg}"),), is_python=False)
    except (RecursionError, MemoryError):
        return Reading((), (Mistake(1, 1, "is nested too deep to be read"),), is_python=False)
    mistakes = tree.mistakes
    if not operations and not mistakes:
        what = "holds no operation: decorate a function with @operation, imported from perfcli.operations"
        mistakes = [Mistake(1, 1, what)]
    return Reading(operations, tuple(sorted(dict.fromkeys(mistakes))))


def _parsed(source: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is the file's own matter
            return ast.parse(source)
    except ValueError as error:  # a NUL, before Python 3.12
        raise SyntaxError(str(error)) from None


def _operations(source: SyntaxTree, built_in: Collection[str]) -> Iterator[DeclaredOperation]:
    first_lines: dict[str, int] = {}
    for node in _in_order(source.tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        decorator = source.decorator_of(node)
        if decorator is None:
            continue
        if isinstance(node, ast.ClassDef):
            source.mistake(decorator, "an operation is a function, not a class")
            continue
        if node not in source.tree.body:
            source.mistake(decorator, f"{node.name:.60} is inside another block: move it to the top level of the file")
        first = first_lines.setdefault(node.name, node.lineno)
        if first != node.lineno:
            source.name_mistake(node, f"two operations are called {node.name!r:.60}: the first is on line {first}")
            continue
        if len(first_lines) > MOST_OPERATIONS:
            source.name_mistake(node, f"a file has at most {MOST_OPERATIONS} operations")
            return
        yield _declared(node, decorator, source, built_in)


def _declared(
    function: Function, decorator: ast.expr, source: SyntaxTree, built_in: Collection[str]
) -> DeclaredOperation:
    """The declaration that a function makes, as far as it can be understood."""
    if wrong := _wrong_name(function.name, built_in):
        source.name_mistake(function, wrong)
    context = context_of(function, source)
    counters = counters_of(decorator, source)
    for place, message in (*timed_mistakes(function, context), *context_mistakes(function, context, counters)):
        source.mistake(place, message)
    if yielding := next((node for node in _own_nodes(function) if isinstance(node, (ast.Yield, ast.YieldFrom))), None):
        source.mistake(yielding, f"{function.name:.60} yields, so calling it runs nothing: remove the yield")
    line, column = source.place_of_name(function)
    return DeclaredOperation(
        name=function.name,
        line=line,
        column=column,
        doc=docstring_of(function),
        parameters=tuple(parameters_of(function, source)),
        counters=counters,
        is_async=isinstance(function, ast.AsyncFunctionDef),
        uses=members_used(function, context),
    )


def _wrong_name(name: str, built_in: Collection[str]) -> str:
    """Why an operation cannot be called so; "" if it can."""
    if not _NAME.fullmatch(name):
        return f"{name!r:.70} cannot name an operation: use ASCII letters, digits and _, 64 at most"
    if name in built_in:
        return f"{name} is a built-in operation: choose another name"
    if name in METRICS:
        return f"{name} is a metric: thresholds could not tell them apart"
    return f"{name} is a setting of every step: choose another name" if name in RESERVED else ""


def _in_order(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node, those of the source's first lines first; without recursion, however deep it is."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """What a function holds, without the functions and classes inside of it."""
    waiting: list[ast.AST] = list(reversed(function.body))
    while waiting:
        node = waiting.pop()
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield node
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))
