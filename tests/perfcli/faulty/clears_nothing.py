"""An engine that forgets what was said to a pet in memory alone: the rows stay."""

from __future__ import annotations

from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def clear_interaction_history(self, pet_id: str) -> bool:
        return True
