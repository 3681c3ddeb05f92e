"""The database file while it is open: does its path still name it, and is all of it there?

SQLite works on the file it has opened, whatever happens to its name: a deleted file takes writes, acknowledges them,
and is gone with the process. So every write looks at the path first, and is an error if that no longer names the file.
Reads look as well, but not more often than each 10 ms, and so do writes at the -wal file.
"""

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from digipal.errors import StorageError
from digipal.storage.connections import ThreadConnection
from digipal.storage.files import SMALLEST_DATABASE_BYTES

_LOOK_EVERY_S = 0.01
_LOG_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24


class OpenFile:
    """Watches one file from the moment it was opened; threads may share it."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._uri = path.as_uri()
        self._log = f"{os.path.realpath(path)}-wal"
        self._identity: tuple[int, int] | None = None
        self._extent = (0, 0)
        """(size in bytes, SQLite's schema version) when the file was last seen whole."""
        self._judging = threading.Lock()

    def note_opened(self, connection: ThreadConnection) -> None:
        """Take the file that the first connection has opened for the one to watch."""
        status = os.stat(self._path)
        self._identity = (status.st_dev, status.st_ino)
        self._extent = (status.st_size, _schema_version(connection))
        self.note_log(connection)

    def note_log(self, connection: ThreadConnection) -> None:
        """Take the -wal file that a new connection has opened for the one to watch."""
        status = _status(self._log)
        connection.log = None if status is None else (status.st_ino, status.st_size)

    def refuse_another(self) -> None:
        """StorageError if the path names another file than was opened first, or none: not one to open again."""
        if self._identity is not None and (problem := self._renamed(_status(self._path))):
            raise StorageError(problem)

    def look_before_write(self, connection: ThreadConnection, doing: str) -> None:
        """StorageError if what is written now would be lost."""
        problem, now, status = "", time.monotonic(), _status(self._path)
        # the usual case by itself, as every write passes here
        if status is None or status.st_size != self._extent[0] or (status.st_dev, status.st_ino) != self._identity:
            problem = self.look(connection)
        if not problem and now >= connection.next_look_at_log:
            connection.next_look_at_log = now + _LOOK_EVERY_S
            problem = self._look_at_log(connection)
        if problem:
            raise StorageError(f"{doing}: {problem}")

    def look_after_read(self, connection: ThreadConnection) -> str:
        """As `look`, but at most once each 10 ms."""
        now = time.monotonic()
        if now < connection.next_look:
            return ""
        connection.next_look = now + _LOOK_EVERY_S
        return self.look(connection)

    def look(self, connection: ThreadConnection) -> str:
        """What has become of the file since it was opened; "" if it is as it should be."""
        status = _status(self._path)
        if problem := self._renamed(status):
            return problem
        assert status is not None
        size, schema_version = self._extent
        if status.st_size > size:
            self._extent = (status.st_size, schema_version)
        elif status.st_size < size:
            return self._shrunk(connection)
        return ""

    def _look_at_log(self, connection: ThreadConnection) -> str:
        """What has become of the -wal file since the connection opened it."""
        status, known = _status(self._log), connection.log
        if known is not None and (done := self._done_to_log(connection, status, known)):
            connection.next_look_at_log = 0.0
            return (
                f"{self._log} was {done} while it was open, and with it what was saved last: "
                "restart the engine, and look at what it stored"
            )
        connection.log = None if status is None else (status.st_ino, status.st_size)
        return ""

    def _renamed(self, status: os.stat_result | None) -> str:
        if status is None:
            return f"{self._path} was deleted or moved while it was open: put it back, or restart the engine"
        if (status.st_dev, status.st_ino) != self._identity:
            return f"{self._path} was replaced by another file while it was open: restart the engine to use that one"
        return ""

    def _shrunk(self, connection: ThreadConnection) -> str:
        """Why the file is smaller than it was; "" if a VACUUM, of whatever process, made it so.

        A VACUUM counts SQLite's schema version up. The connection knows that number from the -wal file or its shared
        memory, the file has it in its header: both are new and the same after a VACUUM, and no other way.
        """
        with self._judging:
            before, known = self._extent
            size = os.stat(self._path).st_size
            if size >= before:
                return ""
            stored, is_self_vacuuming = self._read_header()
            if stored is not None and (is_self_vacuuming or known != stored == _schema_version(connection)):
                self._extent = (size, stored)
                return ""
        return (
            f"{self._path} was cut from {before} to {size} bytes while it was open: "
            "stop the engine and put a backup in its place"
        )

    def _read_header(self) -> tuple[int | None, bool]:
        """(the schema version in the file itself, whether it gives space back by itself); None for a cut file.

        By way of SQLite: closing a descriptor of our own would take SQLite's locks on the file away.
        """
        if os.stat(self._path).st_size < SMALLEST_DATABASE_BYTES:
            return None, False
        try:
            with closing(sqlite3.connect(f"{self._uri}?immutable=1", uri=True)) as raw:
                (schema_version,) = raw.execute("PRAGMA schema_version").fetchone()
                (self_vacuuming,) = raw.execute("PRAGMA auto_vacuum").fetchone()
        except sqlite3.Error:
            return None, False  # it holds less than its header says
        return schema_version, self_vacuuming != 0

    def _done_to_log(self, connection: ThreadConnection, status: os.stat_result | None, known: tuple[int, int]) -> str:
        """What was done to the -wal file; "" if that was SQLite, of whatever process."""
        if status is not None and status.st_ino == known[0]:
            return "" if status.st_size >= known[1] or self._is_whole_log(connection) else "cut"
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            return ""
        return "deleted or moved" if status is None else "replaced by another file"

    def _is_whole_log(self, connection: ThreadConnection) -> bool:
        """Whether a -wal file that became smaller was emptied by a checkpoint: one more fails on a log that was cut."""
        try:
            _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        except sqlite3.Error:
            return False
        if frames <= 0:
            return True
        whole_bytes: int = _LOG_HEADER_BYTES + frames * (_FRAME_HEADER_BYTES + page_bytes)
        return os.stat(self._log).st_size >= whole_bytes


def _schema_version(connection: sqlite3.Connection) -> int:
    try:
        (version,) = connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error:
        return -1  # it cannot read its file
    return int(version)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None
