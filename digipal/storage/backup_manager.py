"""Copies of the whole database: made beside running readers and writers, verified, and only so many kept."""

import logging
import re
import sqlite3
import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path

from digipal.core.arguments import all_name_arguments
from digipal.errors import StorageError
from digipal.storage.database import DatabaseConnection
from digipal.storage.faults import one_moment, translated
from digipal.storage.files import clear_unfinished, disk_faults, make_folder, replacing
from digipal.storage.schema import DatabaseSchema

_PAGES_A_STEP = 256
_INSTRUCTIONS_BETWEEN_LOOKS = 100_000
_JOIN_S = 0.4
_TIME_FORMAT = "%Y%m%d-%H%M%S-%f"
_TIME = re.compile(r"\d{8}-\d{6}-\d{6}")
_COUNTS = "SELECT " + ", ".join(f"(SELECT COUNT(*) FROM {table})" for table in DatabaseSchema.get_schema_sql())

_log = logging.getLogger(__name__)


@all_name_arguments
class BackupManager:
    """Whole-database backups in a folder of their own, as files <time>-<name of the database>.db.

    Each is a database file like the one it was made from: to go back to it, put it in that one's place while no
    engine runs. The newest `keep` are kept, and what a process left unfinished when it was killed is removed at the
    next start. Threads may share it.
    """

    def __init__(self, database: DatabaseConnection, folder: Path, keep: int = 10) -> None:
        if keep < 1:
            raise ValueError(f"at least one backup must be kept, not {keep}")
        self.folder = folder
        self.keep = keep
        self._database = database
        self._ending = f"-{Path(database.db_path).stem}.db"
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        clear_unfinished(folder)

    def backup_database(self) -> Path:
        """Copy the database as of one moment, verify the copy, drop the oldest beyond `keep`; where the copy is.

        Readers and writers go on meanwhile. StorageError when it could not be made or is not sound; nothing of it is
        left then and older backups stay.
        """
        return self._backup(threading.Event())

    def get_database_backups(self) -> list[Path]:
        """The backups of this database in the folder, newest first."""
        found = self.folder.glob("*.db")
        return sorted((path for path in found if self._is_ours(path.name)), key=lambda path: path.name, reverse=True)

    def start_schedule(self, interval_s: float = 3600.0) -> None:
        """Back up every `interval_s` seconds in a daemon thread, for the first time after the first interval.

        A second call does nothing. A backup that fails is logged, and the next one made as planned.
        """
        if not interval_s > 0:
            raise ValueError(f"interval_s is more than 0, not {interval_s}")
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._back_up_regularly, args=(interval_s, self._stop), name="digipal-backups", daemon=True
        )
        self._thread.start()

    def stop_schedule(self) -> None:
        """End the schedule within a second, in the midst of a backup too."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def _back_up_regularly(self, interval_s: float, stop: threading.Event) -> None:
        while not stop.wait(interval_s):
            try:
                self._backup(stop)
            except StorageError:
                if not stop.is_set():
                    _log.exception("a scheduled backup failed; the next is due in %s s", interval_s)

    def _backup(self, stop: threading.Event) -> Path:
        path = self.folder / f"{datetime.now().strftime(_TIME_FORMAT)}{self._ending}"
        doing = f"backup of {self._database.db_path} to {path}"
        with disk_faults(doing), translated(doing):
            make_folder(self.folder)
            with replacing(path) as temporary:
                self._copy(temporary, stop, doing)
            for old in self.get_database_backups()[self.keep :]:
                old.unlink(missing_ok=True)
        return path

    def _copy(self, path: Path, stop: threading.Event, doing: str) -> None:
        with self._database.reading(doing) as source, closing(sqlite3.connect(path, isolation_level=None)) as copy:

            def is_over() -> bool:
                return stop.is_set() or source.retired

            def look(*_: object) -> None:
                if is_over():
                    raise StorageError(f"{doing}: ended before it was done")

            copy.set_progress_handler(is_over, _INSTRUCTIONS_BETWEEN_LOOKS)
            source.next_look = 0.0  # a copy of a file that is lost is no backup, however quickly it was made
            with one_moment(source):
                counts = tuple(source.execute(_COUNTS).fetchone())
                source.backup(copy, pages=_PAGES_A_STEP, progress=look)
            copy.execute("PRAGMA journal_mode = DELETE")
            _verify(copy, counts, doing)

    def _is_ours(self, name: str) -> bool:
        return name.endswith(self._ending) and _TIME.fullmatch(name.removesuffix(self._ending)) is not None


def _verify(copy: sqlite3.Connection, counts: tuple[int, ...], doing: str) -> None:
    (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise StorageError(f"{doing}: the copy is damaged: {verdict}")
    copied = copy.execute(_COUNTS).fetchone()
    if copied != counts:
        raise StorageError(f"{doing}: the copy holds {copied} rows where the database holds {counts}")
