"""An engine whose saves take the longer, the more interactions are stored."""

from __future__ import annotations

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def save_pet(self, pet: DigiPal) -> bool:
        rows = self.db.execute_query(
            "SELECT user_input, pet_response FROM interactions WHERE digipal_id = ?", (pet.id,)
        )
        sum(len(text or "") for row in rows for text in row)
        return super().save_pet(pet)
