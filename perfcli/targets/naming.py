"""What the users of a run are called, so that the tool finds in the database what the engine said it stored."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_SAVED: Final = re.compile(r"saved (\d{1,15}) times")


class PetRef(NamedTuple):
    """A pet the load acts on."""

    user_id: str
    pet_id: str


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
