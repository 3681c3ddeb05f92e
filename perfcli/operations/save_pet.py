"""save_pet: a pet, changed a little, into the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from perfcli.operations.base import Effects, StepSettings
from perfcli.operations.call import Call, StepImpossible
from perfcli.operations.digipal_data import CREATED_PET, WRONG
from perfcli.operations.save_canaries import CanaryMode, count_save

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu


class SavePet(StepSettings):
    """A pet, changed a little, into the database."""

    right_when: ClassVar[str] = "the engine returns True"
    operation: Literal["save_pet"] = "save_pet"
    history: bool = Field(default=False, description="also save a new interaction with the same canary")

    @property
    def effects(self) -> Effects:
        """The save's canary, in the pet and on request in an interaction."""
        return Effects(saves_pet=True, leaves_note=self.history)

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """Only the save is timed; the pet is loaded and changed before."""
        from digipal.core import Interaction

        saving = _Saving(vu, Interaction if self.history else None)
        return Call(saving.changed_pet, vu.storage.save_pet, saving.check)


class _Saving:
    """Changes the pets that one step saves.

    Args:
        note: makes the interaction to save with them.
    """

    def __init__(self, vu: EmbeddedVu, note: Callable[..., Any] | None) -> None:
        self._vu = vu
        self._note = note

    def changed_pet(self, user: int, choice: int) -> tuple[Any]:
        vu, canaries = self._vu, self._vu.canaries
        if user != CREATED_PET:
            # first of all: whatever becomes of it, the tool counts each sample of a save
            canaries.begin(vu.pets.vu)
        reference = vu.pets.of(user)
        if vu.unsaved:
            # somebody else saved it first: what this engine has in memory is older
            vu.core.active_pets.pop(vu.unsaved, None)
        notes_only = user != CREATED_PET and canaries.mode is CanaryMode.NOTES_ONLY
        # others may be in the midst of changing the object in memory, and half a change must not be saved
        pet = (vu.storage.load_pet if notes_only else vu.core.load_existing_pet)(reference.user_id)
        if pet is None:
            raise StepImpossible("skipped: no pet to save")
        if user == CREATED_PET:
            return (count_save(pet),)
        changed = canaries.leave(pet, vu.pets.vu, self._note)
        vu.unsaved = "" if changed is pet else reference.user_id
        return (changed,)

    def check(self, asked: tuple[Any, ...], answer: Any) -> str:
        """A save must answer with True itself."""
        if answer is not True:
            return WRONG + f"save_pet returned {answer!r:.30}"
        vu = self._vu
        if vu.unsaved:
            (changed,) = asked
            vu.core.active_pets[vu.unsaved] = changed
            vu.unsaved = ""
        return ""
