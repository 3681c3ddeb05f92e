"""What the users of a run are called, so that the tool finds in the database what the engine said it stored."""

from __future__ import annotations

from typing import NamedTuple


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
