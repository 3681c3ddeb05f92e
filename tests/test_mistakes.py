"""Plausible mistakes, each with the whole message that a user sees: `tests/mistakes/*.txt`, to be read aloud.

A case is a title, files (`| NAME`, then their lines, indented by two), a command (`$`), what it prints, and its exit
code. After a change that is meant: `UPDATE_GOLDEN=1 pytest tests/test_mistakes.py`, then read the difference.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from perfcli.__main__ import exit_code_of

_TABLES: Final = sorted((Path(__file__).parent / "mistakes").glob("*.txt"))
_NEXT_STEP: Final = re.compile(
    r"\b(did you mean|[Hh]int|[Tt]ry|write|use|add|drop|remove|name|give|set|choose|raise|save|start|run|install|indent"
    r"|change|align|close|quote|needs|put|must be|can never|check|replace|expected|required|one of|move|digipal-perf)\b"
)
_STARTS_AN_ENGINE: Final = ("servers: a server that does not listen",)


@dataclass
class Mistake:
    """A command with the files it finds, and what becomes of it."""

    title: str
    files: dict[str, str] = field(default_factory=dict)
    command: str = ""
    printed: str = ""
    code: int = 0

    def __str__(self) -> str:
        files = "".join(f"| {name}\n{_indented(text)}" for name, text in self.files.items())
        return f"= {self.title}\n{files}$ {self.command}\n{self.printed}exit {self.code}\n"


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def read(table: Path) -> list[Mistake]:
    """The cases of a file."""
    mistakes: list[Mistake] = []
    name = ""
    for line in table.read_text(encoding="utf-8").splitlines():
        sign, rest = line[:2], line[2:]
        if sign == "= ":
            mistakes.append(Mistake(rest))
        elif sign == "| ":
            name = rest
            mistakes[-1].files[name] = ""
        elif sign == "$ ":
            mistakes[-1].command, name = rest, ""
        elif line.startswith("exit ") and mistakes[-1].command:
            mistakes[-1].code = int(line.removeprefix("exit "))
        elif name:
            mistakes[-1].files[name] += f"{rest}\n"
        elif mistakes[-1].command and line:
            mistakes[-1].printed += f"{line}\n"
    return mistakes


MISTAKES: Final = {table.stem: read(table) for table in _TABLES}


@pytest.mark.parametrize(
    ("table", "number"),
    [
        pytest.param(table, number, id=name, marks=[pytest.mark.end_to_end] if name in _STARTS_AN_ENGINE else [])
        for table, mistakes in MISTAKES.items()
        for number, mistake in enumerate(mistakes)
        for name in [f"{table}: {mistake.title}"]
    ],
)
def test_a_mistake_is_explained(
    table: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mistake = MISTAKES[table][number]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name, text in mistake.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    words = shlex.split(mistake.command)
    while "=" in words[0]:
        monkeypatch.setenv(*words.pop(0).split("=", 1))
    code = exit_code_of(words[1:])
    shown = capsys.readouterr()
    printed = (shown.err + shown.out).replace(f"{tmp_path.resolve()}/", "").replace(str(tmp_path), ".")
    printed = re.sub(r"(?m)^engine: .*$", "engine: …", printed)
    printed = "".join(f"{line.rstrip()}\n" for line in printed.splitlines() if line.strip())
    if os.environ.get("UPDATE_GOLDEN"):
        mistake.printed, mistake.code = printed, code
        path = next(path for path in _TABLES if path.stem == table)
        path.write_text("\n".join(map(str, MISTAKES[table])), encoding="utf-8")
    assert (printed, code) == (mistake.printed, mistake.code)


def test_there_are_forty_mistakes_and_more() -> None:
    assert sum(map(len, MISTAKES.values())) >= 40


@pytest.mark.parametrize(
    "mistake", [mistake for mistakes in MISTAKES.values() for mistake in mistakes], ids=lambda mistake: mistake.title
)
def test_each_message_says_what_to_do_next(mistake: Mistake) -> None:
    assert _NEXT_STEP.search(mistake.printed), mistake.printed
