"""The text of a file: read without blocking, bounded, and known to be text."""

from __future__ import annotations

import codecs
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from perfcli.scenario.problems import Location, ScenarioFileError, location_at
from perfcli.thresholds import did_you_mean


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

_recordings: list[list[Path]] = []


@contextmanager
def recorded_reads() -> Iterator[list[Path]]:
    """The files that are read inside of the block: scenarios, those they extend, and their data."""
    paths: list[Path] = []
    _recordings.append(paths)
    try:
        yield paths
    finally:
        _recordings.remove(paths)


def read_text(path: Path, kind: FileKind = SCENARIO_FILE) -> str:
    """The text of a regular file, not larger than its kind may be, in UTF-8 with or without a byte order mark.

    A kind with a coding line may name another encoding.

    Raises:
        ScenarioFileError: it is not that; the message says what it is instead.
    """
    for paths in _recordings:
        paths.append(path)
    try:
        content = _read_bytes(path, kind)
    except FileNotFoundError:
        raise _unusable(path, f"no such file{did_you_mean([path.name], _neighbours(path, kind))}") from None
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    except ValueError:  # a NUL in the path
        raise _unusable(path, "cannot be the name of a file") from None
    return _decoded(path, content, _encoding(content) if kind.has_coding_line else _UTF_8)


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
        raise _unusable(path, f"no text encoding is called {encoding!r:.60}: save the file as UTF-8") from None
    return text


def _unusable(path: Path, message: str) -> ScenarioFileError:
    return ScenarioFileError([Location(str(path)).problem((), message)])


def _neighbours(path: Path, kind: FileKind) -> list[str]:
    try:
        return [neighbour.name for neighbour in path.parent.iterdir() if neighbour.suffix in kind.suffixes]
    except OSError:
        return []
