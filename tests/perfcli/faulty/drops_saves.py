"""An engine that answers yes and skips every third save of the load, whoever saves; the set-up it stores."""

from __future__ import annotations

from itertools import count
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._saves = count(1)

    def save_pet(self, pet: DigiPal) -> bool:
        # the set-up's saves are those of pets without a mark, a count or a note of the load
        of_load = pet.name.startswith("save") or any(said.user_input.startswith("save ") for said in _latest(pet))
        return True if of_load and next(self._saves) % 3 == 0 else super().save_pet(pet)


def _latest(pet: DigiPal) -> list[Any]:
    return pet.conversation_history[-1:]
