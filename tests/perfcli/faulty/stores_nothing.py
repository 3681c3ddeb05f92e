"""An engine that answers yes and stores nothing: pets live in its memory alone."""

from __future__ import annotations

from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._remembered: dict[str, DigiPal] = {}

    def save_pet(self, pet: DigiPal) -> bool:
        self._remembered[pet.user_id] = pet
        return True

    def load_pet(self, user_id: str) -> DigiPal | None:
        return self._remembered.get(user_id)
