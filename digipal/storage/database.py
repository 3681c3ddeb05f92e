"""One connection a thread, all closed together."""

import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from digipal.core.arguments import names_arguments
from digipal.errors import DatabaseBusyError, StorageError
from digipal.storage.connections import NAP_S, Patience, ThreadConnection
from digipal.storage.faults import FAULTS, roll_back, storage_error, translated
from digipal.storage.files import disk_faults, prepare_database
from digipal.storage.open_file import OpenFile
from digipal.storage.schema import DatabaseSchema, bring_up_to_date

__all__ = ["DatabaseConnection", "DatabaseSchema"]

_CLOSE_PATIENCE_S = 0.5
_CACHE_KB = 1024
"""SQLite's own cache, for each connection: half its default, since the system caches the file for all of them."""
_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")


class _Lease:
    """A thread's hold on its connection; when the thread ends the lease dies, and its finalizer closes."""

    __slots__ = ("__weakref__", "connection")

    def __init__(self, connection: ThreadConnection) -> None:
        self.connection = connection


class _Reading:
    """The use of one connection for one query."""

    __slots__ = ("_connection", "_doing", "_file")

    def __init__(self, connection: ThreadConnection, doing: str, file: OpenFile) -> None:
        self._connection = connection
        self._doing = doing
        self._file = file

    def __enter__(self) -> ThreadConnection:
        self._connection.in_use.acquire()
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                if problem := self._file.look_after_read(self._connection):
                    raise StorageError(f"{self._doing}: {problem}")
            elif isinstance(error, (*FAULTS, StorageError)):
                explained = _explained(error, self._doing, self._file, self._connection)
                if explained is not error:
                    raise explained from error
        finally:
            self._connection.give_back()


class Writing:
    """The only writer for as long as the block lasts; what `after_commit` holds at its end runs once all is durable.

    It is an error, and nothing is written, if the path no longer names the file that is open, or if that was cut.

    SQLite makes a single statement a transaction of its own. More than one take `begin` first, and are written
    together when the block ends, or not at all when it raises.
    """

    __slots__ = ("_doing", "_file", "_lock", "after_commit", "connection")

    def __init__(self, connection: ThreadConnection, doing: str, file: OpenFile, lock: threading.Lock) -> None:
        self.connection = connection
        self._doing = doing
        self._file = file
        self._lock = lock
        self.after_commit: Callable[[], None] | None = None

    def begin(self) -> None:
        """Open a transaction for all statements to come, unless it is open already."""
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN IMMEDIATE")

    def __enter__(self) -> Self:
        if not self._lock.acquire(blocking=False):
            self._wait()
        self.connection.in_use.acquire()
        try:
            self._file.look_before_write(self.connection, self._doing)
        except BaseException:
            self._let_go()
            raise
        return self

    def _wait(self) -> None:
        """For the other threads; what that takes is not waited for other processes once more."""
        begun, patience_s = time.monotonic(), self.connection.patience.seconds
        if not self._lock.acquire(timeout=patience_s):
            raise DatabaseBusyError(f"{self._doing}: another thread kept writing for {patience_s} s")
        self.connection.waited_s = time.monotonic() - begun

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self._fail(error)
                return
            if self.connection.in_transaction:
                self._commit()
            if self.after_commit is not None:
                self.after_commit()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self.connection.waited_s = 0.0
        self.connection.give_back()
        self._lock.release()

    def _commit(self) -> None:
        try:
            self.connection.execute("COMMIT")
        except BaseException as error:
            self._fail(error)
            raise

    def _fail(self, error: BaseException) -> None:
        """Undo the transaction, if it is still open, and raise a database fault as the engine's own."""
        roll_back(self.connection, error)
        if isinstance(error, FAULTS):
            raise _explained(error, self._doing, self._file, self.connection) from error


def _explained(fault: BaseException, doing: str, file: OpenFile, connection: ThreadConnection) -> StorageError:
    """The engine's error for a fault, with what became of the file if that is behind it."""
    error = fault if isinstance(fault, StorageError) else storage_error(fault, doing)
    if isinstance(fault, (sqlite3.Error, StorageError)) and not connection.closed:
        problem = file.look(connection)
        return StorageError(f"{error} ({problem})") if problem else error
    return error


def _check_timeout(busy_timeout_s: float) -> None:
    if not isinstance(busy_timeout_s, (int, float)):
        raise TypeError(f"busy_timeout_s must be a number of seconds, not {busy_timeout_s!r:.60}")
    if not 0 <= busy_timeout_s <= threading.TIMEOUT_MAX:
        raise ValueError(f"busy_timeout_s must be from 0 to {threading.TIMEOUT_MAX:.0f} seconds, not {busy_timeout_s}")


