"""What the users of a run and the saves of their pets are called, so that the tool finds in the database what the
engine said it stored.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

_SAVED: Final = re.compile(r"saved (\d{1,15}) times(?: by vu(\d{1,9})(, noted)?)?")


class PetRef(NamedTuple):
    """A pet the load acts on."""

    user_id: str
    pet_id: str


class SaveMark(NamedTuple):
    """What a save wrote into every field of a pet that is the load's own: which save it was, and of which vu."""

    saves: int
    vu: int
    noted: bool
    """Whether an interaction with the same words was saved with the pet."""

    @property
    def text(self) -> str:
        """The mark in words."""
        return f"{save_name(self.saves)} by vu{self.vu}{', noted' if self.noted else ''}"


def set_up_user(index: int) -> str:
    """The user id of the pet with this index in the setup."""
    return f"user-{index}"


def created_user(vu: int, number: int) -> str:
    """The user id of the n-th pet (from 0) that a vu tried to create."""
    return f"vu{vu}-{number}"


def save_name(saves: int) -> str:
    """The name of a pet that `save_pet` steps were about to save so many times."""
    return f"saved {saves} times"


def saves_in(name: object) -> int:
    """How many saves a pet's name counts; 0 for a name of its own."""
    match = _SAVED.fullmatch(name) if isinstance(name, str) else None
    return int(match[1]) if match else 0


def save_mark(text: object) -> SaveMark | None:
    """The mark in a field of a pet, or in what was said to it; None for any other words."""
    # most texts are no marks, and this is asked of every pet that is read
    match = _SAVED.fullmatch(text) if isinstance(text, str) and text.startswith("saved ") else None
    return SaveMark(int(match[1]), int(match[2]), bool(match[3])) if match and match[2] else None


def assets_of(database: Path) -> Path:
    """The directory that an engine is told to keep its assets in."""
    return database.parent / "assets"


def answers_of(database: Path, process: int) -> Path:
    """The file in which an engine process writes down what the engine answered before it was shut down."""
    return database.parent.with_name(f"answers-{process}.jsonl")
