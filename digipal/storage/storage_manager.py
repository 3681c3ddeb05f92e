"""The engine's storage: users, pets and what happened to them."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from digipal.core.actions import CareAction
from digipal.core.models import DigiPal, Interaction
from digipal.errors import StorageError
from digipal.storage import pets
from digipal.storage.database import DatabaseConnection
from digipal.storage.rows import INTERACTION_COLUMNS, decode_dict, encode_dict, interaction_values

_DUPLICATE_CODES = {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE}
_INSERT_INTERACTION = (
    f"INSERT INTO interactions (digipal_id, user_id, {', '.join(INTERACTION_COLUMNS)}) "
    f"VALUES (?, ?, {', '.join('?' * len(INTERACTION_COLUMNS))})"
)


class StorageManager:
    """Keeps users and pets in one SQLite file; each call is one transaction, durable when it returns.

    Threads may share it. A failure of the database raises StorageError (DatabaseBusyError for a lock), a save that
    would overwrite what the caller has not seen PetConflictError. `synchronous` and `busy_timeout_s` are those of
    DatabaseConnection. Nothing is written outside `db_path`; `assets_path` is made when the first asset is saved.
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
        self._file = str(Path(db_path).resolve())

    def create_user(self, user_id: str, username: str, huggingface_token: str = "") -> bool:
        """Add a user; False when the id or the name is taken."""
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
        changed = self.db.execute_update(
            "UPDATE users SET session_data = ?, last_login = ? WHERE id = ?",
            (encode_dict(session_data), datetime.now().isoformat(), user_id),
        )
        return changed == 1

    def save_pet(self, pet: DigiPal) -> bool:
        """Write the pet and the interactions of its history that are not stored yet; True, or StorageError.

        PetConflictError when the stored pet is newer than this one, or when its user has another live pet.
        """
        with self.db.writing("save_pet") as transaction:
            transaction.after_commit = pets.write_pet(transaction.connection, pet, self._file)
        return True

    def load_pet(self, user_id: str) -> DigiPal | None:
        """The user's newest live pet with its last 100 interactions, oldest first; None when there is none."""
        found = self._pets(pets.SELECT_LIVE, user_id)
        return found[0] if found else None

    def get_pet(self, pet_id: str) -> DigiPal | None:
        """The pet of that id, live or deleted, with its last 100 interactions; None for an unknown id."""
        found = self._pets(pets.SELECT_BY_ID, pet_id)
        return found[0] if found else None

    def delete_pet(self, pet_id: str) -> bool:
        """Take the pet out of its user's life; everything about it stays stored. False for an unknown id."""
        changed = self.db.execute_update(
            "UPDATE digipals SET is_active = 0, revision = revision + 1, updated_at = ? WHERE id = ?",
            (datetime.now().isoformat(), pet_id),
        )
        return changed == 1

    def get_user_pets(self, user_id: str, include_inactive: bool = False) -> list[DigiPal]:
        """The user's pets, newest first, without their histories; saving one keeps its stored history."""
        return self._pets(pets.SELECT_ALL_OF_USER if include_inactive else pets.SELECT_LIVE_OF_USER, user_id)

    def get_interaction_history(self, user_id: str, pet_id: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
        """What was said, newest first, as stored: times are ISO text, attribute_changes a dict."""
        where, params = ("AND digipal_id = ? ", [pet_id]) if pet_id is not None else ("", [])
        rows = self.db.execute_query(
            f"SELECT id, digipal_id, user_id, {', '.join(INTERACTION_COLUMNS)} FROM interactions "
            f"WHERE user_id = ? {where}ORDER BY id DESC LIMIT ?",
            (user_id, *params, limit),
        )
        return [_with_json(row, "attribute_changes") for row in rows]

    def save_interaction_history(self, interactions: Sequence[Interaction | dict[str, Any]]) -> bool:
        """Add interactions without their pet: plain, or dicts as get_interaction_history gives them."""
        with self.db.writing("save_interaction_history") as transaction:
            for entry in interactions:
                transaction.connection.execute(_INSERT_INTERACTION, _loose_values(entry))
        return True

    def clear_interaction_history(self, pet_id: str) -> bool:
        """Delete what was said to a pet, for good."""
        self.db.execute_update("DELETE FROM interactions WHERE digipal_id = ?", (pet_id,))
        return True

    def save_care_action(
        self, pet_id: str, user_id: str, action: CareAction, changes: dict[str, int], success: bool = True
    ) -> bool:
        """Note a care action and what it changed."""
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
        """The pet's noted care actions, newest first; times are ISO text, attribute_changes a dict."""
        rows = self.db.execute_query(
            "SELECT id, digipal_id, user_id, action_type, action_name, timestamp, energy_cost, happiness_change, "
            "attribute_changes, success FROM care_actions WHERE digipal_id = ? ORDER BY id DESC LIMIT ?",
            (pet_id, limit),
        )
        return [_with_json(row, "attribute_changes") for row in rows]

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
            "assets": sum(_file_size(path) for path in self.assets_path.rglob("*")),
        }
        for name, size in sizes.items():
            stats[f"{name}_size_bytes"] = size
            stats[f"{name}_size_mb"] = size / 2**20
        return stats

    def close(self) -> None:
        """Close every thread's connection; a second call does nothing, any other call raises StorageError."""
        self.db.close()

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
        entry["success"] = bool(entry["success"])
    return entry


def _loose_values(entry: Interaction | dict[str, Any]) -> tuple[Any, ...]:
    if isinstance(entry, dict):
        interaction = Interaction.from_dict({name: entry[name] for name in INTERACTION_COLUMNS if name in entry})
        return (entry.get("digipal_id", ""), entry.get("user_id", ""), *interaction_values(interaction))
    return ("", "", *interaction_values(entry))


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
