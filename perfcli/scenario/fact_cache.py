"""What was found in scenario files without a mistake, kept in the user's cache folder until something changes.

    $XDG_CACHE_HOME/digipal-perf/     ~/.cache/digipal-perf/ if it is not set
      4f1c….json                      what one command asked of one file: a checksum, and a line of JSON

An entry counts only if every file and variable that was read still holds the same, and the tool, its libraries and
Python are the same too. What is missing, damaged, somebody else's or cannot be written is as if there were none.
Imports neither YAML nor the models, so that a known file is answered at once.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from perfcli.scenario.library import Reads, recorded_reads, shipped_scenarios
from perfcli.scenario.problems import Problem, ScenarioFileError

MOST_ENTRIES: Final = 1_000
MOST_BYTES: Final = 64 * 1024
"""Of an entry."""

_LIBRARIES: Final = ("pydantic", "pydantic_core", "yaml")
"""What reads and checks scenarios, beside the tool's own code."""

_PACKAGE: Final = Path(__file__).parent.parent
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH

Facts = Sequence[Any]
"""What one command wants to know of a scenario: texts, and lists of texts."""


def facts_of(question: str, paths: Sequence[Path], load: Callable[[Path], Facts], *, cached: bool) -> list[Facts]:
    """What is to be known of scenario files, kept or loaded.

    Args:
        question: tells apart what different commands want to know.
        load: finds the facts, or raises ScenarioFileError.
        cached: False takes nothing that was kept, and keeps nothing.

    Raises:
        ScenarioFileError: with every mistake of every file. Such files are not kept.
    """
    folder = cache_folder(os.environ) if cached else None
    cache = FactCache(folder) if folder else None
    found: list[Facts] = []
    problems: list[Problem] = []
    for path in paths:
        kept = cache.get(question, path) if cache else None
        try:
            found.append(kept or _loaded(question, path, load, cache))
        except ScenarioFileError as error:
            problems += error.problems
    if problems:
        raise ScenarioFileError(problems)
    return found


def _loaded(question: str, path: Path, load: Callable[[Path], Facts], cache: FactCache | None) -> Facts:
    with recorded_reads() as reads:
        facts = load(path)
    if cache:
        cache.keep(question, path, facts, reads)
    return facts


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Where the tool's caches are, after the XDG Base Directory Specification; None if the user has no home."""
    named = environment.get("XDG_CACHE_HOME", "")
    caches = named if os.path.isabs(named) else os.path.expanduser("~/.cache")
    return Path(caches, "digipal-perf") if os.path.isabs(caches) else None


class FactCache:
    """Entries in a folder that only its user can write to."""

    def __init__(self, folder: Path) -> None:
        self._path = folder
        self._number: int | None = None

    def get(self, question: str, path: Path) -> Facts | None:
        """The facts that were kept of a file, if they still hold; the file under another name is another one."""
        with suppress(OSError, ValueError):
            with self._folder() as folder:
                content = _read_own(_name(question, path), folder)
            checksum, _, line = content.partition(b"\n")
            if checksum == self._checksum(line):
                entry = json.loads(line)
                is_unchanged = all(map(_holds, entry["files"])) and all(map(_is_set, entry["variables"].items()))
                return list(entry["facts"]) if is_unchanged else None
        return None

    def keep(self, question: str, path: Path, facts: Facts, reads: Reads) -> None:
        """Keep the facts of a file, if they depend on nothing but what was read."""
        if not reads.is_all or None in reads.files.values():
            return
        files = [
            (str(path), os.path.realpath(path), len(content), _digest(content))
            for path, content in reads.files.items()
            if content is not None
        ]
        variables = {name: _digest_of_text(value) for name, value in reads.variables.items()}
        line = json.dumps({"files": files, "variables": variables, "facts": facts}).encode()
        if len(line) > MOST_BYTES:
            return
        with suppress(OSError, ValueError):
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._folder() as folder:
                self._make_room(folder)
                _write_whole(_name(question, path), self._checksum(line) + b"\n" + line, folder)

    @contextmanager
    def _folder(self) -> Iterator[int]:
        """The open folder: whatever its name stands for meanwhile, this one is the user's own.

        Raises:
            OSError: there is none, or others can write to it.
        """
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _check_own(os.fstat(folder), self._path)
            yield folder
        finally:
            os.close(folder)

    def _checksum(self, line: bytes) -> bytes:
        return _digest(self._makers + line).encode()

    @cached_property
    def _makers(self) -> bytes:
        """The digest of what decides on facts beside what is read: the code of the tool, its libraries, Python."""
        libraries = [spec.origin for spec in map(find_spec, _LIBRARIES) if spec and spec.origin]
        code = sorted(map(_stamp, [*_sources(str(_PACKAGE)), *libraries]))
        shipped = [str(path) for path in shipped_scenarios()]
        return _digest(json.dumps([sys.version, code, shipped]).encode()).encode()

    def _make_room(self, folder: int) -> None:
        """Remove the oldest entries, a quarter of them, if there are too many."""
        if self._number is None or self._number >= MOST_ENTRIES:
            names = [name for name in os.listdir(folder) if name.endswith(".json")]
            oldest_first = sorted(names, key=lambda name: os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime)
            surplus = len(names) - MOST_ENTRIES * 3 // 4 if len(names) >= MOST_ENTRIES else 0
            for name in oldest_first[:surplus]:
                os.unlink(name, dir_fd=folder)
            self._number = len(names) - surplus
        self._number += 1


def _name(question: str, path: Path) -> str:
    # a path may be relative, and `~` in a scenario is the user's home
    where = [str(path), os.getcwd(), os.path.expanduser("~")]
    return f"{_digest(json.dumps([question, *where]).encode())}.json"


def _read_own(name: str, folder: int) -> bytes:
    """A file of the user's own.

    Raises:
        OSError: there is none, or others can write to it.
    """
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _check_own(status, name)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{name} is no regular file")
        return file.read(2 * MOST_BYTES)


def _check_own(status: os.stat_result, name: object) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & _WRITABLE_BY_OTHERS:
        raise PermissionError(f"others can write to {name}")


def _write_whole(name: str, content: bytes, folder: int) -> None:
    """Write beside the place and rename: readers see the old entry or the new one."""
    unfinished = f"{os.urandom(8).hex()}.unfinished.json"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(unfinished, dir_fd=folder)
        raise


def _holds(written: tuple[str, str, int, str]) -> bool:
    """Whether a file is the same as when it was read."""
    path, real, size, digest = written
    status = os.stat(path)
    # a pipe would block
    if not stat.S_ISREG(status.st_mode) or status.st_size != size or os.path.realpath(path) != real:
        return False
    with open(path, "rb") as file:
        return _digest(file.read(size + 1)) == digest


def _is_set(written: tuple[str, str]) -> bool:
    """Whether a variable has the value that it had."""
    name, digest = written
    return _digest_of_text(os.environ.get(name)) == digest


def _sources(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and entry.name != "__pycache__":
                yield from _sources(entry.path)
            elif entry.name.endswith(".py") and not entry.name.startswith("."):
                yield entry.path


def _stamp(path: str) -> list[str | int]:
    """What changes with a file of code, however it is replaced."""
    status = os.stat(path)
    return [path, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=20).hexdigest()


def _digest_of_text(text: str | None) -> str:
    """The digest of a variable's value, which may be a secret; "" if it is not set."""
    return "" if text is None else _digest(os.fsencode(text))
