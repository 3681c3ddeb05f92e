"""What a DigiPal database holds, read by SQLite alone: no code of the engine takes part."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from perfcli.operations.digipal_data import GROWING

_MOST_FAULTS: Final = 3
_PETS: Final = "SELECT user_id, name FROM digipals WHERE is_active = 1 ORDER BY user_id"
_FIELDS: Final = "SELECT user_id, {} FROM digipals WHERE is_active = 1"
_INTERACTIONS: Final = """
    SELECT user_id, user_input, SUM(success IS NOT 0), SUM(success IS 0)
    FROM interactions GROUP BY user_id, user_input ORDER BY user_id
"""
_NUMBERS: Final = ", ".join(f"CAST(COALESCE({name}, 0) AS INTEGER)" for name in GROWING)
_GROWING: Final = f"SELECT user_id, life_stage, {_NUMBERS} FROM digipals WHERE is_active = 1"


Rows = Callable[[str], Iterable[tuple[Any, ...]]]
"""SQL → the rows of the answer, of a database that is open; raises sqlite3.Error."""


class Readable(Protocol):
    """A database, where it lies."""

    def reading(self) -> AbstractContextManager[Rows]:
        """Open it to be read, beside an engine or after it; raises sqlite3.Error."""


class StoredInteractions(NamedTuple):
    """How often one text is stored for one user."""

    user: str
    text: str
    succeeded: int
    refused: int


class GrowingPet(NamedTuple):
    """The numbers of a pet that care only adds to, by name."""

    life_stage: str
    numbers: Mapping[str, int]


class StoredPets:
    """An open database."""

    def __init__(self, query: Rows) -> None:
        self._query = query

    def damage(self) -> str:
        """What SQLite's own check of the whole file finds wrong; "" for nothing."""
        found = [str(row[0]) for row in self._query(f"PRAGMA integrity_check({_MOST_FAULTS})")]
        return "" if found == ["ok"] else "; ".join(found)

    def pets(self) -> Iterator[tuple[str, str]]:
        """User and name of every live pet, by user."""
        yield from self._query(_PETS)

    def fields(self, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Some fields of every live pet, by user; nothing if none are named."""
        if not names:
            return {}
        stored: dict[str, list[dict[str, Any]]] = {}
        for user, *values in self._query(_FIELDS.format(", ".join(names))):
            stored.setdefault(user, []).append(dict(zip(names, values, strict=True)))
        return stored

    def interactions(self) -> Iterator[StoredInteractions]:
        """All interactions, by user and text."""
        return map(StoredInteractions._make, self._query(_INTERACTIONS))

    def growing(self) -> dict[str, GrowingPet]:
        """The growing numbers of every user's live pet."""
        rows = self._query(_GROWING)
        return {user: GrowingPet(stage, dict(zip(GROWING, numbers, strict=True))) for user, stage, *numbers in rows}


@contextmanager
def open_stored(database: Readable) -> Iterator[StoredPets]:
    """Open a database to read it, beside an engine or after it.

    Raises:
        sqlite3.Error: it is not there, or cannot be read.
    """
    with database.reading() as query:
        yield StoredPets(query)


class MinimalDatabase:
    """A database with no more than `StoredPets` reads of pets and interactions, for engines that follow a script."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def create(self) -> None:
        """Make its tables, unless they are there."""
        self._write("CREATE TABLE IF NOT EXISTS digipals (user_id TEXT, name TEXT, is_active INTEGER)")
        self._write("CREATE TABLE IF NOT EXISTS interactions (user_id TEXT, user_input TEXT, success INTEGER)")

    def add_pet(self, user: str) -> None:
        """Store a pet without a name."""
        self._write("INSERT INTO digipals VALUES (?, '', 1)", user)

    def add_interaction(self, user: str, text: str) -> None:
        """Store a success."""
        self._write("INSERT INTO interactions VALUES (?, ?, 1)", user, text)

    def clear_interactions(self, user: str) -> None:
        """Delete all of a pet's."""
        self._write("DELETE FROM interactions WHERE user_id = ?", user)

    def rename_pet(self, user: str, name: str) -> None:
        """Store another name."""
        self._write("UPDATE digipals SET name = ? WHERE user_id = ?", name, user)

    def name_of(self, user: str) -> str:
        """The name of a user's pet."""
        with closing(sqlite3.connect(self._path)) as connection:
            return str(connection.execute("SELECT name FROM digipals WHERE user_id = ?", (user,)).fetchone()[0])

    def _write(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            connection.execute(statement, values)
