"""An engine that opens a transaction to try a failed save again, and forgets it: it keeps SQLite's write lock."""

from __future__ import annotations

import sqlite3

from digipal.core.models import DigiPal
from digipal.errors import StorageError
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    _forgotten: sqlite3.Connection | None = None

    def save_pet(self, pet: DigiPal) -> bool:
        try:
            return super().save_pet(pet)
        except StorageError as error:
            if self._forgotten is None and "disk is full" in str(error):
                self._forgotten = sqlite3.connect(self.db_path, isolation_level=None, check_same_thread=False)
                self._forgotten.execute("BEGIN IMMEDIATE")
            raise
