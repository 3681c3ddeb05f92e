"""Lists of a step that stand elsewhere: `{csv: words.csv, column: text}` in the place of the words themselves."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, Final

from perfcli.errors import did_you_mean, name_to_use
from perfcli.operations.base import MOST_CHOICES
from perfcli.operations.own.step import known_operations
from perfcli.scenario.library import FileKind, read_text
from perfcli.scenario.models import MOST_STEPS
from perfcli.scenario.node import Node
from perfcli.scenario.problems import KeyPath, Location, Problem, ScenarioFileError, legible, shown

CSV_FILE: Final = FileKind("CSV file", (".csv",), 1024 * 1024)
_LISTS: Final = ("texts", "actions", "egg_types")
_KEYS: Final = ("list", "csv", "column")
_DELIMITERS: Final = (",", ";", "\t")
_FORMS: Final = "write a list, {list: [...]} or {csv: FILE, column: NAME}"


def put_in_data(root: Node) -> list[Problem]:
    """Put the lists that steps refer to in their places, where every item keeps the line it was read from.

    A CSV file is looked for beside the file that names it. A list that cannot be read is taken away, so that it is
    told once.
    """
    problems: list[Problem] = []
    for path, settings in _settings_of_steps(root):
        assert isinstance(settings.value, dict)
        for key in text_lists():
            source = settings.child(key)
            if source is None or not isinstance(source.value, dict):
                continue
            try:
                settings.value[key] = Node(_items(source), source.location, source.key_location)
            except _UnusableError as error:
                problems += error.at((*path, key))
                del settings.value[key]
    return problems


def text_lists() -> list[str]:
    """The settings that hold lists of texts, those of own operations included."""
    parameters = (each for model in known_operations().models.values() for each in model.declared.parameters)
    return [*_LISTS, *{each.name: None for each in parameters if each.type.startswith("list[str]")}]


def _settings_of_steps(root: Node) -> Iterator[tuple[KeyPath, Node]]:
    phases = root.child("phases")
    items = phases.value if phases and isinstance(phases.value, list) else []
    sections: list[tuple[KeyPath, Node]] = [((), root), *((("phases", at), item) for at, item in enumerate(items))]
    for path, section in sections:
        flow = section.child("flow")
        steps = flow.value if flow and isinstance(flow.value, list) else []
        for index, step in enumerate(steps[:MOST_STEPS]):
            yield from _settings_of(step, (*path, "flow", index))


def _settings_of(step: Node, path: KeyPath) -> Iterator[tuple[KeyPath, Node]]:
    """The section that holds the settings of a step, in the long form or in the short one."""
    if not isinstance(step.value, dict):
        return
    if "operation" in step.value:
        yield path, step
    elif len(step.value) == 1:
        ((operation, settings),) = step.value.items()
        if isinstance(settings.value, dict):
            yield (*path, operation), settings


class _UnusableError(Exception):
    """Why a list cannot be had: at places of files of their own, or at one below the key of the list."""

    def __init__(self, location: Location, below: KeyPath, message: str) -> None:
        super().__init__(message)
        self._location, self._below, self._message = location, below, message

    def at(self, path: KeyPath) -> list[Problem]:
        return [self._location.problem((*path, *self._below), self._message)]


def _items(source: Node) -> list[Node]:
    assert isinstance(source.value, dict)
    for key, child in source.value.items():
        if key not in _KEYS:
            raise _UnusableError(child.key_location, (key,), f"unknown key{did_you_mean([key], _KEYS)}: {_FORMS}")
    match source.value:
        case {"list": written, **others} if not others:
            return _plain_list(written)
        case {"csv": name, **others} if "list" not in others:
            return _column_of_file(name, others.get("column"))
    raise _UnusableError(source.location, (), f"expected a list or a column of a file: {_FORMS}")


def _plain_list(written: Node) -> list[Node]:
    if not isinstance(written.value, list):
        raise _UnusableError(written.location, ("list",), f"expected a list, not {shown(written.plain())}")
    return written.value


def _column_of_file(name: Node, column: Node | None) -> list[Node]:
    for key, written in (("csv", name), ("column", column)):
        if written is not None and not (isinstance(written.value, str) and written.value):
            raise _UnusableError(written.location, (key,), f"expected a name, not {shown(written.plain())}")
    path = (Path(name.location.source).parent if name.location.line else Path()) / os.path.expanduser(str(name.value))
    try:
        text = read_text(path, CSV_FILE)
    except ScenarioFileError as error:
        (problem,) = error.problems
        where = legible(f"{problem.file}:{problem.line}" if problem.line else problem.file)
        raise _UnusableError(name.location, ("csv",), f"{where}: {problem.message}") from None
    return _column(_rows(path, text), Location(str(path), text=text), name, column)


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line it begins on."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter_of(text), strict=True)
    begins = 1
    try:
        for row in reader:
            if row:
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise _UnusableError(Location(str(path), begins, 1), (), f"not CSV: {error}") from None


def _delimiter_of(text: str) -> str:
    """The comma; a semicolon or a tab if it stands in the header instead, as spreadsheets write them in many countries.

    In quotes it is part of a name. A header of one column says nothing, and its rows are taken as they are.
    """
    header = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").partition("\n")[0])
    return next((delimiter for delimiter in _DELIMITERS if delimiter in header), ",")


def _column(rows: Iterator[tuple[int, list[str]]], file: Location, name: Node, column: Node | None) -> list[Node]:
    first, header = next(rows, (0, []))
    if not header:
        raise _UnusableError(name.location, ("csv",), f"{file.source} is empty: it needs a header and rows below it")
    index = _index(header, replace(file, line=first, column=1), column)
    values: list[Node] = []
    for line, row in rows:
        location = replace(file, line=line, column=1)
        if len(row) != len(header):
            wrong = f"has {_fields(row)}, but the header has {len(header)}"
            raise _UnusableError(location, (), f"{wrong}: quote texts that hold the separator")
        if len(header) > 1 and row == header:
            raise _UnusableError(location, (), "repeats the header: remove this line")
        if len(values) == MOST_CHOICES:
            raise _UnusableError(location, (), f"has too many rows: a step can choose from {MOST_CHOICES:,} at most")
        values.append(Node(row[index], location, location))
    if not values:
        raise _UnusableError(name.location, ("csv",), f"{file.source} has a header only: add rows below it")
    return values


def _index(header: list[str], location: Location, column: Node | None) -> int:
    if column is not None:
        if column.value not in header:
            meant = name_to_use([str(column.value)], map(legible, header))
            message = f"{location.source} has no column {shown(column.value)}{meant}"
            raise _UnusableError(column.location, ("column",), message)
        if (named := header.count(str(column.value))) > 1:
            message = f"{location.source} has {named} columns {shown(column.value)}: rename all but one"
            raise _UnusableError(column.location, ("column",), message)
        return header.index(str(column.value))
    if len(header) > 1:
        raise _UnusableError(location, (), f"has several columns: choose one, e.g. column: {legible(header[0])}")
    return 0


def _fields(row: list[Any]) -> str:
    return f"{len(row)} {'field' if len(row) == 1 else 'fields'}"
