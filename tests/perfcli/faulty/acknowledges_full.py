"""An engine that answers yes when the disk is full, and has saved nothing."""

from __future__ import annotations

from digipal.core.models import DigiPal
from digipal.errors import StorageError
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def save_pet(self, pet: DigiPal) -> bool:
        try:
            return super().save_pet(pet)
        except StorageError as error:
            if "disk is full" in str(error):
                return True
            raise
