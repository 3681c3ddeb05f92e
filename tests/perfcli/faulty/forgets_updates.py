"""An engine that forgets an update now and then: once in twenty saves, a pet's numbers are those of the save before."""

from __future__ import annotations

from itertools import count
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound

_NUMBERS = ("hp", "mp", "offense", "defense", "speed", "brains")


class StorageManager(Sound):
    EVERY = 20

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._saves = count(1)

    def save_pet(self, pet: DigiPal) -> bool:
        stored = self.load_pet(pet.user_id)
        if stored is not None and next(self._saves) % self.EVERY == 0:
            for name in _NUMBERS:
                setattr(pet, name, getattr(stored, name))
        return super().save_pet(pet)