class DatabaseConnection:
    """The way to one SQLite file in WAL mode: a connection for every thread that asks, created on first use.

    The file, its folder and its tables are created when absent. `synchronous` NORMAL survives a crash of the
    process at any moment; FULL also a loss of power, for a sync of the disk in every write. `busy_timeout_s` is how
    long a write waits for another writer before DatabaseBusyError. Every database failure is a StorageError.
    """

    @names_arguments
    def __init__(self, db_path: str | Path, *, synchronous: str = "NORMAL", busy_timeout_s: float = 10.0) -> None:
        if synchronous.upper() not in _SYNCHRONOUS:
            raise ValueError(f"synchronous is one of {', '.join(_SYNCHRONOUS)}, not {synchronous!r}")
        if str(db_path) == ":memory:":
            raise StorageError(":memory: would give every thread a database of its own; name a file")
        if "\0" in str(db_path):
            raise StorageError(f"{str(db_path)!r} holds a NUL, which no file name can")
        _check_timeout(busy_timeout_s)
        self.db_path = db_path
        self._synchronous = synchronous.upper()
        self._patience = Patience(busy_timeout_s)
        self._closed = False
        self._local = threading.local()
        self._leases: weakref.WeakSet[_Lease] = weakref.WeakSet()
        self._registry_lock = threading.Lock()
        # SQLite lets one writer in at a time and makes the others sleep and look again; waiting here is fair and quick.
        self._write_lock = threading.Lock()
        path = Path(db_path).absolute()
        self._uri = f"{path.as_uri()}?mode=rw"
        doing = f"{db_path}: cannot open the database"
        with disk_faults(doing), translated(doing):
            path.parent.mkdir(parents=True, exist_ok=True)
            prepare_database(path)
            self._file = OpenFile(path)
            try:
                bring_up_to_date(self._connection(), str(db_path))
                self._file.note_opened(self._connection())
            except BaseException:
                self.close()
                raise

    def get_connection(self) -> sqlite3.Connection:
        """The calling thread's own connection, in autocommit mode, its rows readable by column name.

        A `with` block of it is a transaction: committed at its end, rolled back when it raises. It may be closed by
        the caller, who then gets a new one; whatever stays open is closed by close().
        """
        return self._connection()

    def _connection(self) -> ThreadConnection:
        lease: _Lease | None = getattr(self._local, "lease", None)
        if lease is not None and not lease.connection.closed:
            return lease.connection
        return self._connect()

    def _connect(self) -> ThreadConnection:
        with self._registry_lock:
            if self._closed:
                raise StorageError(f"{self.db_path}: the database connection has been closed")
            self._file.refuse_another()
            with translated(f"{self.db_path}: cannot open the database"):
                connection = sqlite3.connect(
                    self._uri,
                    uri=True,
                    timeout=min(self._patience.seconds, NAP_S),
                    isolation_level=None,
                    check_same_thread=False,
                    factory=ThreadConnection,
                )
                lease = _Lease(connection)
                weakref.finalize(lease, connection.close)
                connection.patience = self._patience
                connection.row_factory = sqlite3.Row
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
                connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            self._file.note_log(connection)
            self._local.lease = lease
            self._leases.add(lease)
        return connection

    def reading(self, doing: str) -> "_Reading":
        """A block for one query, which sees one state of the database; `doing` opens the message of a failure."""
        return _Reading(self._connection(), doing, self._file)

    def writing(self, doing: str) -> Writing:
        """A block for one statement, or for several after its `begin()`; no other thread writes meanwhile."""
        connection = self._connection()
        try:
            in_transaction = connection.in_transaction
        except sqlite3.Error as error:
            raise storage_error(error, doing) from error
        if in_transaction:
            raise StorageError(f"{doing}: this thread has a transaction of its own open; commit it first")
        return Writing(connection, doing, self._file, self._write_lock)

    @names_arguments
    def execute_query(self, sql: str, params: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self.reading(sql) as connection:
            return connection.execute(sql, params).fetchall()

    @names_arguments
    def execute_update(self, sql: str, params: Sequence[Any] = ()) -> int:
        """How many rows a statement changed, written in a transaction of its own."""
        with self.writing(sql) as writing:
            return writing.connection.execute(sql, params).rowcount

    @names_arguments
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
        _check_timeout(busy_timeout_s)
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
