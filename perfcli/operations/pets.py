"""Whose pets operations act on: those of the setup, and the one that the same iteration created."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from perfcli.operations.call import StepImpossible

CREATED_PET: Final = -1
"""The user index of the pet that the same iteration created."""

NO_PET: Final = -2
"""The user index of a step that acts on no pet."""


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


class VuPets:
    """The pets of one vu.

    Args:
        prefix: what the names of created users begin with.
    """

    def __init__(self, vu: int, set_up: Sequence[PetRef], prefix: str = "") -> None:
        self.vu = vu
        self.set_up = set_up
        self._prefix = prefix
        self._created: PetRef | None = None
        self._tried = 0

    def of(self, user: int) -> PetRef:
        """The pet of a user index.

        Raises:
            StepImpossible: it should have been created, and was not.
        """
        if user != CREATED_PET:
            return self.set_up[user]
        if self._created is None:
            raise StepImpossible("skipped: the pet was not created")
        return self._created

    def newcomer(self) -> str:
        """A user who has no pet yet."""
        self._created = None
        self._tried += 1
        return self._newcomer(self._tried - 1)

    def welcome(self, pet: PetRef) -> None:
        """The newcomer's pet is there."""
        self._created = pet

    def newcomers(self) -> Iterator[str]:
        """All users for whom it tried to create a pet, whether they got one or not."""
        return map(self._newcomer, range(self._tried))

    def _newcomer(self, number: int) -> str:
        return self._prefix + created_user(self.vu, number)
