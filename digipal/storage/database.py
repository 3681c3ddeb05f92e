"""One connection a thread, all closed together."""

import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from digipal.errors import DatabaseBusyError, StorageError
from digipal.storage.faults import FAULTS, storage_error, translated
from digipal.storage.files import disk_faults
from digipal.storage.schema import DatabaseSchema, bring_up_to_date

__all__ = ["DatabaseConnection", "DatabaseSchema"]

_CLOSE_PATIENCE_S = 0.5
_NAP_S = 0.1
"""How long SQLite waits for a lock before it lets us look whether waiting on is still wanted."""
_CACHE_KB = 1024
"""SQLite's own cache, for each connection: half its default, since the system caches the file for all of them."""
C = TypeVar("C", bound=sqlite3.Cursor)
_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")


class _Patience:
    """How long to wait for other writers: one for all connections of a database, and it may change meanwhile."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class _PatientCursor(sqlite3.Cursor):
    """A cursor that waits for locks as its connection does."""

    connection: "_ThreadConnection"

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        """As sqlite3's own."""
        return self.connection.patiently(super().execute, sql, parameters)


class _ThreadConnection(sqlite3.Connection):
    """A connection that knows whether it was closed and whether a statement of ours is running in it.

    In a `with` block of its own it opens transactions, commits and rolls back as sqlite3's connections do; otherwise
    it leaves them alone.
    """

    closed = False
    retired = False
    patience = _Patience(0.0)

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.in_use = threading.Lock()

    def cursor(self, factory: Any = None) -> Any:
        """A cursor that waits for locks as execute() does."""
        return super().cursor(factory or _PatientCursor)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As sqlite3's own, waiting for a lock as long as the patience lasts."""
        return self.patiently(super().execute, sql, parameters)

    def patiently(self, execute: Callable[[str, Any], C], sql: str, parameters: Any) -> C:
        """Execute the statement, again and again while another writer keeps it out and waiting is still wanted."""
        try:
            return execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if not self._may_wait_on(error, _NAP_S):
                raise
        begun = time.monotonic() - _NAP_S
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
            and waited_s + _NAP_S < self.patience.seconds
            and not (self.retired or self.closed or self.in_transaction)
        )

    def __enter__(self) -> Self:
        self.isolation_level = "DEFERRED"
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        try:
            return super().__exit__(kind, error, trace)
        finally:
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


class _Lease:
    """A thread's hold on its connection; when the thread ends the lease dies, and its finalizer closes."""

    __slots__ = ("__weakref__", "connection")

    def __init__(self, connection: _ThreadConnection) -> None:
        self.connection = connection


class _Reading:
    """The use of one connection for one query."""

    __slots__ = ("_connection", "_doing")

    def __init__(self, connection: _ThreadConnection, doing: str) -> None:
        self._connection = connection
        self._doing = doing

    def __enter__(self) -> _ThreadConnection:
        self._connection.in_use.acquire()
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.give_back()
        if isinstance(error, FAULTS):
            raise storage_error(error, self._doing) from error


class Writing:
    """The only writer for as long as the block lasts; what `after_commit` holds at its end runs once all is durable.

    SQLite makes a single statement a transaction of its own. More than one take `begin` first, and are written
    together when the block ends, or not at all when it raises.
    """

    __slots__ = ("_doing", "_lock", "after_commit", "connection")

    def __init__(self, connection: _ThreadConnection, doing: str, lock: threading.Lock) -> None:
        self.connection = connection
        self._doing = doing
        self._lock = lock
        self.after_commit: Callable[[], None] | None = None

    def begin(self) -> None:
        """Open a transaction for all statements to come, unless it is open already."""
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN IMMEDIATE")

    def __enter__(self) -> Self:
        patience_s = self.connection.patience.seconds
        if not self._lock.acquire(timeout=patience_s):
            raise DatabaseBusyError(f"{self._doing}: another thread kept writing for {patience_s} s")
        self.connection.in_use.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                _fail(self.connection, error, self._doing)
                return
            if self.connection.in_transaction:
                _commit(self.connection, self._doing)
            if self.after_commit is not None:
                self.after_commit()
        finally:
            self.connection.give_back()
            self._lock.release()


def _commit(connection: _ThreadConnection, doing: str) -> None:
    try:
        connection.execute("COMMIT")
    except BaseException as error:
        _fail(connection, error, doing)
        raise


def _fail(connection: _ThreadConnection, error: BaseException, doing: str) -> None:
    """Undo the transaction, if it is still open, and raise a database fault as the engine's own."""
    if not connection.closed and connection.in_transaction:
        with translated(doing):
            connection.execute("ROLLBACK")
    if isinstance(error, FAULTS):
        raise storage_error(error, doing) from error


