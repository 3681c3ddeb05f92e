"""What the users of a run and the saves of their pets are called, so that the tool finds in the database what the
engine said it stored.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

_COUNT: Final = re.compile(r"saved (\d{1,9}) times")
_MARK: Final = re.compile(r"save (\d{1,9}) of vu(\d{1,9})(, noted)?")
_VU_BITS: Final = 30
_VU_MASK: Final = (1 << _VU_BITS) - 1

UNSAVED: Final = 0
"""The key of a pet as the set-up left it: no save has marked it."""


class PetRef(NamedTuple):
    """A pet the load acts on."""

    user_id: str
    pet_id: str


class SaveMark(NamedTuple):
    """Which save a pet bears the mark of; no two saves of a run have the same mark."""

    number: int
    """Counted from 1 through all saves of this vu, whatever the pet."""
    vu: int
    noted: bool
    """Whether an interaction with the same words was saved with the pet."""

    @property
    def text(self) -> str:
        """The mark in words."""
        return f"save {self.number} of vu{self.vu}{', noted' if self.noted else ''}"

    @property
    def key(self) -> int:
        """Number and vu as one integer of at most 60 bits."""
        return save_key(self.number, self.vu)


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
    match = _COUNT.fullmatch(name) if isinstance(name, str) else None
    return int(match[1]) if match else 0


def save_mark(text: object) -> SaveMark | None:
    """The mark in a field of a pet, or in what was said to it; None for any other words."""
    # most texts are no marks, and this is asked of every pet that is read
    match = _MARK.fullmatch(text) if isinstance(text, str) and text.startswith("save ") else None
    return SaveMark(int(match[1]), int(match[2]), bool(match[3])) if match else None


def save_key(number: int, vu: int) -> int:
    """A vu's save as one integer, never UNSAVED."""
    return number << _VU_BITS | vu + 1


def split_key(key: int) -> tuple[int, int]:
    """The number and the vu of a save."""
    return key >> _VU_BITS, (key & _VU_MASK) - 1


def key_in(name: object) -> int:
    """The key of the save whose mark a name is; UNSAVED for any other name."""
    mark = save_mark(name)
    return mark.key if mark else UNSAVED


def assets_of(database: Path) -> Path:
    """The directory that an engine is told to keep its assets in."""
    return database.parent / "assets"
