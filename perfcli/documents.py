"""JSON documents on disk: a reader never sees half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from perfcli.errors import UsageError


def check_writable(path: Path, option: str) -> None:
    """See that a document can be written, before there is one to lose.

    Raises:
        UsageError: the folder is missing or cannot be written to.
    """
    if not os.access(path.resolve().parent, os.W_OK):
        raise UsageError(f"{option} {path}: its folder is missing or cannot be written to")


def write_document(document: Any, path: Path) -> None:
    """Write plain data as JSON, in place of what was there.

    Raises:
        UsageError: the file cannot be written.
    """
    content = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path = path.resolve()  # a symbolic link stays one
    if path.exists() and not path.is_file():
        return _write_into(path, content)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(content, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot write the result: {error.strerror}") from error


def _write_into(device: Path, content: str) -> None:
    """Write to what is no regular file (a pipe, /dev/stdout): it must not be replaced by one."""
    try:
        with device.open("w", encoding="utf-8") as stream:
            stream.write(content)
    except OSError as error:
        raise UsageError(f"{device}: cannot write the result: {error.strerror}") from error
