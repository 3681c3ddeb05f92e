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


class CallCounter:
    """Python functions entered or resumed, and C functions called, by this thread: what sys.setprofile reports."""

    def __init__(self, hooks: ForeignHooks) -> None:
        self._hooks = hooks
        self._events: list[None] = []
        note, look = partial(self._events.append, None), hooks.look

        def see(frame: FrameType, event: str, argument: Any) -> None:
            if frame.f_code.co_filename in _HARNESS:
                return
            if event == "call":
                note()
            elif event == "c_call":
                note()
                look(frame, event, argument)

        self._see = see

    @property
    def why_not(self) -> str:
        """Why the counts are none; "" if they are."""
        return self._hooks.why_not(_PROFILE)

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
        hooks: the engine's own, one of which this one would take the place of.
    """

    def __init__(self, hooks: ForeignHooks) -> None:
        super().__init__()
        self._hooks = hooks
        self._steps: list[None] = []
        self._thread = get_ident()

    @property
    def why_not(self) -> str:
        """Why the counts are none; "" if they are."""
        return self._hooks.why_not(_PROGRESS)

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

    def __init__(self, hooks: ForeignHooks) -> None:
        super().__init__()
        self._hooks = hooks

    @property
    def why_not(self) -> str:
        """Why the counts are none; "" if they are."""
        return self._hooks.why_not(_TRACE)

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
            self.why_not = (
                f"{self._index.name} does not exist: the database has no write-ahead log, or something removed it"
            )
            return 0, 0
        return frames, salts
