"""What a DigiPal database holds, by SQLite alone; and what an engine answered of its pets, held against that."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from perfcli.operations.digipal_data import (
    GROWING,
    HISTORY,
    HISTORY_LOADED,
    INTERACTION_FIELDS,
    PET_FIELDS,
    TIRED_BELOW,
)

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

    @property
    def lost(self) -> str:
        """Why nothing can be known of it, though it may be in order: its machine is lost; "" if it is not."""

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


_PLAIN: Final = frozenset((str, int, float, bool, type(None)))

Load = Callable[[str], Any]
"""User id → pet, or None."""


def answers(load: Load, users: Iterable[str]) -> Iterator[str]:
    """Ask for the pet of each user, and yield what comes back as a line of JSON; what is raised is an answer."""
    for user in users:
        yield json.dumps({"user": user, **_answer(load, user)}) + "\n"


def compare_answers(load: Load, lines: Iterable[str], now: Callable[[], datetime]) -> Iterator[list[str]]:
    """For each answer, the fields in which the pet that is loaded now differs, in words."""
    for line in lines:
        answered = json.loads(line)
        user = answered["user"]
        yield [f"{user}: {words}" for words in _differences(answered, _answer(load, user), now())]


def _answer(load: Load, user: str) -> dict[str, Any]:
    try:
        pet = load(user)
        return {"pet": None if pet is None else plain_pet(pet)}
    except Exception as error:  # whatever an engine raises, or answers in place of a pet, is what is compared
        return {"error": f"{type(error).__name__}: {error}"[:200]}


def plain_pet(pet: Any) -> dict[str, Any]:
    """The public fields of a pet, with the last 100 of its interactions."""
    fields = {name: _plain(getattr(pet, name)) for name in PET_FIELDS}
    history = list(pet.conversation_history)[-HISTORY_LOADED:]
    fields[HISTORY] = [{name: _plain(getattr(entry, name)) for name in INTERACTION_FIELDS} for entry in history]
    return fields


def _plain(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    match value:
        case Enum():
            return _plain(value.value)
        case int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(_plain(key)): _plain(each) for key, each in value.items()}
        case set() | frozenset():
            return sorted(map(str, value))
        case list() | tuple():
            return [_plain(each) for each in value]
    return f"<{type(value).__name__}>"  # not its text, which may hold an address


def _differences(answered: Mapping[str, Any], stored: Mapping[str, Any], now: datetime) -> Iterator[str]:
    if "error" in answered or "error" in stored:
        if "error" in answered:
            yield f"asked for it, the engine raised {answered['error']}"
        if "error" in stored:
            yield f"loaded again, the engine raised {stored['error']}"
        return
    before, after = answered["pet"], stored["pet"]
    if before is None or after is None:
        if before is not after:
            yield "no pet stored, one answered" if after is None else "a pet stored, none answered"
        return
    if before["user_id"] != answered["user"]:
        yield f"answered with the pet of {before['user_id']}"
        return
    if before["id"] != after["id"]:
        yield f"pet {after['id']} stored, {before['id']} answered"
        return
    for name in PET_FIELDS:
        if not (_same(before[name], after[name]) or _time_explains(name, before, after[name], now)):
            yield f"{name} {_shown(after[name])} stored, {_shown(before[name])} answered"
    yield from _history_differences(before[HISTORY], after[HISTORY])


def _history_differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[str]:
    """The first difference; an engine may keep less in memory than the last 100 that it loads."""
    if len(before) > len(after):
        yield f"{len(after)} interactions stored, {len(before)} answered"
        return
    for age, (ours, theirs) in enumerate(zip(reversed(before), reversed(after), strict=False)):
        for name in INTERACTION_FIELDS:
            if not _same(ours[name], theirs[name]):
                place = f"the last interaction but {age}" if age else "the last interaction"
                yield f"{name} of {place} {_shown(theirs[name])} stored, {_shown(ours[name])} answered"
                return


def _time_explains(name: str, before: Mapping[str, Any], after: Any, now: datetime) -> bool:
    """Whether the time since the pet's last interaction may have changed a field so, by the API's rates of decay."""
    last = datetime.fromisoformat(before["last_interaction"])
    hours = max(0.0, (now - last).total_seconds() / 3600)
    tired = before["energy"] - int(2 * hours) < TIRED_BELOW
    match name:
        case "last_interaction":
            return last <= datetime.fromisoformat(after) <= now
        case "evolution_timer":
            return bool(before[name] <= after <= before[name] + hours)
        case "energy":
            return bool(0 <= before[name] - after <= int(2 * hours))
        case "happiness":
            return bool(0 <= before[name] - after <= int(hours))
        case "weight":
            return bool(tired and 0 <= before[name] - after <= max(1, int(hours / 2)))
    return False


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or (one != one and other != other)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
