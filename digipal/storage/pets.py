"""Writing a pet with what is new in its history, and reading it back.

A pet that is stored carries a mark (file, revision), each stored interaction of it a mark (file, pet id). The marks
tell a save what is new and whether the pet is stale; they are set only after a commit.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from digipal.core.arguments import check_text
from digipal.core.models import DigiPal, Interaction
from digipal.errors import StalePetError, StorageError, TextTooLongError
from digipal.storage.database import Writing
from digipal.storage.rows import (
    INTERACTION_COLUMNS,
    PET_COLUMNS,
    interaction_values,
    pet_values,
    read_history,
    read_pet,
)

HISTORY_LIMIT = 100
"""How many interactions a loaded pet brings along."""

_COLUMNS = ", ".join(PET_COLUMNS)
# One statement sees one state of the database, and gives Python's lock away once and not for every row.
_HISTORY = f"""(
    SELECT json_group_array(json_array(id, {", ".join(INTERACTION_COLUMNS)}))
    FROM (SELECT * FROM interactions WHERE digipal_id = digipals.id ORDER BY id DESC LIMIT {HISTORY_LIMIT})
)"""
_NEWEST_FIRST = "ORDER BY created_at DESC, rowid DESC"
_WITH_HISTORY = f"SELECT id, user_id, {_COLUMNS}, revision, {_HISTORY} FROM digipals "
_WITHOUT_HISTORY = f"SELECT id, user_id, {_COLUMNS}, revision, '[]' FROM digipals "
SELECT_LIVE = f"{_WITH_HISTORY} WHERE user_id = ? AND is_active = 1 {_NEWEST_FIRST} LIMIT 1"
SELECT_BY_ID = f"{_WITH_HISTORY} WHERE id = ?"
SELECT_LIVE_OF_USER = f"{_WITHOUT_HISTORY} WHERE user_id = ? AND is_active = 1 {_NEWEST_FIRST}"
SELECT_ALL_OF_USER = f"{_WITHOUT_HISTORY} WHERE user_id = ? {_NEWEST_FIRST}"
_INSERT = (
    f"INSERT INTO digipals ({_COLUMNS}, id, user_id, created_at, updated_at, is_active, revision) "
    f"VALUES ({', '.join('?' * len(PET_COLUMNS))}, ?, ?, ?, ?, 1, 1)"
)
_UPDATE = (
    f"UPDATE digipals SET {', '.join(f'{name} = ?' for name in PET_COLUMNS)}, updated_at = ?, revision = revision + 1 "
    "WHERE id = ? AND user_id = ? AND revision = ?"
)
_INSERT_INTERACTION = (
    f"INSERT INTO interactions ({', '.join(INTERACTION_COLUMNS)}, digipal_id, user_id) "
    f"VALUES ({', '.join('?' * len(INTERACTION_COLUMNS))}, ?, ?)"
)
_SELECT_CURRENT = "SELECT 1 FROM digipals WHERE id = ? AND revision = ? AND is_active = 1"
_FIRST_REVISION = 1


def fetch_pets(connection: sqlite3.Connection, file: str, sql: str, key: str) -> list[DigiPal]:
    """The pets of one of the SELECTs above, marked as stored."""
    return [_read(row, file) for row in connection.execute(sql, (key,)).fetchall()]


def is_current(connection: sqlite3.Connection, pet: DigiPal, file: str) -> bool:
    """Whether the stored pet is live and as this one was when it was read or written; True for one never stored."""
    known = _known_revision(pet.storage_mark, file)
    return known is None or connection.execute(_SELECT_CURRENT, (pet.id, known)).fetchone() is not None


def write_pet(writing: Writing, pet: DigiPal, file: str) -> Callable[[], None]:
    """Insert or update the pet and add what is new in its history; call what is returned after the commit.

    A pet without news is one statement, and so a transaction by itself.

    StalePetError when the stored pet was saved by someone else since this one was loaded or saved.
    """
    try:
        known = _known_revision(pet.storage_mark, file)
        new = _unsaved(pet, file)
        connection = writing.connection
        if new:
            writing.begin()
        if known is not None and _update(connection, pet, pet.user_id, known):
            revision = known + 1
        else:
            writing.begin()
            if known is None:
                known = _known_revision(pet.copy_mark, file)
            revision, new = _write_unfamiliar(connection, pet, known)
        for interaction in new:
            connection.execute(_INSERT_INTERACTION, (*interaction_values(interaction), pet.id, pet.user_id))
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError) as error:
        if isinstance(error, (UnicodeError, TextTooLongError)) or _is_no_pet(pet, error):
            raise
        raise StorageError(f"pet {pet.id!r} holds a value that cannot be stored: {error}") from error

    def mark() -> None:
        place = _place(file, pet.id)
        for interaction in new:
            interaction.storage_mark = place
        if pet.unsaved:
            pet.unsaved = ()
        pet.storage_mark = (file, revision)

    return mark


def _is_no_pet(pet: object, error: Exception) -> bool:
    """Whether what was given for a pet lacks what a pet has; what only stands in for one has it."""
    return isinstance(error, AttributeError) and not isinstance(pet, DigiPal)


def _read(row: sqlite3.Row, file: str) -> DigiPal:
    pet = read_pet(row, read_history(row[-1], _place(file, row[0])))
    pet.storage_mark = (file, row[-2])
    return pet


def _known_revision(mark: tuple[object, ...] | None, file: str) -> int | None:
    if mark is None or mark[0] != file or not isinstance(mark[1], int):
        return None
    return mark[1]


@lru_cache(maxsize=4_096)
def _place(file: str, pet_id: str) -> tuple[str, str]:
    """Where interactions are stored: one object for all of a pet, which makes comparing them quick."""
    return file, pet_id


def _unsaved(pet: DigiPal, file: str) -> list[Interaction]:
    """What is new, wherever in the history it stands: nothing or the last one, nearly always."""
    place, history = _place(file, pet.id), pet.conversation_history
    marks = [interaction.storage_mark for interaction in history]
    missing = len(marks) - marks.count(place)
    if not missing:
        new = []
    elif missing == 1 and marks[-1] != place:
        new = history[-1:]
    else:
        new = [interaction for interaction in history if interaction.storage_mark != place]
    return [*pet.unsaved, *new] if pet.unsaved else new


def _update(connection: sqlite3.Connection, pet: DigiPal, user_id: str, revision: int) -> bool:
    values: tuple[Any, ...] = (*pet_values(pet), datetime.now().isoformat(), pet.id, user_id, revision)
    return connection.execute(_UPDATE, values).rowcount == 1


def _write_unfamiliar(connection: sqlite3.Connection, pet: DigiPal, known: int | None) -> tuple[int, list[Interaction]]:
    """Write a pet that is new to this file, was moved to another user, or is a copy made outside storage."""
    row = connection.execute("SELECT user_id, revision FROM digipals WHERE id = ?", (pet.id,)).fetchone()
    history = [*pet.unsaved, *pet.conversation_history]
    check_text("pet.id", pet.id)
    check_text("pet.user_id", pet.user_id)
    if row is None:
        now = datetime.now().isoformat()
        connection.execute(_INSERT, (*pet_values(pet), pet.id, pet.user_id, now, now))
        return _FIRST_REVISION, history
    owner, revision = row
    if known is not None and known != revision:
        raise StalePetError(
            f"pet {pet.id!r} was saved by someone else since it was loaded (revision {revision}, not {known}); "
            "load it again and repeat the change"
        )
    if owner != pet.user_id:
        connection.execute("UPDATE digipals SET user_id = ? WHERE id = ?", (pet.user_id, pet.id))
    _update(connection, pet, pet.user_id, revision)
    return revision + 1, _not_stored(connection, pet.id, history)


def _not_stored(connection: sqlite3.Connection, pet_id: str, history: list[Interaction]) -> list[Interaction]:
    """What the file does not hold: a copy (from a dict, say) brings no marks, so its history is compared."""
    stored = Counter(
        tuple(row)
        for row in connection.execute(
            "SELECT timestamp, user_input, interpreted_command, pet_response FROM interactions WHERE digipal_id = ?",
            (pet_id,),
        )
    )
    new = []
    for interaction in history:
        key = interaction_values(interaction)[:4]
        if stored[key]:
            stored[key] -= 1
        else:
            new.append(interaction)
    return new
