"""An engine that clears the histories of all pets together with that of one."""

from __future__ import annotations

from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def clear_interaction_history(self, pet_id: str) -> bool:
        self.db.execute_update("DELETE FROM interactions")
        return True
