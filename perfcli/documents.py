"""Documents on disk: a reader never sees half of one. The path `-` is stdout."""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from perfcli.errors import PerfError

STDOUT: Final = Path("-")
UNFINISHED: Final = ".digipal-perf-"
"""How the names of files begin that are not whole yet."""


def write_document(document: Any, path: Path, *, new: bool = False) -> None:
    """Write plain data as JSON, as `write_text` does.

    Raises:
        PerfError: the file cannot be written.
    """
    write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", path, new=new)


def write_text(content: str, path: Path, *, new: bool = False) -> None:
    """Write text in UTF-8, in place of what was there; half a character from outside as its code.

    Args:
        new: refuse to replace a file.

    Raises:
        FileExistsError: there is a file, though it was to be a new one.
        PerfError: the file cannot be written.
    """
    encoded = content.encode("utf-8", errors="backslashreplace")
    if path == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
        return
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(encoded)  # a pipe or a device, which must not be replaced by a file
        else:
            _write_whole(encoded, Path(os.path.realpath(path)), new=new)
    except FileExistsError:
        raise
    except OSError as error:
        raise PerfError(f"{path}: cannot be written: {reason_of(error)}") from error


def _write_whole(content: bytes, path: Path, *, new: bool) -> None:
    """Write beside the place, under a name that nobody can foresee, then give the file its name."""
    descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    unfinished = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, _mode_of(path))
            os.fsync(descriptor)
        if new:
            _give_name(unfinished, path)
        else:
            unfinished.replace(path)
        _sync_folder(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the new name outlive a loss of power, on systems that can do so."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mode_of(path: Path) -> int:
    """The permissions of the file that is replaced, else those of any new file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _give_name(unfinished: Path, path: Path) -> None:
    """Give a finished file a name that no other file has."""
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:
        # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        unfinished.rename(path)


def reason_of(error: Exception) -> str:
    """Why a file cannot be read or written, without its name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
