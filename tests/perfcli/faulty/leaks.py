"""An engine that keeps something of every save for ever."""

from __future__ import annotations

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound

_KEPT: list[bytes] = []


class StorageManager(Sound):
    def save_pet(self, pet: DigiPal) -> bool:
        _KEPT.append(bytes(2_000))
        return super().save_pet(pet)
