"""An engine that rewrites a pet's history in two transactions: what was there is gone in between."""

from __future__ import annotations

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def save_pet(self, pet: DigiPal) -> bool:
        saved = super().save_pet(pet)
        rows = self.db.execute_query("SELECT * FROM interactions WHERE digipal_id = ? ORDER BY id", (pet.id,))
        self.db.execute_update("DELETE FROM interactions WHERE digipal_id = ?", (pet.id,))
        if rows:
            values = ", ".join("?" * len(rows[0]))
            self.db.execute_transaction([(f"INSERT INTO interactions VALUES ({values})", tuple(row)) for row in rows])
        return saved
