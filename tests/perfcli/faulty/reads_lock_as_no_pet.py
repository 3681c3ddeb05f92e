"""An engine that notes each read of a pet, and takes a lock that keeps the note out for "no pet"."""

from __future__ import annotations

from typing import Any

from digipal.core.models import DigiPal
from digipal.errors import DatabaseBusyError
from digipal.storage.database import DatabaseConnection
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._notes = DatabaseConnection(self.db_path, busy_timeout_s=0.1)

    def load_pet(self, user_id: str) -> DigiPal | None:
        try:
            self._notes.execute_update("UPDATE users SET last_login = last_login WHERE id = ?", (user_id,))
        except DatabaseBusyError:
            return None
        return super().load_pet(user_id)

    def close(self) -> None:
        self._notes.close()
        super().close()
