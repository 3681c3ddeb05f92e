"""What an engine logs, and what it leaves behind when it shuts down: threads, connections to SQLite, files."""

from __future__ import annotations

import gc
import logging
import os
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock, Thread
from typing import Any, Final

from perfcli.clock import RunningTime
from perfcli.results import Inspection

MOST_LOGGERS: Final = 50
OTHERS: Final = "(others)"
"""Where loggers beyond the first 50 are counted together."""

_LONGEST_EXAMPLE: Final = 200


@dataclass(slots=True)
class Logged:
    """What one logger was given: records of level ERROR and above, and the first of them."""

    logger: str
    errors: int = 0
    example: str = ""


class LogWatch:
    """Counts errors by logger from `start` on; one that the logger's level holds back is never made, nor counted."""

    def __init__(self) -> None:
        self._logged: dict[str, Logged] = {}
        # a finalizer may log while this thread is in the middle of counting
        self._counting = RLock()

    def start(self) -> None:
        """Count from now on."""
        self._make_record = logging.getLogRecordFactory()
        self._factory = self._record
        logging.setLogRecordFactory(self._factory)

    def stop(self) -> None:
        """Count no more; a factory that was set meanwhile stays."""
        if logging.getLogRecordFactory() is self._factory:
            logging.setLogRecordFactory(self._make_record)

    def logged(self) -> list[Logged]:
        """What was counted so far, most errors first."""
        with self._counting:
            return sorted(self._logged.values(), key=lambda entry: (-entry.errors, entry.logger))

    def _record(self, name: str, level: int, *arguments: Any, **settings: Any) -> logging.LogRecord:
        record = self._make_record(name, level, *arguments, **settings)
        # logging.makeLogRecord has neither name nor level yet
        if isinstance(level, int) and level >= logging.ERROR:
            self._count(name, record)
        return record

    def _count(self, name: str, record: logging.LogRecord) -> None:
        with self._counting:
            if name not in self._logged and len(self._logged) >= MOST_LOGGERS:
                name = OTHERS
            entry = self._logged.setdefault(name, Logged(name))
            entry.errors += 1
            is_first = entry.errors == 1
        if is_first:
            # outside the lock: a message is put together by code of the engine
            entry.example = _text(record)


def _text(record: logging.LogRecord) -> str:
    """The message of a record, and the type of the exception it was logged with."""
    try:
        message = record.getMessage()
    except Exception:  # arguments that do not fit, or cannot be printed: logging would tell of it, and go on
        message = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    exception = record.exc_info[0] if record.exc_info else None
    return f"{message} ({exception.__name__})"[:_LONGEST_EXAMPLE] if exception else message[:_LONGEST_EXAMPLE]


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


MOST_FILES_NAMED: Final = 1_000
_SQLITE_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")
_GRACE_S: Final = 1.0
_LOOK_INTERVAL_S: Final = 0.01


class ShutdownCheck:
    """What there is before the engine is opened. To be made in the thread that will close it.

    Args:
        database: the engine's database file; what SQLite keeps beside it is no stray.
        given: files and directories that the engine was told to use, such as its assets.
    """

    def __init__(self, database: Path, given: Collection[Path] = ()) -> None:
        beside = [database.with_name(database.name + suffix) for suffix in _SQLITE_SUFFIXES]
        self._allowed = frozenset(path.resolve() for path in [*beside, *given])
        self._roots = (database.parent.resolve(), Path.cwd())
        self._threads = _running_threads()
        self._open_files = open_files()
        self._files = self._find_files()

    def leave(
        self, shut_down: Callable[[], object], harness: Collection[Thread] = (), *, grace_s: float = _GRACE_S
    ) -> Inspection:
        """Shut the engine down, and see what is left of it; raises what `shut_down` raises.

        Threads that are left may be daemons: who shuts an engine down expects its work to be over. Stray files are the
        first 1,000 in the order of their names.

        Args:
            harness: threads of the harness that did not run before the engine was opened.
            grace_s: how long threads may take to end once the engine is closed.
        """
        start_ns = time.perf_counter_ns()
        shut_down()
        shutdown_ns = time.perf_counter_ns() - start_ns
        threads = self._await_threads(harness, grace_s)
        # a connection that waits for the garbage collector is nobody's any more
        gc.collect()
        strays = sorted(self._find_files() - self._files)
        return Inspection(
            shutdown_ns=shutdown_ns,
            threads_left=threads,
            connections_left=count_left(self._open_files),
            files_left=[self._name(file) for file in strays[:MOST_FILES_NAMED]],
        )

    def _await_threads(self, harness: Collection[Thread], grace_s: float) -> list[str]:
        running = RunningTime()
        while (left := self._threads_left(harness)) and running.elapsed_s() < grace_s:
            time.sleep(_LOOK_INTERVAL_S)
        return left

    def _threads_left(self, harness: Collection[Thread]) -> list[str]:
        # a pair of ident and thread, since idents are used again
        new = dict(_running_threads().items() - self._threads.items())
        return sorted(thread.name if thread else "without a name" for thread in new.values() if thread not in harness)

    def _find_files(self) -> frozenset[Path]:
        return frozenset(file for root in self._roots for file in self._walk(root))

    def _walk(self, root: Path) -> Iterator[Path]:
        for directory, directories, files in os.walk(root):
            here = Path(directory)
            directories[:] = [name for name in directories if here / name not in self._allowed]
            yield from (here / name for name in files if here / name not in self._allowed)

    def _name(self, file: Path) -> str:
        home = next(root for root in self._roots if file.is_relative_to(root))
        return str(file.relative_to(home))


def _running_threads() -> dict[int, Thread | None]:
    """Every thread that runs Python, by ident; None for one that the threading module does not know."""
    known = {thread.ident: thread for thread in threading.enumerate()}
    # the interpreter's own list: threading's keeps foreign threads that have ended long ago
    return {ident: known.get(ident) for ident in sys._current_frames()}
