"""An engine that loses one write in 500: what was said to a pet is gone, though the pet was saved."""

from __future__ import annotations

from itertools import count
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    EVERY = 500

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._saves = count(1)

    def save_pet(self, pet: DigiPal) -> bool:
        saved = super().save_pet(pet)
        if next(self._saves) % self.EVERY == 0:
            self.db.execute_update(
                "DELETE FROM interactions WHERE id = (SELECT MAX(id) FROM interactions WHERE digipal_id = ?)", (pet.id,)
            )
        return saved
