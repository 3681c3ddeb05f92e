"""The engine's storage: users, pets and what happened to them."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from digipal.core.actions import CareAction
from digipal.core.arguments import all_name_arguments, check_text
from digipal.core.models import DigiPal, Interaction
from digipal.errors import StorageError
from digipal.storage import assets, pets, user_backups
from digipal.storage.backup_manager import BackupManager
from digipal.storage.database import DatabaseConnection
from digipal.storage.rows import INTERACTION_COLUMNS, decode_dict, encode_dict, interaction_values

_DUPLICATE_CODES = {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE}
_INSERT_INTERACTION = (
    f"INSERT INTO interactions (digipal_id, user_id, {', '.join(INTERACTION_COLUMNS)}) "
    f"VALUES (?, ?, {', '.join('?' * len(INTERACTION_COLUMNS))})"
)
_AUTOMATIC = "automatic"
_AUTOMATIC_KEPT = 10


@all_name_arguments
class StorageManager:
    """Users and pets in one SQLite file. Each call is one transaction, durable when it returns.

    Threads may share it. A failure of the database raises StorageError (DatabaseBusyError for a lock), a save that
    would overwrite what the caller has not seen PetConflictError, a text of more than 65,536 characters
    TextTooLongError, which is a ValueError too. `synchronous` and `busy_timeout_s` are those of DatabaseConnection.
    Nothing is written outside `db_path` and `assets_path`, which is made with the first asset or backup.
    `backup_manager` makes backups of the whole database, on demand and on a schedule.
    """

    def __init__(
        self,
        db_path: str | Path,
        assets_path: str | Path = "assets",
        *,
        synchronous: str = "NORMAL",
        busy_timeout_s: float = 10.0,
    ) -> None:
        self.db_path = db_path
        self.assets_path = Path(assets_path)
        self.db = DatabaseConnection(db_path, synchronous=synchronous, busy_timeout_s=busy_timeout_s)
        self.backup_manager = BackupManager(self.db, self._backups_path)
        self._file = str(Path(db_path).resolve())

    def create_user(self, user_id: str, username: str, huggingface_token: str = "") -> bool:
        """Add a user; False if the id or the name is taken."""
        for name, text in (("user_id", user_id), ("username", username), ("huggingface_token", huggingface_token)):
            check_text(name, text)
        now = datetime.now().isoformat()
        try:
            self.db.execute_update(
                "INSERT INTO users (id, huggingface_token, username, created_at, last_login, session_data) "
                "VALUES (?, ?, ?, ?, ?, '{}')",
                (user_id, huggingface_token, username, now, now),
            )
        except StorageError as error:
            if getattr(error.__cause__, "sqlite_errorcode", None) in _DUPLICATE_CODES:
                return False
            raise
        return True

    def get_user(self, user_id: str) -> dict[str, Any] | None:
        """The user's id, username, huggingface_token, created_at, last_login and session_data, or None."""
        rows = self.db.execute_query(
            "SELECT id, username, huggingface_token, created_at, last_login, session_data FROM users WHERE id = ?",
            (user_id,),
        )
        return _with_json(rows[0], "session_data") if rows else None

    def update_user_session(self, user_id: str, session_data: dict[str, Any]) -> bool:
        """Replace the user's session data and note the login; False for an unknown user."""
        try:
            text = encode_dict(session_data)
        except (TypeError, ValueError, RecursionError) as error:
            raise StorageError(f"the session data of user {user_id!r} cannot be stored: {error}") from error
        changed = self.db.execute_update(
            "UPDATE users SET session_data = ?, last_login = ? WHERE id = ?",
            (text, datetime.now().isoformat(), user_id),
        )
        return changed == 1

    def save_pet(self, pet: DigiPal) -> bool:
        """Save the pet and its new interactions; True, or StorageError.

        Raises PetConflictError if the stored pet is newer than this one, or if the user has another live pet.
        """
        with self.db.writing("save_pet") as writing:
            writing.after_commit = pets.write_pet(writing, pet, self._file)
        return True

    def load_pet(self, user_id: str) -> DigiPal | None:
        """The user's newest live pet with its last 100 interactions, oldest first; None without a live pet."""
        found = self._pets(pets.SELECT_LIVE, user_id)
        return found[0] if found else None

    def get_pet(self, pet_id: str) -> DigiPal | None:
        """The pet of that id, live or deleted, with its last 100 interactions; None for an unknown id."""
        found = self._pets(pets.SELECT_BY_ID, pet_id)
        return found[0] if found else None

    def is_current(self, pet: DigiPal) -> bool:
        """Whether a pet read or saved here is still live and equal to the stored one."""
        with self.db.reading("is_current") as connection:
            return pets.is_current(connection, pet, self._file)

    def delete_pet(self, pet_id: str) -> bool:
        """Mark the pet as inactive; its data stays stored. False for an unknown id."""
        changed = self.db.execute_update(
            "UPDATE digipals SET is_active = 0, revision = revision + 1, updated_at = ? WHERE id = ?",
            (datetime.now().isoformat(), pet_id),
        )
        return changed == 1

    def get_user_pets(self, user_id: str, include_inactive: bool = False) -> list[DigiPal]:
        """The user's pets, newest first, without their histories; saving one keeps its stored history."""
        return self._pets(pets.SELECT_ALL_OF_USER if include_inactive else pets.SELECT_LIVE_OF_USER, user_id)

    def get_interaction_history(self, user_id: str, pet_id: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """Stored interactions as dicts, newest first; times are ISO text, attribute_changes a dict."""
        where, params = ("AND digipal_id = ? ", [pet_id]) if pet_id is not None else ("", [])
        rows = self.db.execute_query(
            f"SELECT id, digipal_id, user_id, {', '.join(INTERACTION_COLUMNS)} FROM interactions "
            f"WHERE user_id = ? {where}ORDER BY id DESC LIMIT ?",
            (user_id, *params, limit),
        )
        return [_with_json(row, "attribute_changes") for row in rows]

    def save_interaction_history(self, interactions: Sequence[Interaction | dict[str, Any]]) -> bool:
        """Add interactions without saving their pet: Interaction objects, or dicts as from get_interaction_history."""
        with self.db.writing("save_interaction_history") as writing:
            writing.begin()
            for entry in interactions:
                writing.connection.execute(_INSERT_INTERACTION, _loose_values(entry))
        return True

    def clear_interaction_history(self, pet_id: str) -> bool:
        """Delete the stored interactions of a pet."""
        self.db.execute_update("DELETE FROM interactions WHERE digipal_id = ?", (pet_id,))
        return True

    def save_care_action(
        self, pet_id: str, user_id: str, action: CareAction, changes: dict[str, int], success: bool = True
    ) -> bool:
        """Store a care action and its changes."""
        for name, text in (("pet_id", pet_id), ("user_id", user_id), ("action.name", action.name)):
            check_text(name, text)
        self.db.execute_update(
            "INSERT INTO care_actions (digipal_id, user_id, action_type, action_name, timestamp, energy_cost, "
            "happiness_change, attribute_changes, success) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                pet_id,
                user_id,
                action.action_type.value,
                action.name,
                datetime.now().isoformat(),
                action.energy_cost,
                action.happiness_change,
                encode_dict(changes),
                success,
            ),
        )
        return True

    def get_care_history(self, pet_id: str, limit: int = 50) -> list[dict[str, Any]]:
        """The pet's stored care actions as dicts, newest first; times are ISO text, attribute_changes a dict."""
        rows = self.db.execute_query(
            "SELECT id, digipal_id, user_id, action_type, action_name, timestamp, energy_cost, happiness_change, "
            "attribute_changes, success FROM care_actions WHERE digipal_id = ? ORDER BY id DESC LIMIT ?",
            (pet_id, limit),
        )
        return [_with_json(row, "attribute_changes") for row in rows]

    def create_backup(self, user_id: str, backup_type: str = "manual", pet_id: str | None = None) -> bool:
        """Back up the user's data, with one pet or all, as JSON in the database and in a file.

        False for an unknown user without a pet, and for a pet of another user.
        """
        return user_backups.create(self.db, self._backups_path, user_id, backup_type, pet_id)

    def get_backups(self, user_id: str, limit: int = 10) -> list[dict[str, Any]]:
        """The user's backups, newest first: id, user_id, digipal_id, backup_type, created_at, file_path."""
        return user_backups.listed(self.db, user_id, limit)

    def restore_backup(self, user_id: str, backup_id: int | None = None) -> bool:
        """Restore a backup, by default the newest: the user and its pets with their histories.

        False without such a backup. Replaces all stored data of the user, or nothing; other users are untouched. The
        live pet is then the backup's, and copies in memory are stale.
        """
        return user_backups.restore(self.db, user_id, backup_id)

    def create_automatic_backup(self, user_id: str) -> bool:
        """Make a backup of type "automatic", and keep the newest ten; False for an unknown user."""
        if not self.create_backup(user_id, _AUTOMATIC):
            return False
        user_backups.drop_old(self.db, self._backups_path, user_id, _AUTOMATIC_KEPT, _AUTOMATIC)
        return True

    def delete_old_backups(self, user_id: str, keep_count: int = 5) -> bool:
        """Drop all but the user's newest backups, whatever their type, and their files."""
        user_backups.drop_old(self.db, self._backups_path, user_id, keep_count, None)
        return True

    def save_asset(self, user_id: str, filename: str, content: bytes) -> str:
        """Write a file into the user's own directory, whole or not at all; returns its path.

        Raises AssetNameError for an empty name or one with a path. Each user id has its own directory.
        """
        return str(assets.save_asset(self.assets_path, user_id, filename, content))

    def get_user_assets(self, user_id: str) -> list[dict[str, Any]]:
        """The user's pictures by name: filename, path, size in bytes, modified (naive local time)."""
        return assets.list_assets(self.assets_path, user_id)

    def vacuum_database(self) -> bool:
        """Give the space of deleted rows back to the file system."""
        self.db.vacuum()
        return True

    def get_database_stats(self) -> dict[str, Any]:
        """Row counts, and the sizes of the database (with its log) and of the assets in bytes and MB (2**20)."""
        counted = ("users", "digipals", "interactions", "care_actions", "backups")
        columns = ", ".join(f"(SELECT COUNT(*) FROM {table}) AS {table}_count" for table in counted)
        stats: dict[str, Any] = dict(self.db.execute_query(f"SELECT {columns}")[0])
        sizes = {
            "database": sum(_file_size(Path(f"{self.db_path}{suffix}")) for suffix in ("", "-wal")),
            "assets": assets.folder_size_bytes(self.assets_path),
        }
        for name, size in sizes.items():
            stats[f"{name}_size_bytes"] = size
            stats[f"{name}_size_mb"] = size / 2**20
        return stats

    def set_busy_timeout(self, busy_timeout_s: float) -> float:
        """Set how long writes wait for other writers, in seconds, waiting ones included; returns the previous "
        "timeout."""
        return self.db.set_busy_timeout(busy_timeout_s)

    def close(self) -> None:
        """End the schedule of backups and close every thread's connection, within a second.

        A second call does nothing; any later call that needs the database raises StorageError.
        """
        self.backup_manager.stop_schedule()
        self.db.close()

    @property
    def _backups_path(self) -> Path:
        return self.assets_path / assets.BACKUPS_FOLDER

    def _pets(self, sql: str, key: str) -> list[DigiPal]:
        with self.db.reading("reading pets") as connection:
            return pets.fetch_pets(connection, self._file, sql, key)


def _with_json(row: sqlite3.Row, column: str) -> dict[str, Any]:
    entry = dict(row)
    try:
        entry[column] = decode_dict(entry[column])
    except ValueError as error:
        raise StorageError(f"row {entry['id']!r} holds unreadable {column}: {error}") from error
    if "success" in entry:
        entry["success"] = entry["success"] is None or bool(entry["success"])
    return entry


def _loose_values(entry: Interaction | dict[str, Any]) -> tuple[Any, ...]:
    if isinstance(entry, dict):
        interaction = Interaction.from_dict({name: entry[name] for name in INTERACTION_COLUMNS if name in entry})
        return (entry.get("digipal_id", ""), entry.get("user_id", ""), *interaction_values(interaction))
    return ("", "", *interaction_values(entry))


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
