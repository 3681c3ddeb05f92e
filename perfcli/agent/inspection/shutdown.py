"""What an engine logs, and what it leaves behind when it shuts down."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import RLock, Thread
from typing import Any, Final

from perfcli.agent.inspection.sqlite_use import count_left, open_files
from perfcli.clock import RunningTime

MOST_LOGGERS: Final = 50
OTHERS: Final = "(others)"
"""Where loggers beyond the first 50 are counted together."""

_LONGEST_EXAMPLE: Final = 200


@dataclass(slots=True)
class Logged:
    """What one logger was given."""

    logger: str
    errors: int = 0
    """Records of level ERROR and above."""

    warnings: int = 0
    """Records of level WARNING and above, but below ERROR."""

    example: str = ""
    """The first error, or the first warning if there are none."""


class LogWatch:
    """Counts records by logger from `start` on; one that the logger's level holds back is never made, nor counted."""

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
            return sorted(self._logged.values(), key=lambda entry: (-entry.errors, -entry.warnings, entry.logger))

    def _record(self, name: str, level: int, *arguments: Any, **settings: Any) -> logging.LogRecord:
        record = self._make_record(name, level, *arguments, **settings)
        # logging.makeLogRecord has neither name nor level yet
        if isinstance(level, int) and level >= logging.WARNING:
            self._count(name, record, is_error=level >= logging.ERROR)
        return record

    def _count(self, name: str, record: logging.LogRecord, *, is_error: bool) -> None:
        with self._counting:
            entry = self._entry(name)
            is_first = not (entry.errors if is_error else entry.errors + entry.warnings)
            if is_error:
                entry.errors += 1
            else:
                entry.warnings += 1
        if is_first:
            # outside the lock: a message is put together by code of the engine
            entry.example = _text(record)

    def _entry(self, name: str) -> Logged:
        if name not in self._logged and len(self._logged) >= MOST_LOGGERS:
            name = OTHERS
        return self._logged.setdefault(name, Logged(name))


def _text(record: logging.LogRecord) -> str:
    """The message of a record, and the type of the exception it was logged with."""
    try:
        message = record.getMessage()
    except Exception:  # arguments that do not fit, or cannot be printed: logging would tell of it, and go on
        message = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    exception = record.exc_info[0] if record.exc_info else None
    return f"{message} ({exception.__name__})"[:_LONGEST_EXAMPLE] if exception else message[:_LONGEST_EXAMPLE]


MOST_FILES_NAMED: Final = 1_000
_SQLITE_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")
_GRACE_S: Final = 1.0
_LOOK_INTERVAL_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Leaving:
    """What an engine left behind."""

    shutdown_ns: int
    """The time its shutdown took."""

    threads_left: list[str]
    """Names of threads that still run, daemons among them: who shuts an engine down expects its work to be over."""

    connections_left: int
    """Connections to SQLite files that are still open."""

    files_left: list[str]
    """Stray files, the first 1,000 in the order of their names."""


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
    ) -> Leaving:
        """Shut the engine down, and see what is left of it; raises what `shut_down` raises.

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
        return Leaving(
            shutdown_ns, threads, count_left(self._open_files), [self._name(file) for file in strays[:MOST_FILES_NAMED]]
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
