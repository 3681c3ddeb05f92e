"""What a DigiPal database holds, read by SQLite alone: no code of the engine takes part."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

_PATIENCE_S: Final = 10.0
_MOST_FAULTS: Final = 3
_PETS: Final = "SELECT user_id, name FROM digipals WHERE is_active = 1 ORDER BY user_id"
_FIELDS: Final = "SELECT user_id, {} FROM digipals WHERE is_active = 1"
_INTERACTIONS: Final = """
    SELECT user_id, user_input, SUM(success IS NOT 0), SUM(success IS 0)
    FROM interactions GROUP BY user_id, user_input ORDER BY user_id
"""


class StoredInteractions(NamedTuple):
    """How often one text is stored for one user."""

    user: str
    text: str
    succeeded: int
    refused: int


class StoredPets:
    """An open database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def damage(self) -> str:
        """What SQLite's own check of the whole file finds wrong; "" for nothing."""
        found = [str(row[0]) for row in self._connection.execute(f"PRAGMA integrity_check({_MOST_FAULTS})")]
        return "" if found == ["ok"] else "; ".join(found)

    def pets(self) -> Iterator[tuple[str, str]]:
        """User and name of every live pet, by user."""
        yield from self._connection.execute(_PETS)

    def fields(self, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Some fields of every live pet, by user; nothing if none are named."""
        if not names:
            return {}
        stored: dict[str, list[dict[str, Any]]] = {}
        for user, *values in self._connection.execute(_FIELDS.format(", ".join(names))):
            stored.setdefault(user, []).append(dict(zip(names, values, strict=True)))
        return stored

    def interactions(self) -> Iterator[StoredInteractions]:
        """All interactions, by user and text."""
        return map(StoredInteractions._make, self._connection.execute(_INTERACTIONS))

    def query(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of any other question."""
        yield from self._connection.execute(sql)


@contextmanager
def open_stored(database: Path) -> Iterator[StoredPets]:
    """Open a database to read it, beside an engine or after it.

    Raises:
        sqlite3.Error: it is not there, or cannot be read.
    """
    if not database.exists():
        raise sqlite3.OperationalError("the file does not exist")
    with closing(sqlite3.connect(database, timeout=_PATIENCE_S)) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield StoredPets(connection)
