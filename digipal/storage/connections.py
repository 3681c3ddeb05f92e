"""A thread's own connection to SQLite: it waits for locks as long as is still wanted, and knows when to close."""

import sqlite3
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from digipal.storage.faults import roll_back

NAP_S = 0.1
"""How long SQLite waits for a lock before it lets us look whether waiting on is still wanted."""
C = TypeVar("C", bound=sqlite3.Cursor)
_execute = sqlite3.Connection.execute  # looked up once: every statement passes here


class Patience:
    """How long to wait for other writers: one for all connections of a database, and it may change meanwhile."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class PatientCursor(sqlite3.Cursor):
    """A cursor that waits for locks as its connection does."""

    connection: "ThreadConnection"

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        """As sqlite3's own."""
        return self.connection.patiently(super().execute, sql, parameters)


class ThreadConnection(sqlite3.Connection):
    """A connection that knows whether it was closed and whether a statement of ours is running in it.

    In a `with` block of its own it opens transactions, commits and rolls back as sqlite3's connections do; otherwise
    it leaves them alone.
    """

    closed = False
    retired = False
    patience = Patience(0.0)
    waited_s = 0.0
    """Of the patience, what was spent behind other threads of this process before the statement began."""
    log: tuple[int, int] | None = None
    """(inode, size in bytes) of the -wal file when it was last seen whole."""
    next_look = 0.0
    next_look_at_log = 0.0

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.in_use = threading.Lock()

    def cursor(self, factory: Any = None) -> Any:
        """A cursor that waits for locks as execute() does."""
        return super().cursor(factory or PatientCursor)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As sqlite3's own, waiting for a lock as long as the patience lasts."""
        try:
            return _execute(self, sql, parameters)
        except sqlite3.OperationalError as error:
            if not self._may_wait_on(error, NAP_S):
                raise
        return self._wait_on(super().execute, sql, parameters)

    def patiently(self, execute: Callable[[str, Any], C], sql: str, parameters: Any) -> C:
        """Execute the statement, again and again while another writer keeps it out and waiting is still wanted."""
        try:
            return execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if not self._may_wait_on(error, NAP_S):
                raise
        return self._wait_on(execute, sql, parameters)

    def _wait_on(self, execute: Callable[[str, Any], C], sql: str, parameters: Any) -> C:
        begun = time.monotonic() - NAP_S
        while True:
            try:
                return execute(sql, parameters)
            except sqlite3.OperationalError as error:
                if not self._may_wait_on(error, time.monotonic() - begun):
                    raise

    def _may_wait_on(self, error: sqlite3.Error, waited_s: float) -> bool:
        # What is busy within a transaction stays so until the transaction ends.
        return (
            getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            and self.waited_s + waited_s + NAP_S < self.patience.seconds
            and not (self.retired or self.closed or self.in_transaction)
        )

    def __enter__(self) -> Self:
        self.isolation_level = "DEFERRED"
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        try:
            if error is None:
                return super().__exit__(kind, error, trace)
            roll_back(self, error)
            return False
        finally:
            if not self.closed:
                self.isolation_level = None

    def close(self) -> None:
        """Close for good; the thread it belonged to gets a new one when it asks."""
        self.closed = True
        super().close()

    def give_back(self) -> None:
        """End a use of the connection, and the connection itself if it was retired meanwhile."""
        self.in_use.release()
        if self.retired:
            self.close()

    def retire(self, patience_s: float) -> None:
        """Close the connection, or leave that to whoever still uses it after `patience_s`."""
        self.retired = True
        if self.in_use.acquire(timeout=patience_s):
            self.close()
            self.in_use.release()
