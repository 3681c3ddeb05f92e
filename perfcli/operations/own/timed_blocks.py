"""Uses of `ctx.timed()` that are wrong on every run. What loops and branches do shows at run time only."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

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
