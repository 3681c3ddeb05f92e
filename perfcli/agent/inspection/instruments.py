"""Instruments that count what a call costs, one at a time: calls in Python, steps of SQLite, statements, pages.

Each counts between `begin` and `end` in the thread that calls them, and adds nothing of its own.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import get_ident
from types import FrameType
from typing import Any, Final, Protocol

from perfcli.agent.inspection import repeatable
from perfcli.agent.inspection.sqlite_use import ConnectionWatcher, StatementCounter

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


class ForeignHandlers:
    """Notices an engine that sets progress handlers of its own, while it watches this thread."""

    def __init__(self) -> None:
        self.why_not = ""
        """Who has set one, in words; "" if nobody has."""

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
        if event == "c_call" and getattr(argument, "__name__", "") == "set_progress_handler":
            where = f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"
            self.why_not = f"the engine sets a progress handler of its own ({where})"


class CallCounter:
    """Python functions entered or resumed, and C functions called, by this thread: what sys.setprofile reports."""

    why_not = ""

    def __init__(self, handlers: ForeignHandlers) -> None:
        self._events: list[None] = []
        note, look = partial(self._events.append, None), handlers.look

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


class StepCounter(ConnectionWatcher):
    """Instructions of SQLite's virtual machine, of statements that this thread runs.

    A progress handler that is due after each instruction is called for every one of them, at the latest when the
    statement pauses or ends (sqlite3VdbeExec in vdbe.c).

    Args:
        handlers: the engine's own, which this one would take the place of.
    """

    def __init__(self, handlers: ForeignHandlers) -> None:
        super().__init__()
        self._handlers = handlers
        self._steps: list[None] = []
        self._thread = get_ident()

    @property
    def why_not(self) -> str:
        """Why the counts are none; "" if they are."""
        return self._handlers.why_not

    def begin(self) -> None:
        """Count from here."""
        self._steps.clear()

    def end(self) -> int:
        """What was counted since `begin`."""
        return len(self._steps)

    def attach(self, connection: sqlite3.Connection) -> None:
        """Count what is run on a connection."""
        note, thread = partial(self._steps.append, None), self._thread

        def step() -> None:  # an answer other than None would interrupt the statement
            if get_ident() == thread:
                note()

        connection.set_progress_handler(step, 1)


class CountedStatements(StatementCounter):
    """Statements, whichever thread runs them."""

    why_not = ""

    def begin(self) -> None:
        """Count from here."""
        self.take()

    def end(self) -> int:
        """What was counted since `begin`."""
        return self.take()


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
            self.why_not = f"{self._index.name} is not there: the database has no write-ahead log, or it was removed"
            return 0, 0
        return frames, salts
