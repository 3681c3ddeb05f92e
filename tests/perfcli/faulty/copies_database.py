"""An engine that copies its database on every save, and keeps the copy beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def save_pet(self, pet: DigiPal) -> bool:
        saved = super().save_pet(pet)
        database = Path(self.db_path)
        shutil.copy(database, database.with_suffix(".copy"))
        return saved
