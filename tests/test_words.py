"""Words that texts for users do without: help, messages, reports, descriptions of metrics, keys and fields.

Only strings are looked at, not names and docstrings; the docstring of a command's options is its help.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
TIRING: Final = re.compile(
    r"(?i)\b(tells?|told|telling|says?|said|saying|blames?|blamed|proves?|proved|proven|proof|gravest|premises|pace"
    r"|nobody|somebody|anybody|whoever|likewise|afresh|as many|so many|none that|became of|becomes of|where there is"
    r"|is no (?:name|file|number|list|directory|metric|load|option))\b|(?<!above )\bone that\b"
)
COMMANDS: Final = ROOT / "perfcli" / "commands"
SOURCES: Final = sorted(path for path in (ROOT / "perfcli").rglob("*.py") if "testing" not in path.parts)


def texts(source: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module with their lines; docstrings only if they are the help of a command."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    docstrings = {
        id(statement.value)
        for node in ast.walk(tree)
        if not (isinstance(node, ast.ClassDef) and _is_help(node))
        for statement in ast.iter_child_nodes(node)
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def _is_help(node: ast.ClassDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "options" for each in node.decorator_list)


@pytest.mark.slow
def test_texts_for_users_are_plain() -> None:
    found = [f"{source.relative_to(ROOT)}:{line}: {text}" for source in SOURCES for line, text in texts(source)]
    assert [text for text in found if TIRING.search(text.split(": ", 1)[1])] == []


def test_shipped_scenarios_are_plain() -> None:
    scenarios = sorted((ROOT / "scenarios").glob("*.yaml"))
    assert scenarios
    assert [(path.name, words) for path in scenarios if (words := TIRING.findall(path.read_text("utf-8")))] == []


def test_a_tiring_word_is_found(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text('"""It is told."""\nmessage = f"{1} is told"\n\n\n@options\nclass Run:\n    """Say it."""\n')
    assert [text for _, text in texts(source) if TIRING.search(text)] == [" is told", "Say it."]
