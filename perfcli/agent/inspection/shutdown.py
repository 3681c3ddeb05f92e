"""How clean is the engine's end? What is left of it in the process and on the disk once it is closed."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Final

from perfcli.agent.inspection.sqlite_use import count_left, open_files
from perfcli.clock import RunningTime

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
