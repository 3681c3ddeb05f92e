"""An engine that loses an interaction and changes a pet when it is closed."""

from __future__ import annotations

from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def close(self) -> None:
        self.db.execute_update("DELETE FROM interactions WHERE id = (SELECT MAX(id) FROM interactions)")
        self.db.execute_update("UPDATE digipals SET energy = energy - 1 WHERE user_id = 'user-0'")
        super().close()
