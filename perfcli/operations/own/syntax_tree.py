"""A parsed source: where its nodes stand, which names mean @operation, and what a function does with its context."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from perfcli.errors import did_you_mean
from perfcli.operations.digipal_data import WRITABLE_FIELDS
from perfcli.operations.own.declared import Mistake

Function = ast.FunctionDef | ast.AsyncFunctionDef

_PACKAGE: Final = "perfcli.operations"
_DECORATOR: Final = "operation"
_IMPORT: Final = "from perfcli.operations import Context, operation"


class SyntaxTree:
    """A source that is Python, and a list of mistakes that readers add to.

    Args:
        source: with "\\n" as line ends.
    """

    def __init__(self, source: str, tree: ast.Module) -> None:
        self.mistakes: list[Mistake] = []
        self.tree = tree
        self._lines = source.split("\n")
        self._decorators = frozenset(name for node in ast.walk(tree) for name in _names_of_decorator(node))

    def mistake(self, node: ast.expr | ast.stmt | ast.arg, message: str) -> None:
        """Note what is wrong at a node."""
        self.mistakes.append(Mistake(*self.place_of(node), message))

    def name_mistake(self, function: Function, message: str) -> None:
        """Note what is wrong with a function, at its name."""
        self.mistakes.append(Mistake(*self.place_of_name(function), message))

    def place_of(self, node: ast.expr | ast.stmt | ast.arg) -> tuple[int, int]:
        """Line and column, in characters from 1; a syntax tree counts bytes of UTF-8 from 0."""
        before = self._lines[node.lineno - 1].encode()[: node.col_offset]
        return node.lineno, len(before.decode(errors="replace")) + 1

    def place_of_name(self, function: Function) -> tuple[int, int]:
        """Line and column of the name behind `def`."""
        line, column = self.place_of(function)
        found = re.compile(rf"\bdef\s+({re.escape(function.name)})\b").search(self._lines[line - 1], column - 1)
        return line, found.start(1) + 1 if found else column

    def decorator_of(self, node: Function | ast.ClassDef) -> ast.expr | None:
        """The @operation of a definition, called or not; None if it has none."""
        decorators = [each for each in node.decorator_list if dotted_name(_called(each)) in self._decorators]
        for again in decorators[1:]:
            self.mistake(again, f"{node.name:.60} is decorated with @operation twice")
        return decorators[0] if decorators else None

    def likely_operation(self) -> Mistake:
        """Where a source without operations was to have one, and what is wrong there."""
        for node in self.tree.body:
            if isinstance(node, Function):
                return self._undecorated(node)
            called = node.value.func if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) else None
            if called is not None and dotted_name(called) in self._decorators:
                return Mistake(*self.place_of(node), "an operation is a function: write @operation above its def")
        return Mistake(1, 1, f"holds no operation: write @operation above a function, and {_IMPORT}")

    def _undecorated(self, function: Function) -> Mistake:
        for decorator in function.decorator_list:
            name = dotted_name(_called(decorator)).rpartition(".")[2]
            if name == _DECORATOR:
                return Mistake(*self.place_of(decorator), f"@{name} is not imported: write {_IMPORT}")
            if meant := did_you_mean([name], [_DECORATOR]):
                return Mistake(*self.place_of(decorator), f"unknown decorator @{name:.60}{meant}")
        place = self.place_of_name(function)
        return Mistake(*place, f"{function.name:.60} is not an operation: write @operation above it, and {_IMPORT}")


def dotted_name(node: ast.expr) -> str:
    """ "a.b.c" of names and attributes; empty for any other expression."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _called(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _names_of_decorator(node: ast.AST) -> Iterator[str]:
    """The dotted names that an import gives to @operation."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name == _PACKAGE and alias.asname:
                yield f"{alias.asname}.{_DECORATOR}"
            elif alias.name == "perfcli" and alias.asname:
                yield f"{alias.asname}.operations.{_DECORATOR}"
            elif alias.name.partition(".")[0] == "perfcli":
                yield f"{_PACKAGE}.{_DECORATOR}"
    elif isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            if node.module == _PACKAGE and alias.name in (_DECORATOR, "*"):
                yield alias.asname or _DECORATOR
            elif node.module == "perfcli" and alias.name == "operations":
                yield f"{alias.asname or alias.name}.{_DECORATOR}"


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
            for item in statement.items if isinstance(statement, (ast.With, ast.AsyncWith)) else ():
                if _is_member(item.context_expr, context, "timed"):
                    yield item.context_expr, f"timed is not called: {_FORM.format(context)}"
            for block in _blocks(statement, context):
                if isinstance(statement, ast.AsyncWith):
                    yield block, f"a timed block is not async: {_FORM.format(context)}"
                if first is not None:
                    yield block, f"a second timed block: the first is on line {first.lineno}; join them, or remove one"
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
    return isinstance(node, ast.Call) and _is_member(node.func, context, "timed")


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
    wrote = _calls(function, context, "wrote")
    return tuple(sorted({keyword.arg for call in wrote for keyword in call.keywords if keyword.arg is not None}))


def context_mistakes(function: Function, context: str, counters: Collection[str]) -> Iterator[tuple[ast.expr, str]]:
    """Members that the context lacks, and counters that the decorator does not declare, each with what to say of it."""
    for member in _attributes(function, context):
        if member.attr not in MEMBERS:
            near = did_you_mean([member.attr], MEMBERS) or f": it has {', '.join(MEMBERS)}"
            yield member, f"the context has no {member.attr!r:.60}{near}"
    for call in _calls(function, context, "wrote"):
        for keyword in call.keywords:
            if keyword.arg is not None and keyword.arg not in WRITABLE_FIELDS:
                near = did_you_mean([keyword.arg], WRITABLE_FIELDS) or f": it has {', '.join(WRITABLE_FIELDS)}"
                yield keyword.value, f"a pet has no field {keyword.arg!r:.60} to look for{near}"
    for call in _calls(function, context, "check"):
        if _lacks_argument(call):
            yield call, f'check takes a condition and a text: write {context}.check(ok, "save_pet answered no")'
    for call in _calls(function, context, "count"):
        name = call.args[0] if call.args else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value not in counters:
            declare = f'declare it, @operation(counters={{"{name.value:.40}": "count"}})'
            near = did_you_mean([name.value], counters) or f": {declare}"
            yield name, f"no counter is named {name.value!r:.60}{near}"


def _lacks_argument(call: ast.Call) -> bool:
    """Whether a call has fewer than two arguments, none of them spread."""
    spread = any(isinstance(each, ast.Starred) for each in call.args) or any(not each.arg for each in call.keywords)
    return not spread and len(call.args) + len(call.keywords) < 2


def _attributes(function: Function, context: str) -> Iterator[ast.Attribute]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == context:
            yield node


def _is_member(node: ast.expr, context: str, member: str) -> bool:
    return isinstance(node, ast.Attribute) and dotted_name(node) == f"{context}.{member}"


def _calls(function: Function, context: str, member: str) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _is_member(node.func, context, member):
            yield node
