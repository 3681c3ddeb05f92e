"""Where scenarios are: shipped with the tool and found by name, or in the files and folders of the user.

Imports neither YAML nor the models, so that the command's help and completion stay quick.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from perfcli.errors import UsageError, did_you_mean
from perfcli.scenario.problems import Location, ScenarioFileError, location_at
from perfcli.streams import complain


class FileKind(NamedTuple):
    """What a file is expected to be."""

    noun: str
    suffixes: tuple[str, ...]
    most_bytes: int
    has_coding_line: bool = False
    """Whether a comment can name another encoding than UTF-8, as in Python (PEP 263)."""


_UTF_8: Final = "utf-8-sig"
SCENARIO_FILE: Final = FileKind("scenario file", (".yaml", ".yml"), 256 * 1024)
_CODING_LINE: Final = re.compile(
    rb"(?:[ \t\f]*(?:#[^\r\n]*)?\r?\n)??[ \t\f]*#[^\r\n]*?coding[:=][ \t]*([-\w.]+)", re.ASCII
)


@dataclass(eq=False)
class Reads:
    """What was read for scenarios: those files, the files they bring in, and variables of the environment."""

    files: dict[Path, bytes | None] = field(default_factory=dict)
    """What each file held; None if it could not be read."""
    variables: dict[str, str | None] = field(default_factory=dict)
    """The value of each variable; None if it is not set."""
    is_all: bool = True
    """Whether nothing else decided what was read: Python may have been asked where a module is."""


_recordings: list[Reads] = []


@contextmanager
def recorded_reads() -> Iterator[Reads]:
    """What is read inside of the block."""
    reads = Reads()
    _recordings.append(reads)
    try:
        yield reads
    finally:
        _recordings.remove(reads)


def read_variable(name: str) -> str | None:
    """The value of a variable of the environment; None if it is not set."""
    value = os.environ.get(name)
    for reads in _recordings:
        reads.variables[name] = value
    return value


def record_search() -> None:
    """Note that what is read depends on more than files and variables."""
    for reads in _recordings:
        reads.is_all = False


def read_text(path: Path, kind: FileKind = SCENARIO_FILE) -> str:
    """The text of a regular file, not larger than its kind may be, in UTF-8 with or without a byte order mark.

    A kind with a coding line may name another encoding.

    Raises:
        ScenarioFileError: it is not that; the message says what it is instead.
    """
    _record(path, None)
    try:
        content = _read_bytes(path, kind)
    except FileNotFoundError:
        raise _unusable(path, _why_missing(path, kind)) from None
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    except ValueError:  # a NUL in the path
        raise _unusable(path, "is not a valid file name") from None
    _record(path, content)
    return _decoded(path, content, _encoding(content) if kind.has_coding_line else _UTF_8)


def _record(path: Path, content: bytes | None) -> None:
    for reads in _recordings:
        reads.is_all &= reads.files.get(path) in (None, content)  # no file that changed meanwhile
        reads.files[path] = content


def _read_bytes(path: Path, kind: FileKind) -> bytes:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise _unusable(path, "is a directory: name a file in it")
    # a pipe would block and a device may never end
    if not stat.S_ISREG(status.st_mode):
        raise _unusable(path, "is not a regular file")
    with path.open("rb") as file:
        content = file.read(kind.most_bytes + 1)
    if len(content) > kind.most_bytes:
        raise _unusable(path, f"is too large: a {kind.noun} has at most {kind.most_bytes // 1024} KiB")
    return content


def _encoding(content: bytes) -> str:
    """The encoding that one of the first two lines names; else UTF-8."""
    declared = None if content.startswith(codecs.BOM_UTF8) else _CODING_LINE.match(content)
    return declared[1].decode() if declared else _UTF_8


def _decoded(path: Path, content: bytes, encoding: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _unusable(path, "is written in UTF-16 or UTF-32: save it as UTF-8")
    if b"\0" in content:
        raise _unusable(path, f"is a binary file: byte {content.index(0) + 1} is NUL")
    try:
        text = content.decode(encoding)
        text.encode()  # an encoding of Python's own may give halves of characters
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        before = content[:at].decode(encoding, errors="replace")
        name = "UTF-8" if encoding == _UTF_8 else encoding
        wrong = f"byte 0x{content[at]:02x} is not {name}: save the file as {name}"
        raise ScenarioFileError([location_at(str(path), before, len(before)).problem((), wrong)]) from None
    except LookupError:
        raise _unusable(path, f"no text encoding is named {encoding!r:.60}: save the file as UTF-8") from None
    return text


def _unusable(path: Path, message: str) -> ScenarioFileError:
    return ScenarioFileError([Location(str(path)).problem((), message)])


def _why_missing(path: Path, kind: FileKind) -> str:
    if path.is_symlink():
        return f"is a link to {os.readlink(path)}, which does not exist: correct the link"
    return f"no such file{did_you_mean([path.name], _neighbours(path, kind)) or ': check the path'}"


def _neighbours(path: Path, kind: FileKind) -> list[str]:
    try:
        return [neighbour.name for neighbour in path.parent.iterdir() if neighbour.suffix in kind.suffixes]
    except OSError:
        return []


_PACKAGE: Final = Path(__file__).resolve().parent.parent
_SHIPPED: Final = (_PACKAGE / "shipped", _PACKAGE.parent / "scenarios")
_SUFFIXES: Final = (".yaml", ".yml")
"""In lower case; a file's own may be in capitals."""


