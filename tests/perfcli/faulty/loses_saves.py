"""An engine that answers yes and skips every fiftieth save; the next save makes it good."""

from __future__ import annotations

from itertools import count
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._saves = count(1)

    def save_pet(self, pet: DigiPal) -> bool:
        return True if next(self._saves) % 50 == 0 else super().save_pet(pet)
