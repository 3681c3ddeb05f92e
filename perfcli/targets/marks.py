"""Marks that `save_pet` steps leave in pets: the same words in every field that no engine changes by itself.

Each save has a mark of its own. Whoever reads a pet whose marks differ, or a mark of a save that was never begun, has
read a pet that was never saved; and the mark says which save a read saw, so that a stale one can be told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Final

from perfcli.plan import ExecutionPlan, PlannedPhase
from perfcli.scenario.marking import Marking, follows_creation, marking_of
from perfcli.scenario.steps import LoadPet, SavePet, Status
from perfcli.targets.naming import UNSAVED, SaveMark, save_mark, save_name, saves_in

MARKED: Final = ("name", "current_image_path", "image_generation_prompt")
"""The fields of a pet that bear the mark."""

TORN_KEY: Final = -1
"""In place of the key of a save, if a pet bears marks that no save left together."""

_HISTORY_LOADED: Final = 100


def telling_reads(plan: ExecutionPlan, planned: PlannedPhase) -> Mapping[int, bool]:
    """The places in a phase's flow whose reads tell which save they saw, and whether the database told it.

    A cached read can be stale, but shows no more of a save than what the harness itself wrote into the cached pet.
    """
    marking = marking_of(plan.scenario)
    # on copies the harness itself changes the cache, and other processes have a cache of their own
    cache_tells = marking is Marking.IN_PLACE and plan.scenario.pool.processes == 1
    steps = list(zip(planned.flow, follows_creation(planned.phase), strict=True))
    saves_created = any(new and isinstance(step, SavePet) for step, new in steps)
    telling = {}
    for place, (step, new) in enumerate(steps):
        if isinstance(step, LoadPet | Status):
            from_database = isinstance(step, LoadPet) and step.source == "database"
            if saves_created if new else marking.has_marks and (from_database or cache_tells):
                telling[place] = from_database
    return telling


class Marks:
    """The saves that the vus of one process began, and which of them a pet bears the mark of.

    Threads may share it: each vu adds under its own number.
    """

    def __init__(self, marking: Marking) -> None:
        self.marking = marking
        self._begun: dict[int, int] = {}

    def begin(self, vu: int) -> None:
        """A vu begins its next save of a pet of the setup, whatever comes of it."""
        self._begun[vu] = self._begun.get(vu, 0) + 1

    def leave(self, pet: Any, vu: int, note: Callable[..., Any] | None = None) -> Any:
        """The pet to save in place of this one of the setup, marked; itself or a copy.

        Args:
            pet: where there are notes only, nobody else's object.
            note: makes an interaction of its `user_input` and `pet_response`, for the history to bear the mark too.
        """
        mark = SaveMark(self._begun[vu], vu, note is not None).text
        if not self.marking.has_marks:
            if note is None:
                return count_save(pet)
            pet.conversation_history.append(note(user_input=mark, pet_response=mark))
            return pet
        marked = pet if self.marking is Marking.IN_PLACE else copy(pet)
        for name in MARKED:
            setattr(marked, name, mark)
        if note is not None:
            # one new list, never a shorter or longer old one, for whoever reads it now
            marked.conversation_history = [*pet.conversation_history, note(user_input=mark, pet_response=mark)]
        return marked

    def key_of(self, pet: Any) -> int:
        """The key of the save that a pet of the setup, or its state, bears the mark of; UNSAVED, or TORN_KEY."""
        # the state of a pet has not all of these fields
        texts = [text for name in MARKED if (text := getattr(pet, name, None)) is not None]
        if texts.count(texts[0]) < len(texts):
            return TORN_KEY if any(map(save_mark, texts)) else UNSAVED
        mark = save_mark(texts[0])
        if mark is None:
            return UNSAVED
        # what vus of other processes began is not known here
        never_begun = mark.number > self._begun.get(mark.vu, mark.number)
        if never_begun or (mark.noted and _lacks_note(mark, getattr(pet, "conversation_history", None))):
            return TORN_KEY
        return mark.key


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
            return note.number != mark.number
    return len(history) < _HISTORY_LOADED