def shipped_scenarios() -> list[Path]:
    """The scenarios that come with the tool, sorted by name; in a checkout, those of the repository."""
    folder = next((folder for folder in _SHIPPED if folder.is_dir()), None)
    return _scenarios_in(folder) if folder else []


def find_scenarios(references: Sequence[str]) -> list[Path]:
    """The files that `references` name, in their order, no file twice; all shipped ones without a reference.

    Args:
        references: each the name of a shipped scenario, a file, or a folder, which stands for the *.yaml and *.yml in
            it and below it, hidden ones left out. A shipped name wins over a file of the same name: write ./name.

    Raises:
        UsageError: a name that no scenario has, or a folder without scenarios.
    """
    shipped = {path.stem: path for path in shipped_scenarios()}
    found = (path for reference in references for path in _referred(reference, shipped))
    files: dict[str, Path] = {}
    for path in found if references else shipped.values():
        files.setdefault(os.path.realpath(path), path)
    if not files:
        raise UsageError("this installation holds no scenarios", hint="name a scenario file, or reinstall digipal-perf")
    _warn_of_repeated(references, shipped)
    return list(files.values())


def _warn_of_repeated(references: Sequence[str], shipped: Mapping[str, Path]) -> None:
    """Warn of what is named twice; a file in a folder that is named too is no surprise."""
    seen: dict[str, str] = {}
    for reference in references:
        real = os.path.realpath(shipped.get(reference, os.path.expanduser(reference)))
        if real in seen:
            complain(f"Warning: {reference} is named twice; reading it once")
        seen[real] = reference


def _referred(reference: str, shipped: dict[str, Path]) -> list[Path]:
    if reference in shipped:
        return [shipped[reference]]
    if os.path.isdir(path := os.path.expanduser(reference)):
        return _scenarios_of(Path(path))
    # what looks like a file is the loader's to open: it tells what is wrong with each, all at once
    if os.path.exists(path) or os.sep in path or path.lower().endswith(_SUFFIXES):
        return [Path(path)]
    raise UsageError(
        f"no scenario is named {reference!r:.80}{did_you_mean([reference], shipped)}",
        hint="digipal-perf list shows every scenario; or name a file or a directory",
    )


def _scenarios_of(folder: Path) -> list[Path]:
    scenarios = _scenarios_in(folder)
    if not scenarios:
        raise UsageError(f"{folder}: no scenario in this directory", hint="scenario files end in .yaml")
    return scenarios


def _scenarios_in(folder: Path) -> list[Path]:
    return sorted(_yaml_files(folder))


def _yaml_files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, onerror=_warn_of_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        scenarios = (name for name in files if name.lower().endswith(_SUFFIXES) and not name.startswith("."))
        yield from (Path(place, name) for name in scenarios)


def _warn_of_unreadable(error: OSError) -> None:
    complain(f"Warning: {error.filename} cannot be searched for scenarios: {error.strerror}")


def bears_any(tags: Collection[str], own: Iterable[str]) -> bool:
    """Whether a scenario with its own tags is one of those that were chosen; without a choice, every one is."""
    return not tags or not set(tags).isdisjoint(own)


def no_such_tag(tags: Collection[str], known: Iterable[str]) -> UsageError:
    """No scenario bears any of the tags."""
    listing = sorted(known)
    hint = f"tags in use: {', '.join(listing)}" if listing else "no scenario has any tag: drop --tag"
    return UsageError(f"no scenario has the tag {' or '.join(map(repr, tags))}{did_you_mean(tags, listing)}", hint=hint)
