"""sqlite3's connections and cursors with each statement told to hooks, for an engine to use or to inherit from.

A statement is over when the next one of its cursor begins, when all its rows are fetched, or when the cursor goes away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from perfcli.agent.profiling.statements import Entry

if TYPE_CHECKING:
    from perfcli.agent.profiling.sqlite_hooks import SqliteHooks

RawConnection = sqlite3.Connection
RawCursor = sqlite3.Cursor


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

    def __init__(self, database: Any, timeout: float = 5.0, *arguments: Any, **settings: Any) -> None:
        super().__init__(database, 0.0, *arguments, **settings)
        self.patience_ms = round(timeout * 1000)

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
