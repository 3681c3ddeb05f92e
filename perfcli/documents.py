"""Documents on disk: a reader never sees half of one. The path `-` is stdout."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from perfcli.errors import UsageError

STDOUT: Final = Path("-")


def check_writable(path: Path, option: str) -> None:
    """See that a document can be written, before there is one to lose.

    Raises:
        UsageError: the folder is missing or cannot be written to.
    """
    if path != STDOUT and not os.access(path.resolve().parent, os.W_OK):
        raise UsageError(f"{option} {path}: its folder is missing or cannot be written to")


def write_document(document: Any, path: Path) -> None:
    """Write plain data as JSON, in place of what was there.

    Raises:
        UsageError: the file cannot be written.
    """
    write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", path)


def write_text(content: str, path: Path) -> None:
    """Write text in UTF-8, in place of what was there; half a character from outside as its code.

    Raises:
        UsageError: the file cannot be written.
    """
    encoded = content.encode("utf-8", errors="backslashreplace")
    if path == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
        return None
    if path.exists() and not path.is_file():
        return _write_into(path, encoded)
    path = path.resolve()  # a symbolic link stays one
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_bytes(encoded)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot write the result: {error.strerror}") from error


def _write_into(device: Path, content: bytes) -> None:
    """Write to what is no regular file (a pipe, /dev/stdout): it must not be replaced by one."""
    try:
        with device.open("wb") as stream:
            stream.write(content)
    except OSError as error:
        raise UsageError(f"{device}: cannot write the result: {error.strerror}") from error
