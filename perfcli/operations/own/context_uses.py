"""What a function does with its context: members it names, blocks it times, and uses that are wrong on every run."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from perfcli.operations.digipal_data import WRITABLE_FIELDS
from perfcli.operations.own.syntax_tree import Function
from perfcli.thresholds import did_you_mean

_FORM: Final = "write with {}.timed():"

Place = tuple[ast.expr | ast.stmt, str]


def timed_mistakes(function: ast.FunctionDef | ast.AsyncFunctionDef, context: str) -> Iterator[Place]:
    """The second block on a straight path, and a block that times nothing, each with what to say of it.

    Args:
        context: the name of the parameter that is the context.
    """
    paths: list[Sequence[ast.stmt]] = [function.body]
    while paths:
        first: ast.expr | None = None
        for statement in _straight(paths.pop(0), paths):
            if isinstance(statement, ast.Expr) and _is_timed(statement.value, context):
                yield statement, f"this times nothing: {_FORM.format(context)}"
            for block in _blocks(statement, context):
                if isinstance(statement, ast.AsyncWith):
                    yield block, f"a timed block is no async one: {_FORM.format(context)}"
                if first is not None:
                    yield block, f"a second timed block: the first is on line {first.lineno}"
                first = first or block


def _straight(body: Sequence[ast.stmt], branches: list[Sequence[ast.stmt]]) -> Iterator[ast.stmt]:
    """The statements that run one after the other if nothing is raised; the bodies of branches are put aside."""
    waiting = [*body]
    while waiting:
        statement = waiting.pop(0)
        yield statement
        match statement:
            case ast.With() | ast.AsyncWith():
                waiting[:0] = statement.body
            case ast.Try() | ast.TryStar():
                waiting[:0] = [*statement.body, *statement.orelse, *statement.finalbody]
                branches.extend(handler.body for handler in statement.handlers)
            case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
                branches.extend((statement.body, statement.orelse))
            case ast.Match():
                branches.extend(case.body for case in statement.cases)
            case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
                return


def _blocks(statement: ast.stmt, context: str) -> Iterator[ast.expr]:
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        yield from (item.context_expr for item in statement.items if _is_timed(item.context_expr, context))


def _is_timed(node: ast.expr, context: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "timed"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == context
    )


ANYTHING: Final = "*"
"""Stands for all members, if the context itself is handed on."""
MEMBERS: Final = (
    "call_tool",
    "check",
    "count",
    "engine",
    "folder",
    "pet",
    "random",
    "storage",
    "text",
    "timed",
    "user",
    "vu",
    "wrote",
)


def members_used(function: Function, context: str) -> tuple[str, ...]:
    """The members of the context that a function may use: by name, or any of them."""
    attributes = list(_attributes(function, context))
    named = {node.attr for node in attributes}
    owners = {id(node.value) for node in attributes}
    handed_on = any(
        isinstance(node, ast.Name) and node.id == context and id(node) not in owners for node in ast.walk(function)
    )
    return tuple(sorted(named & set(MEMBERS) | ({ANYTHING} if handed_on else set())))


def fields_written(function: Function, context: str) -> tuple[str, ...]:
    """The fields of the pet that a function reports with `wrote`; those of a mapping or a helper are not known."""
    calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
    wrote = (call for call in calls if _is_member(call.func, context, "wrote"))
    return tuple(sorted({keyword.arg for call in wrote for keyword in call.keywords if keyword.arg is not None}))


def context_mistakes(function: Function, context: str, counters: Collection[str]) -> Iterator[tuple[ast.expr, str]]:
    """Members that the context lacks, and counters that the decorator does not declare, each with what to say of it."""
    for member in _attributes(function, context):
        if member.attr not in MEMBERS:
            near = did_you_mean([member.attr], MEMBERS) or f": it has {', '.join(MEMBERS)}"
            yield member, f"the context has no {member.attr!r:.60}{near}"
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _is_member(node.func, context, "wrote"):
            for keyword in node.keywords:
                if keyword.arg is not None and keyword.arg not in WRITABLE_FIELDS:
                    near = did_you_mean([keyword.arg], WRITABLE_FIELDS) or f": it has {', '.join(WRITABLE_FIELDS)}"
                    yield keyword.value, f"a pet has no field {keyword.arg!r:.60} to look for{near}"
        if isinstance(node, ast.Call) and _is_member(node.func, context, "count") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value not in counters:
                declare = f'declare it, @operation(counters={{"{name.value:.40}": "count"}})'
                near = did_you_mean([name.value], counters) or f": {declare}"
                yield name, f"no counter is called {name.value!r:.60}{near}"


def _attributes(function: Function, context: str) -> Iterator[ast.Attribute]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == context:
            yield node


def _is_member(node: ast.expr, context: str, member: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == member
        and isinstance(node.value, ast.Name)
        and node.value.id == context
    )
