"""Instruments that count what a call costs, one at a time: calls in Python, steps of SQLite, statements, pages.

Each counts between `begin` and `end` in the thread that calls them, and adds nothing of its own.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from itertools import count
from pathlib import Path
from threading import get_ident
from types import FrameType
from typing import Any, ClassVar, Final, Protocol, Self

from perfcli.agent.inspection import repeatable
from perfcli.agent.inspection.shutdown import open_connections

_HARNESS: Final = frozenset({__file__, repeatable.__file__})
"""The files whose own calls are not the engine's."""


class Instrument(Protocol):
    """Counts one metric."""

    def begin(self) -> None:
        """Count from here."""

    def end(self) -> int:
        """What was counted since `begin`."""

    @property
    def why_not(self) -> str:
        """Why the counts are none; "" if they are."""


_PROFILE: Final = "setprofile"
_PROGRESS: Final = "set_progress_handler"
_TRACE: Final = "set_trace_callback"
_HOOKS: Final = {_PROFILE: "a profile function", _PROGRESS: "a progress handler", _TRACE: "a trace callback"}
"""What an instrument hangs on, by the function that would put another in its place."""


class ForeignHooks:
    """Notices an engine that sets hooks of its own in place of an instrument's, while it watches this thread."""

    def __init__(self) -> None:
        self._set: dict[str, str] = {}

    def why_not(self, setter: str) -> str:
        """The place that called this function, in words; "" if none did."""
        return f"the engine sets {_HOOKS[setter]} of its own ({self._set[setter]})" if setter in self._set else ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch this thread inside the block."""
        sys.setprofile(self.look)
        try:
            yield
        finally:
            sys.setprofile(None)

    def look(self, frame: FrameType, event: str, argument: Any) -> None:
        """See what is called; a profile function."""
        if event != "c_call" or frame.f_code.co_filename in _HARNESS:
            return
        if (called := getattr(argument, "__name__", "")) in _HOOKS:
            self._set[called] = f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"


class _HookedCounter:
    """Counts by a hook, in the place of which the engine could put its own.

    Args:
        hooks: the engine's own.
    """

    _HOOK: ClassVar[str]

    def __init__(self, hooks: ForeignHooks) -> None:
        self._hooks = hooks
        self._events: list[None] = []
        self._note = partial(self._events.append, None)

    @property
    def why_not(self) -> str:
        """Why the counts are none; "" if they are."""
        return self._hooks.why_not(self._HOOK)

    def begin(self) -> None:
        """Count from here."""
        self._events.clear()

    def end(self) -> int:
        """What was counted since `begin`."""
        return len(self._events)


class CallCounter(_HookedCounter):
    """Python functions entered or resumed, and C functions called, by this thread: what sys.setprofile reports."""

    _HOOK = _PROFILE

    def __init__(self, hooks: ForeignHooks) -> None:
        super().__init__(hooks)
        note, look = self._note, hooks.look

        def see(frame: FrameType, event: str, argument: Any) -> None:
            if frame.f_code.co_filename in _HARNESS:
                return
            if event == "call":
                note()
            elif event == "c_call":
                note()
                look(frame, event, argument)

        self._see = see

    def begin(self) -> None:
        """Count from here."""
        self._events.clear()
        sys.setprofile(self._see)

    def end(self) -> int:
        """What was counted since `begin`."""
        sys.setprofile(None)
        return len(self._events)


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


class ConnectionWatcher(_HookedCounter, ABC):
    """Attaches something to every connection that it can, inside `with`: those that are open, and those to come.

    Once in a process, after the load, with all other vus at rest. To be entered by the thread that then does the
    operations, as a connection may refuse any other.
    """

    @abstractmethod
    def attach(self, connection: sqlite3.Connection) -> None:
        """Count what is run on a connection.

        Raises:
            sqlite3.ProgrammingError: the connection refuses this thread, or is not open yet.
        """

    def __enter__(self) -> Self:
        _active.append(self)
        _hear_of_connections()
        for connection in open_connections():
            self._watch(connection)
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


class StepCounter(ConnectionWatcher):
    """Instructions of SQLite's virtual machine, of statements that the thread runs that made this.

    A progress handler that is due after each instruction is called for every one of them, at the latest when the
    statement pauses or ends (sqlite3VdbeExec in vdbe.c).
    """

    _HOOK = _PROGRESS

    def __init__(self, hooks: ForeignHooks) -> None:
        super().__init__(hooks)
        self._thread = get_ident()

    def attach(self, connection: sqlite3.Connection) -> None:
        """Count the steps of a connection."""
        note, thread = self._note, self._thread

        def step() -> None:  # an answer other than None would interrupt the statement
            if get_ident() == thread:
                note()

        connection.set_progress_handler(step, 1)


class StatementCounter(ConnectionWatcher):
    """SQL statements, whichever thread runs them.

    What counts is what SQLite's trace reports: every statement as it begins to run, BEGIN and COMMIT among them, those
    that Python's sqlite3 module adds too; for a trigger that fires, one for itself and one for each of its statements;
    one that fails to compile, none.
    """

    _HOOK = _TRACE

    def attach(self, connection: sqlite3.Connection) -> None:
        """Count the statements of a connection."""
        note = self._note
        connection.set_trace_callback(lambda _: note())


class PageCounter:
    """Frames added to the write-ahead log of a database, by whichever connection.

    Read from the header of the log's index (walformat, section 2.1): `mxFrame`, the frames in the log, and its salts,
    which change when the log begins anew.
    """

    _HEADER: Final = struct.Struct("=16xI12xQ")

    def __init__(self, database: Path) -> None:
        self._index = database.with_name(f"{database.name}-shm")
        self._open: tuple[int, int] | None = None
        """The descriptor and the inode of the index."""
        self._before = (0, 0)
        self.why_not = ""

    def begin(self) -> None:
        """Count from here."""
        self._before = self._read()

    def end(self) -> int:
        """What was counted since `begin`; if the log began anew meanwhile, what it holds by now."""
        (before, old_salts), (now, salts) = self._before, self._read()
        return now - before if salts == old_salts else now

    def _read(self) -> tuple[int, int]:
        try:
            inode = self._index.stat().st_ino
            if self._open is None or self._open[1] != inode:
                # never closed again: that would give up the locks that this process has on the file
                self._open = os.open(self._index, os.O_RDONLY | os.O_CLOEXEC), inode
            frames, salts = self._HEADER.unpack(os.pread(self._open[0], self._HEADER.size, 0))
        except (OSError, struct.error):
            self.why_not = (
                f"{self._index.name} does not exist: the database has no write-ahead log, or something removed it"
            )
            return 0, 0
        return frames, salts
