"""What a right answer of an operation must leave in the database: all that the ledger knows of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal


class Proof(Enum):
    """What a right answer to an interaction proves."""

    SUCCEEDED = auto()
    """It is stored, as a success."""
    STORED = auto()
    """It is stored, as a success or a refusal."""
    NOTHING = auto()
    """It may have been a refusal, which the engine need not store."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of one step; by default it stores nothing.

    The ledger, the growth of the dataset, the preparation of `ab`, the scripted engine and the rules ask these facts,
    never which operation it is. What is known only at run time joins through `measurement.ledger.LedgerPart`.
    """

    creates_pet: bool = False
    """The step creates the pet of a user who had none, which later steps of the same iteration act on."""

    texts: Sequence[str] = ()
    """The `user_input` of the interaction that is stored with the pet, by choice; empty if none is stored."""

    proof: Callable[[int], Proof] = lambda choice: Proof.SUCCEEDED
    """What a right answer proves of that interaction, by choice."""

    gains: Callable[[int], Mapping[str, int]] | None = None
    """What it adds to the pet's growing attributes, by choice; None if it adds no known amount."""

    changes_attributes: bool = False
    """It changes the pet's attributes by amounts unknown: they prove nothing from then on."""

    saves_pet: bool = False
    """It saves the pet itself, with a save canary that tells which save was stored."""

    leaves_note: bool = False
    """The save canary is also stored as an interaction."""

    clears_history: bool = False
    """It deletes every interaction stored for the pet."""

    writes_fields: bool = False
    """It sets fields of the pet to values that only the run knows."""

    may_do_anything: bool = False
    """It reaches for the engine in ways that only its author knows."""

    def adds(self, what: Literal["pets", "interactions"]) -> bool:
        """Whether it makes the dataset larger by one of these."""
        return self.creates_pet if what == "pets" else bool(self.texts)

    @property
    def is_write(self) -> bool:
        """Whether anything must be stored, or be gone, afterwards."""
        return bool(self.creates_pet or self.texts or self.saves_pet or self.clears_history or self.writes_fields)

    @property
    def is_always_checked(self) -> bool:
        """Whether what it writes is looked for even if vus share pets and change them through the engine."""
        if self.saves_pet:
            return self.leaves_note
        if self.texts:
            return any(self.proof(choice) is not Proof.NOTHING for choice in range(len(self.texts)))
        return self.is_write

    @property
    def changes_pet_through_engine(self) -> bool:
        """Whether the engine stores the pet it has in memory, over what others saved."""
        return bool(self.texts or self.clears_history or self.may_do_anything)

    @property
    def stores_whole_pet(self) -> bool:
        """Whether a pet is stored that an operation of the tool's own had in memory."""
        return bool(self.texts or self.clears_history or self.saves_pet)


NO_EFFECTS: Final = Effects()