class DatabaseConnection:
    """The way to one SQLite file in WAL mode: a connection for every thread that asks, created on first use.

    The file, its folder and its tables are created when absent. `synchronous` NORMAL survives a crash of the
    process at any moment; FULL also a loss of power, for a sync of the disk in every write. `busy_timeout_s` is how
    long a write waits for another writer before DatabaseBusyError. Every database failure is a StorageError.
    """

    def __init__(self, db_path: str | Path, *, synchronous: str = "NORMAL", busy_timeout_s: float = 10.0) -> None:
        if synchronous.upper() not in _SYNCHRONOUS:
            raise ValueError(f"synchronous is one of {', '.join(_SYNCHRONOUS)}, not {synchronous!r}")
        if str(db_path) == ":memory:":
            raise StorageError(":memory: would give every thread a database of its own; name a file")
        if "\0" in str(db_path):
            raise StorageError(f"{str(db_path)!r} holds a NUL, which no file name can")
        self.db_path = db_path
        self._synchronous = synchronous.upper()
        self._patience = _Patience(busy_timeout_s)
        self._closed = False
        self._local = threading.local()
        self._leases: weakref.WeakSet[_Lease] = weakref.WeakSet()
        self._registry_lock = threading.Lock()
        # SQLite lets one writer in at a time and makes the others sleep and look again; waiting here is fair and quick.
        self._write_lock = threading.Lock()
        doing = f"{db_path}: cannot open the database"
        with disk_faults(doing), translated(doing):
            Path(db_path).parent.mkdir(parents=True, exist_ok=True)
            try:
                bring_up_to_date(self._connection(), str(db_path))
            except BaseException:
                self.close()
                raise

    def get_connection(self) -> sqlite3.Connection:
        """The calling thread's own connection, in autocommit mode, its rows readable by column name.

        A `with` block of it is a transaction: committed at its end, rolled back when it raises. It may be closed by
        the caller, who then gets a new one; whatever stays open is closed by close().
        """
        return self._connection()

    def _connection(self) -> _ThreadConnection:
        lease: _Lease | None = getattr(self._local, "lease", None)
        if lease is not None and not lease.connection.closed:
            return lease.connection
        return self._connect()

    def _connect(self) -> _ThreadConnection:
        with self._registry_lock:
            if self._closed:
                raise StorageError(f"{self.db_path}: the database connection has been closed")
            with translated(f"{self.db_path}: cannot open the database"):
                connection = sqlite3.connect(
                    self.db_path,
                    timeout=min(self._patience.seconds, _NAP_S),
                    isolation_level=None,
                    check_same_thread=False,
                    factory=_ThreadConnection,
                )
                lease = _Lease(connection)
                weakref.finalize(lease, connection.close)
                connection.patience = self._patience
                connection.row_factory = sqlite3.Row
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
                connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            self._local.lease = lease
            self._leases.add(lease)
        return connection

    def reading(self, doing: str) -> "_Reading":
        """A block for one query, which sees one state of the database; `doing` opens the message of a failure."""
        return _Reading(self._connection(), doing)

    def writing(self, doing: str) -> Writing:
        """A block for one statement, or for several after its `begin()`; no other thread writes meanwhile."""
        connection = self._connection()
        with translated(doing):
            if connection.in_transaction:
                raise StorageError(f"{doing}: this thread has a transaction of its own open; commit it first")
        return Writing(connection, doing, self._write_lock)

    def execute_query(self, sql: str, params: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self.reading(sql) as connection:
            return connection.execute(sql, params).fetchall()

    def execute_update(self, sql: str, params: Sequence[Any] = ()) -> int:
        """How many rows a statement changed, written in a transaction of its own."""
        with self.writing(sql) as writing:
            return writing.connection.execute(sql, params).rowcount

    def execute_transaction(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> bool:
        """All statements or none; True, or StorageError."""
        with self.writing(f"{len(statements)} statements") as writing:
            writing.begin()
            for sql, params in statements:
                writing.connection.execute(sql, params)
        return True

    def vacuum(self) -> None:
        """Rebuild the file without the space of deleted rows; SQLite allows it outside transactions only."""
        with self.writing("vacuum") as writing:
            writing.connection.execute("VACUUM")

    def set_busy_timeout(self, busy_timeout_s: float) -> float:
        """Wait so long for other writers from now on, in waits that have begun too; the timeout until now."""
        before, self._patience.seconds = self._patience.seconds, busy_timeout_s
        return before

    def close(self) -> None:
        """Close every thread's connection; a second call does nothing.

        What runs is let finish, but not waited for longer than half a second: its thread closes behind itself then.
        """
        with self._registry_lock:
            self._closed = True
            leases = list(self._leases)
        deadline = time.monotonic() + _CLOSE_PATIENCE_S
        for lease in leases:
            lease.connection.retire(max(0.0, deadline - time.monotonic()))
