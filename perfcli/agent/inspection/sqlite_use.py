"""SQL statements that an operation makes, counted in a pass of their own: no timed operation is ever watched.

What counts is what SQLite's trace reports: every statement as it begins to run, BEGIN and COMMIT among them, those
that Python's sqlite3 module adds too; for a trigger that fires, one for itself and one for each of its statements; one
that fails to compile, none.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import stat
import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self

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


_MOST_EVENTS: Final = 100


_active: Final[list[ConnectionWatcher]] = []


@cache
def _hear_of_connections() -> None:
    """Have every new connection told to who counts. Once in a process: no audit hook can be taken back."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect/handle":
            for watcher in _active:
                watcher.watch_soon(arguments[0])

    sys.addaudithook(hear)


class ConnectionWatcher(ABC):
    """Attaches something to every connection that it can, inside `with`: those that are open, and those to come.

    Once in a process, after the load, with all other vus at rest. To be entered by the thread that then does the
    operations, as a connection may refuse any other.
    """

    def __init__(self) -> None:
        self.unwatched = 0
        """Connections, open before counting began, that only another thread may watch."""

    @abstractmethod
    def attach(self, connection: sqlite3.Connection) -> None:
        """Attach it; raises sqlite3.ProgrammingError if the connection refuses this thread, or is not open yet."""

    def __enter__(self) -> Self:
        _active.append(self)
        _hear_of_connections()
        self.unwatched = sum(not self._watch(connection) for connection in open_connections())
        return self

    def __exit__(self, *_: object) -> None:
        # Connections stay watched. To let go of one while another thread is inside it could wait for SQLite's lock
        # with Python's in hand, and that thread the other way round.
        _active.remove(self)

    def _watch(self, connection: sqlite3.Connection) -> bool:
        try:
            self.attach(connection)
        except sqlite3.ProgrammingError:
            return False
        return True

    def watch_soon(self, connection: sqlite3.Connection) -> None:
        """Watch a connection that is not quite there yet: a few calls and returns later, in its thread, it is."""
        profiled_by, events = sys.getprofile(), count(1)

        def look(frame: FrameType, event: str, argument: object) -> None:
            if self._watch(connection) or next(events) == _MOST_EVENTS:
                sys.setprofile(profiled_by)

        sys.setprofile(look)


class StatementCounter(ConnectionWatcher):
    """Counts the statements of all connections, whichever thread runs them."""

    def __init__(self) -> None:
        super().__init__()
        self._ticks = count()
        self._last_tick = -1

    def take(self) -> int:
        """Statements since the last call, or since counting began."""
        # one tick of this call's own, as a count can only be read by going on with it
        tick = next(self._ticks)
        statements = tick - self._last_tick - 1
        self._last_tick = tick
        return statements

    def attach(self, connection: sqlite3.Connection) -> None:
        """Count what is run on a connection."""
        connection.set_trace_callback(lambda _: next(self._ticks))
