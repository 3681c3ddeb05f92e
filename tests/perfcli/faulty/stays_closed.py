"""An engine that closes its database when a write was kept out, and never opens it again."""

from __future__ import annotations

from typing import Any

from digipal.core.models import DigiPal
from digipal.errors import DatabaseBusyError
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"busy_timeout_s": 0.1, **settings})

    def save_pet(self, pet: DigiPal) -> bool:
        try:
            return super().save_pet(pet)
        except DatabaseBusyError:
            self.db.close()
            raise
