"""A parsed source: where its nodes stand, which names stand for @operation, and the mistakes found so far."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from perfcli.operations.own.declared import Mistake

Function = ast.FunctionDef | ast.AsyncFunctionDef

_PACKAGE: Final = "perfcli.operations"
_DECORATOR: Final = "operation"


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
