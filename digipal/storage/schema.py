"""The tables, and how a file written by an earlier engine comes to have them all."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from digipal.core.arguments import all_name_arguments
from digipal.errors import SchemaVersionError, StorageError
from digipal.storage.faults import roll_back, translated
from digipal.storage.files import disk_faults, prepare_database

_TABLE_NAMES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
_CHECKED_BYTES = 64 * 2**20
_WAL_RETRY_S = 0.005
LIVE_PET_MESSAGE = "the user already has a live pet"

_TABLES = {
    "users": """
        CREATE TABLE IF NOT EXISTS users (
            id TEXT PRIMARY KEY NOT NULL,
            huggingface_token TEXT,
            username TEXT UNIQUE,
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            last_login TIMESTAMP,
            session_data TEXT
        )""",
    "digipals": """
        CREATE TABLE IF NOT EXISTS digipals (
            id TEXT PRIMARY KEY NOT NULL,
            user_id TEXT NOT NULL,
            name TEXT NOT NULL DEFAULT 'DigiPal',
            egg_type TEXT NOT NULL,
            life_stage TEXT NOT NULL,
            generation INTEGER NOT NULL DEFAULT 1,
            hp INTEGER NOT NULL DEFAULT 100,
            mp INTEGER NOT NULL DEFAULT 50,
            offense INTEGER NOT NULL DEFAULT 10,
            defense INTEGER NOT NULL DEFAULT 10,
            speed INTEGER NOT NULL DEFAULT 10,
            brains INTEGER NOT NULL DEFAULT 10,
            discipline INTEGER NOT NULL DEFAULT 0,
            happiness INTEGER NOT NULL DEFAULT 50,
            weight INTEGER NOT NULL DEFAULT 20,
            care_mistakes INTEGER NOT NULL DEFAULT 0,
            energy INTEGER NOT NULL DEFAULT 100,
            birth_time TIMESTAMP,
            last_interaction TIMESTAMP,
            evolution_timer REAL NOT NULL DEFAULT 0.0,
            learned_commands TEXT,
            personality_traits TEXT,
            current_image_path TEXT,
            image_generation_prompt TEXT,
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            is_active BOOLEAN DEFAULT 1
        )""",
    "interactions": """
        CREATE TABLE IF NOT EXISTS interactions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            digipal_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            user_input TEXT NOT NULL,
            interpreted_command TEXT,
            pet_response TEXT,
            attribute_changes TEXT,
            success BOOLEAN DEFAULT 1,
            result TEXT
        )""",
    "care_actions": """
        CREATE TABLE IF NOT EXISTS care_actions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            digipal_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            action_type TEXT NOT NULL,
            action_name TEXT NOT NULL,
            timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            energy_cost INTEGER DEFAULT 0,
            happiness_change INTEGER DEFAULT 0,
            attribute_changes TEXT,
            success BOOLEAN DEFAULT 1
        )""",
    "backups": """
        CREATE TABLE IF NOT EXISTS backups (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            user_id TEXT NOT NULL,
            digipal_id TEXT,
            backup_type TEXT NOT NULL,
            backup_data TEXT,
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            file_path TEXT
        )""",
    "schema_migrations": """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            version INTEGER PRIMARY KEY,
            applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            description TEXT
        )""",
}

_INDEXES = (
    # Partial, so that a load sees live pets only and the history of dead ones costs it nothing.
    "CREATE INDEX IF NOT EXISTS digipals_live ON digipals(user_id, created_at) WHERE is_active = 1",
    # SQLite ends every index entry with the row id, which is the order histories are read in.
    "CREATE INDEX IF NOT EXISTS interactions_of_pet ON interactions(digipal_id)",
    "CREATE INDEX IF NOT EXISTS interactions_of_user ON interactions(user_id)",
    "CREATE INDEX IF NOT EXISTS care_actions_of_pet ON care_actions(digipal_id)",
    "CREATE INDEX IF NOT EXISTS backups_of_user ON backups(user_id)",
)

_ADDED_COLUMNS = {
    # Counts the saves of a pet: a save that names an older count is stale.
    "revision": "ALTER TABLE digipals ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    # How far the pet has paid for the time since its last interaction: digipal.core.decay.
    "decayed_seconds": "ALTER TABLE digipals ADD COLUMN decayed_seconds REAL NOT NULL DEFAULT 0.0",
    "decay_spell_seconds": "ALTER TABLE digipals ADD COLUMN decay_spell_seconds REAL NOT NULL DEFAULT -1.0",
}

_ANOTHER_LIVE_PET = f"""
    WHEN NEW.is_active = 1 AND EXISTS (
        SELECT 1 FROM digipals WHERE user_id = NEW.user_id AND is_active = 1 AND id <> NEW.id
    ) BEGIN SELECT RAISE(ABORT, '{LIVE_PET_MESSAGE}'); END"""

# Triggers and not a unique index: a file that holds two live pets of a user already keeps both and is guarded too.
_GUARDS = (
    "CREATE TRIGGER IF NOT EXISTS one_live_pet BEFORE INSERT ON digipals" + _ANOTHER_LIVE_PET,
    "CREATE TRIGGER IF NOT EXISTS one_live_pet_on_change BEFORE UPDATE OF user_id, is_active ON digipals"
    + _ANOTHER_LIVE_PET,
)


def _create_tables(connection: sqlite3.Connection) -> None:
    for sql in _TABLES.values():
        connection.execute(sql)
    for sql in _INDEXES:
        connection.execute(sql)


def _guard_pets(connection: sqlite3.Connection) -> None:
    present = _columns(connection, "digipals")
    for name, sql in _ADDED_COLUMNS.items():
        if name not in present:
            connection.execute(sql)
    for sql in _GUARDS:
        connection.execute(sql)


# Every step may meet a file in which it has been done already, under whatever number another engine gave it.
_MIGRATIONS: tuple[tuple[int, str, Callable[[sqlite3.Connection], None]], ...] = (
    (1, "users, pets, their interactions and care", _create_tables),
    (2, "revisions, settled decay, one live pet a user", _guard_pets),
)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def _recorded_version(connection: sqlite3.Connection) -> int:
    if not _columns(connection, "schema_migrations"):
        return 0
    (version,) = connection.execute("SELECT MAX(CAST(version AS INTEGER)) FROM schema_migrations").fetchone()
    return version or 0


def _refuse_unfit(connection: sqlite3.Connection, path: str) -> None:
    """Refuse a file of a newer engine, of another program, or damaged, before anything is written to it."""
    tables = {name for (name,) in connection.execute(_TABLE_NAMES)}
    if tables and tables.isdisjoint(_TABLES):
        raise StorageError(f"{path}: a database of another program, with the tables {', '.join(sorted(tables))}")
    if lacking := _lacking_columns(connection, tables):
        raise StorageError(f"{path}: a database of another program: it lacks {', '.join(lacking)}")
    version = _recorded_version(connection)
    if version > DatabaseSchema.CURRENT_VERSION:
        raise SchemaVersionError(
            f"{path}: schema version {version} is newer than {DatabaseSchema.CURRENT_VERSION}, "
            "the newest this engine knows; use a newer engine"
        )
    if os.path.getsize(path) <= _CHECKED_BYTES:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StorageError(
                f"{path}: the database is damaged ({verdict.splitlines()[-1]}); put a backup in its place"
            )


def _lacking_columns(connection: sqlite3.Connection, tables: set[str]) -> list[str]:
    """Columns that tables of our names would have, were they ours; every engine so far has made them all."""
    with closing(sqlite3.connect(":memory:")) as ours:
        _create_tables(ours)
        return [
            f"{table}.{column}"
            for table in sorted(tables.intersection(_TABLES))
            for column in sorted(_columns(ours, table) - _columns(connection, table))
        ]


def _is_up_to_date(connection: sqlite3.Connection) -> bool:
    if _recorded_version(connection) != DatabaseSchema.CURRENT_VERSION:
        return False
    return _columns(connection, "digipals").issuperset(_ADDED_COLUMNS)


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number, description, migrate in _MIGRATIONS:
            migrate(connection)
            connection.execute(
                "INSERT OR IGNORE INTO schema_migrations (version, applied_at, description) VALUES (?, ?, ?)",
                (number, datetime.now().isoformat(), description),
            )
        connection.execute("COMMIT")
    except BaseException as error:
        roll_back(connection, error)
        raise


def bring_up_to_date(connection: sqlite3.Connection, path: str) -> None:
    """Give the open file every table; refuse one that is newer, foreign or damaged, and leave that as it is.

    Damage is looked for in files up to 64 MB, which takes a fraction of a second; in a larger one it is the call
    that meets it that fails. Callers translate sqlite3's errors.
    """
    _refuse_unfit(connection, path)
    if not _is_up_to_date(connection):
        _migrate(connection)
    _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Put the file in WAL mode, waiting as long as any write would for others who are opening it too.

    SQLite does not call its busy handler for this change (https://sqlite.org/wal.html, "Sometimes Queries Return
    SQLITE_BUSY"), so the waiting is ours.
    """
    (patience_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    deadline = time.monotonic() + patience_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_RETRY_S)
        else:
            return


