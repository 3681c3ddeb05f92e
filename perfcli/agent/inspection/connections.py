"""Connections to SQLite that are open in this process, found without keeping one of them alive."""

from __future__ import annotations

import gc
import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_MAGIC: Final = b"SQLite format 3\0"
_DESCRIPTORS: Final = Path("/dev/fd")

Descriptors = frozenset[tuple[int, int, int]]
"""Number, device and inode of every regular file that is open."""


def open_connections() -> list[sqlite3.Connection]:
    """Every connection of the sqlite3 module that is not closed, whichever thread it belongs to.

    The garbage collector knows them all: nothing has to be noted while the engine works, and one that the engine
    drops is closed as ever (by the collector, since it forms a circle with its cached statements).
    """
    # issubclass, as isinstance would ask lazy proxies what they are
    found = [thing for thing in gc.get_objects() if issubclass(type(thing), sqlite3.Connection)]
    return [connection for connection in found if _is_open(connection)]


def _is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.in_transaction  # noqa: B018 raises where it is closed, and asks no thread who it is
    except sqlite3.ProgrammingError:
        return False
    return True


def open_files() -> Descriptors:
    """What is open now; empty on a system that does not list descriptors."""
    found = set()
    with suppress(FileNotFoundError):
        for name in os.listdir(_DESCRIPTORS):
            with suppress(OSError):  # listing needs a descriptor too, closed by now
                status = os.fstat(int(name))
                if stat.S_ISREG(status.st_mode):
                    found.add((int(name), status.st_dev, status.st_ino))
    return frozenset(found)


def count_left(before: Descriptors) -> int:
    """Connections that are open and were not before, to whatever SQLite file, by whatever library.

    Descriptors alone would show too many, since SQLite keeps those of closed connections for as long as another one
    has the file open; objects alone would show connections in memory, and none of another library's.
    """
    if not _DESCRIPTORS.is_dir():
        return len(open_connections())
    databases = sum(map(_is_database, open_files() - before))
    return min(databases, max(1, len(open_connections())))


def _is_database(file: tuple[int, int, int]) -> bool:
    try:
        # not opened anew: closing it again would give up every lock that this process has on it
        return os.pread(file[0], len(_MAGIC), 0) == _MAGIC
    except OSError:
        return False
