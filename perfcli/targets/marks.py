"""Marks that `save_pet` steps leave in pets: the same words in every field that no engine changes by itself.

Whoever reads a pet whose marks differ, or a mark of a save that was never begun, has read a pet that was never saved.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from enum import Enum
from typing import Any, Final

from perfcli.plan import ExecutionPlan
from perfcli.scenario.operation import CareSettings, TalkSettings
from perfcli.scenario.steps import SavePet
from perfcli.targets.naming import SaveMark, save_mark, save_name, saves_in

MARKED: Final = ("name", "current_image_path", "image_generation_prompt")
"""The fields of a pet that bear the mark."""

_HISTORY_LOADED: Final = 100


class Marking(Enum):
    """How saves may mark the pets of the setup, such that the marking itself tears nothing."""

    IN_PLACE = "nobody else acts on a pet while it is saved: the engine's own object bears the marks"
    ON_COPIES = "others read it meanwhile: a copy bears the marks, and takes the object's place once it is saved"
    NAME_ONLY = "others change it through the engine meanwhile, which a copy would undo: its name counts, no more"


def marking_of(plan: ExecutionPlan) -> Marking:
    """How the saves of a plan mark pets. Pets that the load creates have their saves counted in their name, always."""
    savers = [phase for phase in plan.phases if any(isinstance(step, SavePet) for step in phase.flow)]
    if savers and all(plan.users_alone(phase.first_vu) for phase in savers):
        return Marking.IN_PLACE
    steps = (step for phase in plan.phases for step in phase.flow)
    changed = any(isinstance(step, TalkSettings | CareSettings) for step in steps)
    return Marking.ON_COPIES if savers and not changed else Marking.NAME_ONLY


class Marks:
    """The saves that the vus of one process began, and whether a pet bears the mark of one of them.

    Threads may share it: each vu adds under its own number.
    """

    def __init__(self, marking: Marking) -> None:
        self.marking = marking
        self._begun: dict[tuple[str, int], int] = {}
        self._acknowledged: dict[str, int] = {}

    def leave(self, pet: Any, user_id: str, vu: int, note: Callable[..., Any] | None = None) -> Any:
        """The pet to save in place of this one of the setup, marked; itself or a copy.

        Args:
            note: makes an interaction of its `user_input` and `pet_response`, for the history to bear the mark too.
        """
        if self.marking is Marking.NAME_ONLY:
            return count_save(pet)
        in_place = self.marking is Marking.IN_PLACE
        # on copies a vu counts its own saves, as others may count at the same time
        before = saves_in(pet.name) if in_place else self._begun.get((user_id, vu), 0)
        mark = SaveMark(before + 1, vu, note is not None).text
        self._begun[user_id, vu] = before + 1
        marked = pet if in_place else copy(pet)
        for name in MARKED:
            setattr(marked, name, mark)
        if note is not None:
            # one new list, never a shorter or longer old one, for whoever reads it now
            marked.conversation_history = [*pet.conversation_history, note(user_input=mark, pet_response=mark)]
        return marked

    def acknowledge(self, pet: Any) -> None:
        """A save of the pet was acknowledged. Held against later reads where nobody else saves it."""
        if self.marking is Marking.IN_PLACE:
            self._acknowledged[pet.user_id] = saves_in(pet.name)

    def are_outdated(self, pet: Any) -> bool:
        """Whether a pet that was read lacks a save that was acknowledged before."""
        return saves_in(pet.name) < self._acknowledged.get(pet.user_id, 0)

    def are_torn(self, user_id: str, pet: Any) -> bool:
        """Whether a pet that was read, or its state, bears marks that no save left together."""
        if self.marking is Marking.NAME_ONLY:
            return False
        # the state of a pet has not all of these fields
        texts = [text for name in MARKED if (text := getattr(pet, name, None)) is not None]
        if texts.count(texts[0]) < len(texts):
            return any(map(save_mark, texts))
        mark = save_mark(texts[0])
        # what vus of other processes began is not known here
        return mark is not None and (
            mark.saves > self._begun.get((user_id, mark.vu), mark.saves)
            or (mark.noted and _lacks_note(mark, getattr(pet, "conversation_history", None)))
        )


def count_save(pet: Any) -> Any:
    """A pet that counts in its name that it is about to be saved once more."""
    pet.name = save_name(saves_in(pet.name) + 1)
    return pet


def _lacks_note(mark: SaveMark, history: list[Any] | None) -> bool:
    """Whether a pet's history is older or newer than the mark it bears.

    A vu saves one after another: a later note of the same vu was never saved with an earlier mark.
    """
    if history is None:
        return False
    for interaction in reversed(history):
        note = save_mark(interaction.user_input)
        if note and note.vu == mark.vu:
            return note.saves != mark.saves
    return len(history) < _HISTORY_LOADED
