"""Keeps the database of a run where the user wants it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

SUFFIXES: Final = ("", "-wal", "-shm", "-journal")
"""Of the files that SQLite keeps a database in."""

_UNSAFE: Final = re.compile(r"[^\w.=+-]+")
_LONGEST_NAME: Final = 150
NOT_KEPT: Final = "the database could not be kept"
"""How a complaint of a database begins."""


def keep_database(database: Path, directory: Path, name: str) -> tuple[str, str]:
    """Move a database, with what SQLite keeps beside it, into a directory, where nothing is overwritten.

    Args:
        name: what the file is called after, where each part that no file's name should hold becomes a `_`.

    Returns:
        The path it is kept at, and "" or why it could not be kept.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        kept = _reserve(directory, _UNSAFE.sub("_", name).strip("_")[:_LONGEST_NAME])
        try:
            for suffix in SUFFIXES:
                file = database.with_name(database.name + suffix)
                if file.exists():
                    shutil.move(file, kept.with_name(kept.name + suffix))
        except OSError:
            for suffix in SUFFIXES:
                kept.with_name(kept.name + suffix).unlink(missing_ok=True)
            raise
    except OSError as error:
        return "", f"{NOT_KEPT} in {directory}: {error.strerror or error}"
    return str(kept), ""


def remove_database(kept: str) -> None:
    """Remove a database that was kept, with what SQLite keeps beside it; nothing for ""."""
    for suffix in SUFFIXES if kept else ():
        Path(kept + suffix).unlink(missing_ok=True)


def _reserve(directory: Path, name: str) -> Path:
    """A new empty file: of two runs that want one name at once, each gets its own.

    A name is taken too if an older database has left something under it: SQLite would read a stale -wal into this one.
    """
    number = 1
    while True:
        kept = directory / (f"{name}.db" if number == 1 else f"{name}-{number}.db")
        number += 1
        try:
            kept.open("x").close()
        except FileExistsError:
            continue
        if not any(os.path.lexists(f"{kept}{suffix}") for suffix in SUFFIXES[1:]):
            return kept
        kept.unlink()
