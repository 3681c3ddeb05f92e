"""sqlite3 with each statement followed, in place of the module's own classes before the engine sees it.

Waiting for SQLite's write lock cannot be seen from outside of a statement that then runs, so statements are tried
without patience first: one that is refused has SQLite wait as long as the connection was told to, in a second try.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from perfcli.agent.profiling.activity import Activity, Part
from perfcli.agent.profiling.followed_sqlite import FollowedConnection, FollowedCursor, RawConnection, RawCursor
from perfcli.agent.profiling.statements import Entry, Statements, module_names

_raw_connect: Final = sqlite3.connect
_BUSY_TIMEOUT: Final = re.compile(r"\s*PRAGMA\s+(?:\w+\.)?busy_timeout\s*[=(]\s*(\d+)", re.IGNORECASE)
_WITH_FACTORY: Final = 6
"""So many positional arguments of sqlite3.connect, and the factory is one of them."""


class SqliteHooks:
    """The classes, and their place in the sqlite3 module from `install` to `remove`.

    Args:
        waited: told of each wait for the write lock, in ns.
    """

    def __init__(self, activity: Activity, statements: Statements, waited: Callable[[int], None]) -> None:
        self._activity = activity
        self._statements = statements
        self._waited = waited
        self._cursor = type("Cursor", (FollowedCursor,), {"hooks": self})
        self._connection = type("Connection", (FollowedConnection,), {"hooks": self, "cursor_class": self._cursor})

    def install(self) -> None:
        """Replace what the module gives."""
        self._put(self._connection, self._cursor, self._connect)

    def remove(self) -> None:
        """Give the module back its own; connections that are open stay followed."""
        self._put(RawConnection, RawCursor, _raw_connect)

    @staticmethod
    def _put(connection: type, cursor: type, connect: Callable[..., Any]) -> None:
        for module in (sqlite3, sqlite3.dbapi2):
            vars(module).update(Connection=connection, Cursor=cursor, connect=connect)

    def _connect(self, *arguments: Any, **settings: Any) -> Any:
        if len(arguments) < _WITH_FACTORY:
            settings.setdefault("factory", self._connection)
        return _raw_connect(*arguments, **settings)

    def run(
        self, cursor: FollowedCursor, sql: str, parameters: Any, execute: Callable[[], Any], *, may_repeat: bool = True
    ) -> None:
        """Execute a statement on a cursor, and note what it took.

        Args:
            may_repeat: whether a lock that is not free leaves nothing of it done.
        """
        cursor.settle()
        if not self._activity.counts_here:
            self._execute(cursor.connection, sql, execute, None, may_repeat=may_repeat)
            return
        entry = self._begin(sql, parameters, cursor, cursor.connection)
        self._activity.enter(Part.DATABASE)
        try:
            self._execute(cursor.connection, sql, execute, entry, may_repeat=may_repeat)
        finally:
            cursor.entry, cursor.spent_ns = entry, self._activity.leave()
            if cursor.description is None:
                cursor.rows = max(0, cursor.rowcount)
                cursor.settle()

    def fetch(self, cursor: FollowedCursor, fetch: Callable[[], Any], rows: Callable[[Any], int]) -> Any:
        """Fetch rows of the statement that a cursor runs."""
        if cursor.entry is None:
            return fetch()
        self._activity.enter(Part.DATABASE)
        try:
            fetched = fetch()
        finally:
            cursor.spent_ns += self._activity.leave()
        cursor.rows += rows(fetched)
        return fetched

    def end_transaction(self, connection: FollowedConnection, sql: str, end: Callable[[], Any]) -> None:
        """Commit or roll back without a statement: counted as one where there is a transaction."""
        if not (connection.in_transaction and self._activity.counts_here):
            end()
            return
        entry = self._begin(sql, (), connection)
        self._activity.enter(Part.DATABASE)
        try:
            self._execute(connection, sql, end, entry)
        finally:
            entry.add(self._activity.leave(), 0)

    @contextmanager
    def patient(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Have SQLite itself wait for locks as long as the engine wants it to."""
        _set_timeout(connection, _patience_ms(connection))
        try:
            yield
        finally:
            _set_timeout(connection, 0)

    def _begin(self, sql: str, parameters: Any, *through: object) -> Entry:
        return self._statements.begin(sql, parameters, sys._getframe(1), module_names(through))

    def _execute(
        self,
        connection: sqlite3.Connection,
        sql: str,
        execute: Callable[[], Any],
        entry: Entry | None,
        *,
        may_repeat: bool = True,
    ) -> None:
        try:
            execute()
        except sqlite3.OperationalError as error:
            if not (may_repeat and _is_busy(error) and _patience_ms(connection)):
                raise
        else:
            _note_patience(connection, sql)
            return
        self._activity.enter(Part.LOCKS)
        try:
            with self.patient(connection):
                execute()
        finally:
            waited_ns = self._activity.leave()
            if entry is not None:
                entry.lock_wait_ns += waited_ns
                self._waited(waited_ns)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    # an error that the engine itself raises has no code
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY


def _patience_ms(connection: sqlite3.Connection) -> int:
    return connection.patience_ms if isinstance(connection, FollowedConnection) else 0


def _note_patience(connection: sqlite3.Connection, sql: str) -> None:
    asked = _BUSY_TIMEOUT.match(sql)
    if asked and isinstance(connection, FollowedConnection):
        connection.patience_ms = int(asked[1])
        _set_timeout(connection, 0)


def _set_timeout(connection: sqlite3.Connection, timeout_ms: int) -> None:
    RawCursor(connection).execute(f"PRAGMA busy_timeout = {timeout_ms}")
