"""The files of own operations that a scenario names under `operations`. They are read; nothing executes them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

from perfcli.operations import STEP_MODELS
from perfcli.operations.own.declared import CounterUnit, DeclaredOperation, OperationFile, source_digest
from perfcli.scenario.library import FileKind, read_text, record_search
from perfcli.scenario.node import Node
from perfcli.scenario.problems import Location, Problem, ScenarioFileError, located, shown


class NoSourceError(Exception):
    """Why a module has no source to read."""


def module_file(name: str) -> Path:
    """The file of a module that Python could import here, e.g. "package.module".

    Raises:
        NoSourceError: there is no such module, or its source is not a file.
    """
    first, *rest = name.split(".")
    spec, path = _top_level(first), first
    for part in rest:
        if spec is None:
            break
        if spec.submodule_search_locations is None:
            raise NoSourceError(f"{path} is a module, not a package: it holds no {part!r:.60}")
        # by the last name alone: the full name would ask for the parent, which is not imported
        spec, path = PathFinder.find_spec(part, list(spec.submodule_search_locations)), f"{path}.{part}"
    if spec is None:
        raise NoSourceError(f"Python finds no module {path!r:.60}: install it, or name a file")
    if spec.origin is None:
        raise NoSourceError(f"{path} is a folder without __init__.py: name a module in it")
    if not (spec.origin.endswith(".py") and os.path.isfile(spec.origin)):
        raise NoSourceError(f"{path} has no source file")
    return Path(spec.origin)


def _top_level(name: str) -> ModuleSpec | None:
    """As an import finds it; the finders look for files, and run none."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None)
        if spec is not None:
            return spec
    return None


KEY: Final = "operations"
MOST_FILES: Final = 50
PYTHON_FILE: Final = FileKind("file of operations", (".py",), 256 * 1024, has_coding_line=True)
_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_FORM: Final = "write a file, e.g. my_operations.py, or a module, e.g. package.module"
_PYTHON_LINE_ENDS: Final = re.compile(r"\r\n?")
_OTHER_LINE_ENDS: Final = re.compile("[\x85\u2028\u2029]")


@dataclass
class OwnOperations:
    """What the files of a scenario declare.

    With problems, what could be read beside them: `is_whole` tells that at least the names of all are known.
    """

    files: list[OperationFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    is_whole: bool = True
    places: dict[str, Location] = field(default_factory=dict)
    """Where each operation is declared."""
    counters: dict[str, tuple[CounterUnit, Location]] = field(default_factory=dict)
    """The unit of each counter, and where it is declared first."""


def read_operation_files(root: Node) -> OwnOperations:
    """Read each file once. A file is looked for beside the scenario that names it, a module as Python imports it."""
    own = OwnOperations()
    paths: dict[str, Path] = {}
    for index, written in enumerate(_items(root, own)):
        try:
            _read(_new_path(written, paths), str(written.value), own)
        except _Wrong as error:
            own.problems.append(written.location.problem((KEY, index), str(error)))
            own.is_whole = False
        except ScenarioFileError as error:
            own.problems += located(error, written.location, (KEY, index))
            own.is_whole = False
    return own


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """What is wrong with an item of the list."""


def _items(root: Node, own: OwnOperations) -> list[Node]:
    section = root.child(KEY)
    if section is None:
        return []
    if not isinstance(section.value, list):
        written = f": write [{section.value}]" if isinstance(section.value, str) else f": {_FORM}"
        own.problems.append(section.location.problem((KEY,), f"expected a list, not {shown(section.plain())}{written}"))
        own.is_whole = False
        return []
    if len(section.value) > MOST_FILES:
        own.problems.append(section.key_location.problem((KEY,), f"too many items: at most {MOST_FILES} allowed"))
    return section.value[:MOST_FILES]


def _new_path(written: Node, paths: dict[str, Path]) -> Path:
    path = _path_of(written)
    other = paths.setdefault(os.path.realpath(path), path)
    if other is not path:
        raise _Wrong(f"is the same file as {other}: remove one")
    return path


def _path_of(written: Node) -> Path:
    name = written.value
    if not isinstance(name, str) or not name.strip():
        raise _Wrong(f"expected the name of a file, not {shown(written.plain())}: {_FORM}")
    # an option was written in no file: what it names is beside the user
    folder = Path(written.location.source).parent if written.location.line else Path()
    if name.endswith(".py") or os.sep in name or name.startswith("~"):
        return folder / os.path.expanduser(name)
    if not _MODULE.fullmatch(name):
        raise _Wrong(f"{shown(name)} is neither a file nor a module: {_FORM}")
    record_search()
    try:
        return module_file(name)
    except NoSourceError as error:
        beside = folder / f"{name}.py"
        meant = f" (did you mean {beside.name!r}?)" if beside.is_file() else ""
        raise _Wrong(f"{error}{meant}") from None


def _read(path: Path, written: str, own: OwnOperations) -> None:
    from perfcli.operations.own.source_reader import read_operations

    source = _PYTHON_LINE_ENDS.sub("\n", read_text(path, PYTHON_FILE))
    reading = read_operations(source, STEP_MODELS)
    # these end lines for YAML, and not for Python
    here = partial(Location, str(path), text=_OTHER_LINE_ENDS.sub(" ", source))
    own.problems += (here(line, column).problem((), message) for line, column, message in reading.mistakes)
    for operation in reading.operations:
        own.problems += _clashes(operation, here(operation.line, operation.column), own)
    own.is_whole &= bool(reading.operations)
    file = OperationFile(
        shown=written,
        path=os.path.abspath(path),
        digest=source_digest(source),
        source=source,
        operations=reading.operations,
    )
    own.files.append(file)


def _clashes(operation: DeclaredOperation, here: Location, own: OwnOperations) -> Iterator[Problem]:
    """An operation of another file that is called the same, and counters of the same name with another unit."""
    other = own.places.setdefault(operation.name, here)
    if other is not here:
        yield here.problem((), f"{operation.name} is declared in {other.source}:{other.line} too: rename one")
    for counter, unit in operation.counters.items():
        before, place = own.counters.setdefault(counter, (unit, here))
        if before != unit:
            where = f"{place.source}:{place.line}"
            yield here.problem((), f"the counter {counter!r} is a {unit}, but a {before} in {where}: rename one")
