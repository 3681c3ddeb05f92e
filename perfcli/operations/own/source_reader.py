"""Reads own operations from the syntax tree of a source. Nothing of the source is executed."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from perfcli.errors import did_you_mean
from perfcli.figures import METRICS, is_statistic
from perfcli.operations.own.declared import (
    COUNTER_UNITS,
    PER_OPERATION,
    CounterUnit,
    DeclaredOperation,
    Mistake,
)
from perfcli.operations.own.parameter_reader import RESERVED, context_of, docstring_of, parameters_of
from perfcli.operations.own.syntax_tree import (
    Function,
    SyntaxTree,
    context_mistakes,
    fields_written,
    members_used,
    timed_mistakes,
)

_COUNTER_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_FORM: Final = 'write counters={"letters": "count"}'


def counters_of(decorator: ast.expr, source: SyntaxTree) -> dict[str, CounterUnit]:
    """Each counter with its unit; what is wrong with one is noted, and the counter left out."""
    counters: dict[str, CounterUnit] = {}
    if not isinstance(decorator, ast.Call):
        return counters
    for argument in decorator.args:
        source.mistake(argument, f"@operation takes keywords only: {_FORM}")
    for keyword in decorator.keywords:
        if keyword.arg == "counters":
            _add(keyword.value, counters, source)
        else:
            written = keyword.arg or "**"
            meant = did_you_mean([written], ["counters"])
            source.mistake(keyword.value, f"@operation has no {written!r:.60}{meant}: {_FORM}")
    return counters


def _add(node: ast.expr, counters: dict[str, CounterUnit], source: SyntaxTree) -> None:
    if not isinstance(node, ast.Dict):
        source.mistake(node, f"counters is not a literal dict: {_FORM}")
        return
    for key, value in zip(node.keys, node.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else None
        unit = COUNTER_UNITS.get(str(value.value)) if isinstance(value, ast.Constant) else None
        if key is None or not isinstance(name, str):
            source.mistake(key or value, f"the name of a counter is a text: {_FORM}")
        elif wrong := _misfit(name, counters):
            source.mistake(key, wrong)
        elif unit is None:
            source.mistake(value, f"the unit of {name!r} is one of {', '.join(map(repr, COUNTER_UNITS))}")
        else:
            counters[name] = unit


def _misfit(name: str, others: Collection[str]) -> str:
    """Why a counter cannot be called so; "" if it can."""
    if not _COUNTER_NAME.fullmatch(name):
        return f"{name!r:.60} cannot name a counter: use lower-case letters, digits and _, 40 at most"
    if name in others:
        return f"the counter {name!r} is declared twice"
    figures = {name, name + PER_OPERATION}
    other = next((each for each in others if figures & {each, each + PER_OPERATION}), "")
    if other:
        return f"the counters {other!r} and {name!r} would share a figure: rename one"
    # memory is taken too, as thresholds know memory.peak
    metrics = {*METRICS, *(metric.partition(".")[0] for metric in METRICS)}
    if clash := sorted(figures & metrics):
        return f"{clash[0]!r} is a metric: call the counter something else"
    return f"{name!r} is a statistic: call the counter something else" if is_statistic(name) else ""


MOST_OPERATIONS: Final = 500
_INNER: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}", re.ASCII)


class Reading(NamedTuple):
    """What could be read of a source; with mistakes, what is readable beside them: nothing after a syntax error."""

    operations: tuple[DeclaredOperation, ...]
    mistakes: tuple[Mistake, ...]


def read_operations(source: str, built_in: Collection[str] = ()) -> Reading:
    """The functions of a source that are decorated with @operation, and every mistake, in the order of the lines."""
    try:
        tree = SyntaxTree(source, _parsed(source))
        operations = tuple(_operations(tree, built_in))
    except SyntaxError as error:
        place = max(error.lineno or 1, 1), max(error.offset or 1, 1)
        return Reading((), (Mistake(*place, f"not Python: {error.msg}"),))
    except (RecursionError, MemoryError):
        return Reading((), (Mistake(1, 1, "is nested too deep to be read"),))
    mistakes = tree.mistakes
    if not operations and not mistakes:
        mistakes = [tree.likely_operation()]
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
    for node in _in_order([source.tree]):
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
    own_nodes = _in_order(function.body, _INNER)
    if yielding := next((node for node in own_nodes if isinstance(node, (ast.Yield, ast.YieldFrom))), None):
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
        writes=fields_written(function, context),
    )


def _wrong_name(name: str, built_in: Collection[str]) -> str:
    """Why an operation cannot be called so; "" if it can."""
    if not _NAME.fullmatch(name):
        return f"{name!r:.70} cannot name an operation: use ASCII letters, digits and _, 64 at most"
    if name in built_in:
        return f"{name} is a built-in operation: choose another name"
    if name in METRICS:
        return f"{name} is the name of a metric: choose another name"
    return f"{name} is a setting of every step: choose another name" if name in RESERVED else ""


def _in_order(nodes: Iterable[ast.AST], left_out: tuple[type[ast.AST], ...] = ()) -> Iterator[ast.AST]:
    """Nodes and all that they hold, those of the source's first lines first; without recursion, however deep it is.

    Args:
        left_out: what is passed over, with all that it holds.
    """
    waiting = [*nodes][::-1]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, left_out):
            yield node
            waiting.extend([*ast.iter_child_nodes(node)][::-1])
