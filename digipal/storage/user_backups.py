"""One user's data as JSON, in the database and in a file, and back: user, pets, what was said and done to them."""

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from digipal.errors import PetConflictError, StorageError
from digipal.storage.database import DatabaseConnection, Writing
from digipal.storage.faults import one_moment
from digipal.storage.files import disk_faults, make_folder, safe_name, write_whole

_HISTORIES = ("interactions", "care_actions")
_PETS = "SELECT * FROM digipals WHERE user_id = ? ORDER BY created_at, rowid"
_PET = "SELECT * FROM digipals WHERE user_id = ? AND id = ?"
_RETIRE_LIVE = "UPDATE digipals SET is_active = 0, revision = revision + 1 WHERE user_id = ? AND is_active = 1"
_KEEP = (
    "INSERT INTO backups (user_id, digipal_id, backup_type, backup_data, created_at, file_path) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
_LIST = (
    "SELECT id, user_id, digipal_id, backup_type, created_at, file_path FROM backups "
    "WHERE user_id = ? ORDER BY id DESC LIMIT ?"
)
_FIND = "SELECT id, backup_data FROM backups WHERE user_id = ? AND (? IS NULL OR id = ?) ORDER BY id DESC LIMIT 1"
_DROP = (
    "DELETE FROM backups WHERE user_id = ? AND id IN (SELECT id FROM backups WHERE user_id = ? "
    "AND (? IS NULL OR backup_type = ?) ORDER BY id DESC LIMIT -1 OFFSET ?) RETURNING file_path"
)

Row = dict[str, Any]


def create(db: DatabaseConnection, folder: Path, user_id: str, backup_type: str, pet_id: str | None) -> bool:
    """Keep the user's data as it is now, with one pet or all; False for an unknown user or a pet of someone else."""
    with db.reading("create_backup") as connection:
        data = _gather(connection, user_id, pet_id)
    if data is None:
        return False
    text, now = _encode(data), datetime.now()
    name = f"{now:%Y%m%d-%H%M%S-%f}-{safe_name(backup_type)}-{safe_name(user_id)}-{uuid4().hex[:8]}.json"
    path = folder / name
    with disk_faults(f"the backup {path} could not be written"):
        make_folder(folder)
        write_whole(path, text.encode())
    try:
        db.execute_update(_KEEP, (user_id, pet_id, backup_type, text, now.isoformat(), str(path)))
    except BaseException as error:
        try:
            path.unlink(missing_ok=True)
        except OSError as another:
            error.add_note(f"{path} could not be removed: {another}")
        raise
    return True


def listed(db: DatabaseConnection, user_id: str, limit: int) -> list[Row]:
    """The user's backups, newest first, without what they hold."""
    return [dict(row) for row in db.execute_query(_LIST, (user_id, limit))]


def restore(db: DatabaseConnection, user_id: str, backup_id: int | None) -> bool:
    """Put a backup of the user back, the newest without an id; False when there is none."""
    found = db.execute_query(_FIND, (user_id, backup_id, backup_id))
    if not found:
        return False
    data = _decode(found[0]["backup_data"], found[0]["id"])
    with db.writing("restore_backup") as writing:
        _put_back(writing, user_id, data)
    return True


def drop_old(db: DatabaseConnection, folder: Path, user_id: str, keep_count: int, backup_type: str | None) -> None:
    """Drop all but the newest `keep_count` backups of the user, of one type or any, with their files in the folder."""
    if keep_count < 0:
        raise ValueError(f"keep_count is 0 or more, not {keep_count}")
    with db.writing("delete_old_backups") as writing:
        dropped = writing.connection.execute(_DROP, (user_id, user_id, backup_type, backup_type, keep_count)).fetchall()
    with disk_faults(f"old backups of user {user_id!r} could not be removed"):
        for (place,) in dropped:
            # A row may have been written by another engine, and may name any file.
            if place and Path(place).parent.resolve() == folder.resolve():
                Path(place).unlink(missing_ok=True)


def _gather(connection: sqlite3.Connection, user_id: str, pet_id: str | None) -> Row | None:
    """The user's data as of one moment, with one pet or all; None for an unknown user, or a pet that is not theirs."""
    with one_moment(connection):
        users = _rows(connection, "SELECT * FROM users WHERE id = ?", user_id)
        pets = _rows(connection, _PETS, user_id) if pet_id is None else _rows(connection, _PET, user_id, pet_id)
        if not pets and (pet_id is not None or not users):
            return None
        data: Row = {"user": users[0] if users else None, "pets": pets}
        for table in _HISTORIES:
            said = f"SELECT * FROM {table} WHERE digipal_id = ? ORDER BY id"
            data[table] = [row for pet in pets for row in _rows(connection, said, pet["id"])]
        return data


def _encode(data: Row) -> str:
    """The data as JSON text; StorageError for what JSON cannot hold, such as another engine's blobs."""
    try:
        return json.dumps(data)
    except TypeError as error:
        raise StorageError(f"the user's data cannot be put into a backup: {error}") from error


def _decode(text: str | None, backup_id: int) -> Row:
    """The inverse of _encode; StorageError for a backup that is damaged or of another engine's making."""
    try:
        data = json.loads(text or "")
        backup: Row = {table: [dict(row, id=row["id"]) for row in data[table]] for table in ("pets", *_HISTORIES)}
        backup["user"] = data["user"] and dict(data["user"])
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(f"backup {backup_id} is damaged or not one of this engine's: {error!r}") from error
    return backup


def _put_back(writing: Writing, user_id: str, data: Row) -> None:
    """Replace what is stored of the user and of the pets in `data`.

    When it brings a live pet, the newest of them is the user's live pet afterwards and every other one a deleted
    one; a pet that `data` does not know is otherwise left alone. PetConflictError, and nothing is changed, when one
    of its pets has another owner by now. Every pet gets a new revision, so that an older copy of it is stale.
    """
    writing.begin()
    connection = writing.connection
    live = [pet["id"] for pet in data["pets"] if pet.get("is_active")]
    revisions = [_next_revision(connection, user_id, pet) for pet in data["pets"]]
    if live:
        connection.execute(_RETIRE_LIVE, (user_id,))
    for pet, revision in zip(data["pets"], revisions, strict=True):
        connection.execute("DELETE FROM digipals WHERE id = ?", (pet["id"],))
        for table in _HISTORIES:
            connection.execute(f"DELETE FROM {table} WHERE digipal_id = ?", (pet["id"],))
        changes = {"user_id": user_id, "is_active": pet["id"] in live[-1:], "revision": revision}
        _insert(connection, "digipals", [pet | changes])
    for table in _HISTORIES:
        _insert(connection, table, data[table])
    if data["user"] is not None:
        connection.execute("DELETE FROM users WHERE id = ?", (user_id,))
        _insert(connection, "users", [data["user"] | {"id": user_id}])


def _next_revision(connection: sqlite3.Connection, user_id: str, pet: Row) -> int:
    known = pet.get("revision")
    least = known + 1 if isinstance(known, int) else 1
    row = connection.execute("SELECT user_id, revision FROM digipals WHERE id = ?", (pet["id"],)).fetchone()
    if row is None:
        return least
    if row[0] != user_id:
        raise PetConflictError(
            f"pet {pet['id']!r} belongs to another user by now and cannot be restored for {user_id!r}"
        )
    return max(least, int(row[1]) + 1)


def _insert(connection: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    present = [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]
    for row in rows:
        names = [name for name in present if name in row]
        connection.execute(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            [row[name] for name in names],
        )


def _rows(connection: sqlite3.Connection, sql: str, *params: str) -> list[Row]:
    return [dict(row) for row in connection.execute(sql, params)]
