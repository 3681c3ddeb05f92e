"""An engine that tries a save again and again until the disk has room, and tells nobody."""

from __future__ import annotations

import time

from digipal.core.models import DigiPal
from digipal.errors import StorageError
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def save_pet(self, pet: DigiPal) -> bool:
        while True:
            try:
                return super().save_pet(pet)
            except StorageError as error:
                if "disk is full" not in str(error):
                    raise
                time.sleep(0.01)
