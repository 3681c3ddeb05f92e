"""What is wrong with a scenario file: every mistake with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, TypeVar
from unicodedata import combining, east_asian_width

from perfcli.errors import UsageError

MOST_PROBLEMS: Final = 100
_MOST_SHOWN: Final = 60
_LINE_BREAK: Final = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # as YAML counts lines
_BEFORE_CARET: Final = 40
_WIDEST_EXCERPT: Final = 70

T = TypeVar("T")

KeyPath = tuple[str | int, ...]
"""Keys and list indexes from the top of a file down to a value."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where something was written: a spot of a file, or a whole file or option (line 0)."""

    source: str
    line: int = 0
    column: int = 0
    text: str = field(default="", compare=False, repr=False)
    """What the file holds, for the line to be shown; "" if that is not known."""

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Something that is wrong here."""
        return Problem(self.source, self.line, self.column, path_text(path), message, self.text)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: who wrote it (a file, or an option as it was typed), where, in which key, and what is wrong.

    Lines and columns count from 1; line 0 means the whole file or option.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    text: str = field(default="", compare=False, repr=False)
    """The whole text of the file, if it was read."""

    def __str__(self) -> str:
        is_in_file = self.line and not self.file.startswith("--")
        location = f"{self.file}:{self.line}:{self.column}" if is_in_file else self.file
        text = ": ".join(filter(None, (location, self.path, self.message)))
        # what the file holds may be quoted anywhere in it: nothing of that may steer a terminal
        return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)

    def with_source_line(self, indent: str = "") -> str:
        """The problem, and below it the line it is on with a caret under the column; alone if there is no line."""
        line = _LINE_BREAK.split(self.text)[self.line - 1 : self.line] if self.line else []
        if not line or not line[0].strip():
            return f"{indent}{self}"
        at = self.column - 1
        start = max(0, at - _BEFORE_CARET)
        excerpt = "".join(char if char.isprintable() else " " for char in line[0][start : start + _WIDEST_EXCERPT])
        head, more = f"{indent}{self.line:>5} | ", "…" if start else ""
        return (
            f"{indent}{self}\n{head}{more}{excerpt}\n{' ' * (len(head) + len(more) + _cells(excerpt[: at - start]))}^"
        )


def _cells(text: str) -> int:
    """The columns of a terminal that a text takes, after Unicode's annex 11: 2 if wide, 0 for marks."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


class ScenarioFileError(UsageError):
    """Scenarios that cannot run (exit 2), with all that is wrong with them.

    As text it has one line a problem; its `message` also shows the source line of each, with a caret.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))
        self.message = "\n".join(problem.with_source_line() for problem in self.problems)


def located(error: ScenarioFileError, named_at: Location, path: KeyPath) -> list[Problem]:
    """The problems of a file that another one names: those of the whole file where it is named."""
    return [
        each if each.line else named_at.problem(path, f"{legible(each.file)}: {each.message}")
        for each in error.problems
    ]


def in_order(problems: Iterable[Problem], file: str) -> list[Problem]:
    """The problems of one scenario, each once: those of its file, of others it brings in, of options; the first 100."""

    def order(problem: Problem) -> tuple[bool, bool, str, int, int]:
        other_file = problem.file if problem.line else ""  # options stay in the order they were typed in
        return not problem.line, problem.file != file, other_file, problem.line, problem.column

    ordered = sorted(dict.fromkeys(problems), key=order)
    if len(ordered) <= MOST_PROBLEMS:
        return ordered
    more = Problem(file, 0, 0, "", f"has more mistakes: these are the first {MOST_PROBLEMS}")
    return [*ordered[:MOST_PROBLEMS], more]


def location_at(source: str, text: str, index: int) -> Location:
    """The line and column of a position in a text."""
    line_start = text.rfind("\n", 0, index) + 1
    return Location(source, text.count("\n", 0, index) + 1, index - line_start + 1, text)


def first_problems(problems: Iterable[T]) -> Iterable[T]:
    """As many problems (or their makings) as will be told and one more, which shows that there are more."""
    return islice(problems, MOST_PROBLEMS + 1)


def path_text(path: KeyPath) -> str:
    """A path as people write it, e.g. "flow[2].care.actions"."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{legible(part)}" for part in path)
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value as a message quotes it: short, and free of characters that a terminal would obey."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a section with keys"
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else _cut(repr(value))


def legible(text: str) -> str:
    """A key or an option without quotes, on one line: short and printable as well."""
    return _cut(text if text.isprintable() else repr(text)[1:-1])


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
