"""An engine that tears reads: once in fifty loads, a part of the pet is as it was at the load before."""

from __future__ import annotations

from itertools import count
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    EVERY = 50

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._loads = count(1)
        self._seen: dict[str, str] = {}

    def load_pet(self, user_id: str) -> DigiPal | None:
        pet = super().load_pet(user_id)
        if pet is not None:
            before = self._seen.get(user_id, pet.image_generation_prompt)
            self._seen[user_id] = pet.image_generation_prompt
            if next(self._loads) % self.EVERY == 0:
                pet.image_generation_prompt = before
        return pet
