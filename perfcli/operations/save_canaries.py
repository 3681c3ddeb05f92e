"""Save canaries: what `save_pet` steps leave in pets, the same words in every field that no engine changes by itself.

Each save has a canary of its own. Whoever reads a pet whose canaries differ, or that of a save which was never begun,
has read a pet that was never saved; and the canary says which save a read saw, so that a stale one shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from enum import Enum
from typing import Any, Final, NamedTuple

from perfcli.operations.digipal_data import HISTORY_LOADED

CANARY_FIELDS: Final = ("name", "current_image_path", "image_generation_prompt")
"""The fields of a pet that bear the canary."""

UNSAVED: Final = 0
"""The key of a pet as the set-up left it: no save has left a canary in it."""

TORN_KEY: Final = -1
"""In place of the key of a save, if a pet bears canaries that no save left together."""

_COUNT: Final = re.compile(r"saved (\d{1,9}) times")
_CANARY: Final = re.compile(r"save (\d{1,9}) of vu(\d{1,9})(, noted)?")
_VU_BITS: Final = 30
_VU_MASK: Final = (1 << _VU_BITS) - 1


class CanaryMode(Enum):
    """How saves may change the pets of the setup, such that the canary itself tears nothing."""

    NONE = "no step saves them"
    IN_PLACE = "no other vu uses a pet while it is saved: the engine's own object carries the canary"
    ON_COPIES = "other vus read it: a copy carries the canary, and replaces the object once it is saved"
    NOTES_ONLY = "other vus change it through the engine, which overwrites canaries: only a note can show a save"

    @property
    def in_fields(self) -> bool:
        """Whether the fields of a pet show which save it comes from."""
        return self in (CanaryMode.IN_PLACE, CanaryMode.ON_COPIES)


class SaveCanary(NamedTuple):
    """The words of one save; no two saves of a run have the same."""

    number: int
    """Counted from 1 through all saves of this vu, whatever the pet."""
    vu: int
    noted: bool
    """Whether an interaction with the same words was saved with the pet."""

    @property
    def text(self) -> str:
        """The canary in words."""
        return f"save {self.number} of vu{self.vu}{', noted' if self.noted else ''}"

    @property
    def key(self) -> int:
        """Number and vu as one integer of at most 60 bits."""
        return save_key(self.number, self.vu)


def save_canary(text: object) -> SaveCanary | None:
    """The canary in a field of a pet, or in what was said to it; None for any other words."""
    # most texts are no canaries, and this is asked of every pet that is read
    match = _CANARY.fullmatch(text) if isinstance(text, str) and text.startswith("save ") else None
    return SaveCanary(int(match[1]), int(match[2]), bool(match[3])) if match else None


def save_key(number: int, vu: int) -> int:
    """A vu's save as one integer, never UNSAVED."""
    return number << _VU_BITS | vu + 1


def split_key(key: int) -> tuple[int, int]:
    """The number and the vu of a save."""
    return key >> _VU_BITS, (key & _VU_MASK) - 1


def key_in(name: object) -> int:
    """The key of the save whose canary a name is; UNSAVED for any other name."""
    canary = save_canary(name)
    return canary.key if canary else UNSAVED


def save_name(saves: int) -> str:
    """The name of a pet that `save_pet` steps were about to save so many times."""
    return f"saved {saves} times"


def saves_in(name: object) -> int:
    """How many saves a pet's name counts; 0 for a name of its own."""
    match = _COUNT.fullmatch(name) if isinstance(name, str) else None
    return int(match[1]) if match else 0


def count_save(pet: Any) -> Any:
    """A pet that counts in its name that it is about to be saved once more."""
    pet.name = save_name(saves_in(pet.name) + 1)
    return pet


class SaveCanaries:
    """The saves that the vus of one process began, and which of them a pet bears the canary of.

    Threads may share it: each vu adds under its own number.

    Args:
        notes_vanish: whether steps of the load delete the notes of saves.
    """

    def __init__(self, mode: CanaryMode, *, notes_vanish: bool = False) -> None:
        self.mode = mode
        self._notes_vanish = notes_vanish
        self._begun: dict[int, int] = {}

    def begin(self, vu: int) -> None:
        """A vu begins its next save of a pet of the setup, whatever comes of it."""
        self._begun[vu] = self._begun.get(vu, 0) + 1

    def leave(self, pet: Any, vu: int, note: Callable[..., Any] | None = None) -> Any:
        """The pet to save in place of this one of the setup, with its canary; itself or a copy.

        Args:
            pet: with notes only, an object of the caller's own.
            note: makes an interaction of its `user_input` and `pet_response`, for the history to bear the canary too.
        """
        text = SaveCanary(self._begun[vu], vu, note is not None).text
        if not self.mode.in_fields:
            if note is None:
                return count_save(pet)
            pet.conversation_history.append(note(user_input=text, pet_response=text))
            return pet
        changed = pet if self.mode is CanaryMode.IN_PLACE else copy(pet)
        for name in CANARY_FIELDS:
            setattr(changed, name, text)
        if note is not None:
            # one new list, never a shorter or longer old one, for whoever reads it now
            changed.conversation_history = [*pet.conversation_history, note(user_input=text, pet_response=text)]
        return changed

    def key_of(self, pet: Any) -> int:
        """The key of the save that a pet of the setup, or its state, bears the canary of; UNSAVED, or TORN_KEY."""
        # the state of a pet has not all of these fields
        texts = [text for name in CANARY_FIELDS if (text := getattr(pet, name, None)) is not None]
        if texts.count(texts[0]) < len(texts):
            return TORN_KEY if any(map(save_canary, texts)) else UNSAVED
        canary = save_canary(texts[0])
        if canary is None:
            return UNSAVED
        # what vus of other processes began is not known here
        never_begun = canary.number > self._begun.get(canary.vu, canary.number)
        if never_begun or (canary.noted and self._lacks_note(canary, getattr(pet, "conversation_history", None))):
            return TORN_KEY
        return canary.key

    def _lacks_note(self, canary: SaveCanary, history: list[Any] | None) -> bool:
        """Whether a pet's history is older or newer than the canary it bears.

        A vu saves one after another: a later note of the same vu was never saved with an earlier canary.
        """
        if history is None or self._notes_vanish:
            return False
        for interaction in reversed(history):
            note = save_canary(interaction.user_input)
            if note and note.vu == canary.vu:
                return note.number != canary.number
        return len(history) < HISTORY_LOADED
