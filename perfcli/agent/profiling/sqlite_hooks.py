"""sqlite3 with each statement followed, in place of the module's own classes before the engine sees it.

A statement is over when the next one of its cursor begins, when all its rows are fetched, or when the cursor goes away.

Waiting for SQLite's write lock cannot be seen from outside of a statement that then runs, so statements are tried
without patience first: one that is refused has SQLite wait as long as the connection was told to, in a second try.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, Final, Literal, Self

from perfcli.agent.profiling.activity import Activity, Part
from perfcli.agent.profiling.statements import Entry, Statements

RawConnection = sqlite3.Connection
RawCursor = sqlite3.Cursor
_raw_connect: Final = sqlite3.connect
_BUSY_TIMEOUT: Final = re.compile(r"\s*PRAGMA\s+(?:\w+\.)?busy_timeout\s*[=(]\s*(\d+)", re.IGNORECASE)
_POSITIONS: Final = (
    "database",
    "timeout",
    "detect_types",
    "isolation_level",
    "check_same_thread",
    "factory",
    "cached_statements",
    "uri",
)
"""The parameters of sqlite3.connect that may be given by position."""


class FollowedCursor(RawCursor):
    """A cursor whose statements and fetches are told."""

    hooks: ClassVar[SqliteHooks]
    entry: Entry | None = None
    spent_ns = 0
    rows = 0

    def settle(self) -> None:
        """The statement that it ran is over."""
        if self.entry is not None:
            self.entry.add(self.spent_ns, self.rows)
        self.entry, self.spent_ns, self.rows = None, 0, 0

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        """As sqlite3's own, as all of these."""
        self.hooks.run(self, sql, parameters, partial(super().execute, sql, parameters))
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        """One statement, however many parameters."""
        # a list can be gone through twice
        self.hooks.run(self, sql, (), partial(super().executemany, sql, list(parameters)))
        return self

    def executescript(self, script: str, /) -> Self:
        """One statement, however many there are in it."""
        with self.hooks.patient(self.connection):
            self.hooks.run(self, script, (), partial(super().executescript, script), may_repeat=False)
        return self

    def fetchone(self) -> Any:
        """One row."""
        row = self.hooks.fetch(self, super().fetchone, lambda row: row is not None)
        if row is None:
            self.settle()
        return row

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Some rows."""
        rows: list[Any] = self.hooks.fetch(self, partial(super().fetchmany, size or self.arraysize), len)
        return rows

    def fetchall(self) -> list[Any]:
        """All rows."""
        rows: list[Any] = self.hooks.fetch(self, super().fetchall, len)
        self.settle()
        return rows

    def __next__(self) -> Any:
        try:
            return self.hooks.fetch(self, super().__next__, lambda _: 1)
        except StopIteration:
            self.settle()
            raise

    def close(self) -> None:
        """No more rows."""
        self.settle()
        super().close()

    def __del__(self) -> None:
        self.settle()


class FollowedConnection(RawConnection):
    """A connection whose cursors are followed. SQLite itself waits for a lock in it only where it is tried again."""

    hooks: ClassVar[SqliteHooks]
    cursor_class: ClassVar[type[FollowedCursor]]
    patience_ms = 0

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        settings = _by_name(*arguments, **settings)
        self.patience_ms = round(settings.get("timeout", 5.0) * 1000)
        super().__init__(**{**settings, "timeout": 0.0})

    def cursor(self, factory: Any = None) -> Any:
        """A cursor that is followed, unless it is made by a factory of another kind."""
        return super().cursor(factory or self.cursor_class)

    def execute(self, sql: str, parameters: Any = (), /) -> FollowedCursor:
        """By a cursor of its own, which sqlite3's would be made by C code."""
        return self._plain_cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> FollowedCursor:
        """Likewise."""
        return self._plain_cursor().executemany(sql, parameters)

    def executescript(self, script: str, /) -> FollowedCursor:
        """Likewise."""
        return self._plain_cursor().executescript(script)

    def _plain_cursor(self) -> FollowedCursor:
        # not by a subclass's cursor(), which sqlite3 does not ask either
        return super().cursor(self.cursor_class)

    def commit(self) -> None:
        """Counted as COMMIT where there is a transaction."""
        self.hooks.end_transaction(self, "COMMIT", super().commit)

    def rollback(self) -> None:
        """Counted as ROLLBACK where there is a transaction."""
        self.hooks.end_transaction(self, "ROLLBACK", super().rollback)

    def __exit__(self, kind: Any, error: Any, trace: Any, /) -> Literal[False]:
        end = "ROLLBACK" if kind else "COMMIT"
        self.hooks.end_transaction(self, end, partial(super().__exit__, kind, error, trace))
        return False


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
        # as the engine gives them: its own factory may take nothing else
        if len(arguments) <= _POSITIONS.index("factory"):
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
        without = {type(each).__module__ for each in through}
        return self._statements.begin(sql, parameters, sys._getframe(1), without)

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


def _by_name(*arguments: Any, **settings: Any) -> dict[str, Any]:
    """The arguments of sqlite3.connect as keywords: from Python 3.13 on only the database may go by position."""
    if len(arguments) > len(_POSITIONS):
        raise TypeError(f"connect() takes at most {len(_POSITIONS)} positional arguments ({len(arguments)} given)")
    return dict(**dict(zip(_POSITIONS, arguments, strict=False)), **settings)


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