@all_name_arguments
class DatabaseSchema:
    """The tables of a DigiPal database and the versions they went through."""

    CURRENT_VERSION = _MIGRATIONS[-1][0]

    @staticmethod
    def create_database(db_path: str | Path) -> bool:
        """Create the file with all tables, or bring an existing one up to date; True, or StorageError."""
        doing = f"{db_path}: cannot create the database"
        with disk_faults(doing), translated(doing):
            prepare_database(Path(db_path))
            connection = sqlite3.connect(db_path, isolation_level=None)
            try:
                bring_up_to_date(connection, str(db_path))
            finally:
                connection.close()
        return True

    @staticmethod
    def get_schema_version(db_path: str | Path) -> int:
        """The newest version recorded in the file; 0 when there is no file or no record."""
        if not Path(db_path).exists():
            return 0
        with translated(f"{db_path}: cannot read the schema version"):
            connection = sqlite3.connect(db_path, isolation_level=None)
            try:
                return _recorded_version(connection)
            finally:
                connection.close()

    @staticmethod
    def migrate_database(db_path: str | Path) -> bool:
        """Bring the file up to date, creating it if need be; True, or StorageError."""
        return DatabaseSchema.create_database(db_path)

    @staticmethod
    def get_schema_sql() -> dict[str, str]:
        """The CREATE statement of every table, by name."""
        return dict(_TABLES)

    @staticmethod
    def get_indexes_sql() -> list[str]:
        """The CREATE statement of every index."""
        return list(_INDEXES)
