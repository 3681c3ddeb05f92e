"""Where sqlite3's errors become the engine's own."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from digipal.errors import DatabaseBusyError, LivePetError, StorageError

_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# What sqlite3 raises for a value it cannot bind is not always one of its own errors.
FAULTS = (sqlite3.Error, UnicodeError, OverflowError)


def storage_error(fault: BaseException, doing: str) -> StorageError:
    """The engine's error for one of FAULTS; the caller raises it `from` the fault."""
    code = getattr(fault, "sqlite_errorcode", None)
    message = f"{doing}: {fault}"
    if code is None:
        return StorageError(message)
    if code & 0xFF in _BUSY_CODES:
        return DatabaseBusyError(message)
    if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        return LivePetError(message)
    return StorageError(message)


class translated:  # noqa: N801 - reads as a word at `with translated(...)`
    """A block in which FAULTS become StorageErrors that say what was being done."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, FAULTS):
            raise storage_error(error, self._doing) from error


def roll_back(connection: sqlite3.Connection, cause: BaseException) -> None:
    """Undo what is open, if SQLite has not already, on the way out with `cause`, which a failure here never hides.

    A connection that cannot roll back is closed, which SQLite takes for a rollback.
    """
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        cause.add_note(f"the rollback failed too: {error}")
        connection.close()


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """A block whose queries all see the database as of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException as error:
        roll_back(connection, error)
        raise
    connection.execute("ROLLBACK")
