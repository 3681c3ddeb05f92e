"""What a function does with its context: which members it names, and names that cannot be right."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Final

from perfcli.operations.own.context import Context
from perfcli.operations.own.syntax_tree import Function
from perfcli.thresholds import did_you_mean

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


def members_used(function: Function, context: str) -> frozenset[str]:
    """The members of the context that a function may use: by name, or any of them."""
    attributes = list(_attributes(function, context))
    named = {node.attr for node in attributes}
    owners = {id(node.value) for node in attributes}
    handed_on = any(
        isinstance(node, ast.Name) and node.id == context and id(node) not in owners for node in ast.walk(function)
    )
    return frozenset(named & set(MEMBERS) | ({ANYTHING} if handed_on else set()))


def context_mistakes(function: Function, context: str, counters: Collection[str]) -> Iterator[tuple[ast.expr, str]]:
    """Members that the context lacks, and counters that the decorator does not declare, each with what to say of it."""
    for member in _attributes(function, context):
        if not hasattr(Context, member.attr):
            near = did_you_mean([member.attr], MEMBERS) or f": it has {', '.join(MEMBERS)}"
            yield member, f"the context has no {member.attr!r:.60}{near}"
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _is_count(node.func, context) and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value not in counters:
                declare = f'declare it, @operation(counters={{"{name.value:.40}": "count"}})'
                near = did_you_mean([name.value], counters) or f": {declare}"
                yield name, f"no counter is called {name.value!r:.60}{near}"


def _attributes(function: Function, context: str) -> Iterator[ast.Attribute]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == context:
            yield node


def _is_count(node: ast.expr, context: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "count"
        and isinstance(node.value, ast.Name)
        and node.value.id == context
    )
