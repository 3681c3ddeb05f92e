"""SQL statements that an operation makes, counted in a pass of their own: no timed operation is ever watched.

What counts is what SQLite's trace reports: every statement as it begins to run, BEGIN and COMMIT among them, those
that Python's sqlite3 module adds too; for a trigger that fires, one for itself and one for each of its statements; one
that fails to compile, none.
"""

from __future__ import annotations

import sqlite3
import sys
from functools import cache
from itertools import count
from types import FrameType
from typing import Any, Final, Self

from perfcli.agent.inspection.connections import open_connections

_MOST_EVENTS: Final = 100


_active: Final[list[StatementCounter]] = []


@cache
def _hear_of_connections() -> None:
    """Have every new connection told to who counts. Once in a process: no audit hook can be taken back."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect/handle":
            for counter in _active:
                counter.watch_soon(arguments[0])

    sys.addaudithook(hear)


class StatementCounter:
    """Counts the statements of all connections that it can watch, whichever thread runs them, inside `with`.

    Once in a process, after the load, with all other vus at rest. To be entered by the thread that then does the
    operations, as a connection may refuse any other.
    """

    def __init__(self) -> None:
        self.unwatched = 0
        """Connections, open before counting began, that only another thread may watch."""

        self._ticks = count()
        self._last_tick = -1

    def __enter__(self) -> Self:
        _active.append(self)
        _hear_of_connections()
        self.unwatched = sum(not self._watch(connection) for connection in open_connections())
        return self

    def __exit__(self, *_: object) -> None:
        # Connections stay watched. To let go of one while another thread is inside it could wait for SQLite's lock
        # with Python's in hand, and that thread the other way round.
        _active.remove(self)

    def take(self) -> int:
        """Statements since the last call, or since counting began."""
        # one tick of this call's own, as a count can only be read by going on with it
        tick = next(self._ticks)
        statements = tick - self._last_tick - 1
        self._last_tick = tick
        return statements

    def _watch(self, connection: sqlite3.Connection) -> bool:
        try:
            connection.set_trace_callback(lambda _: next(self._ticks))
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
