"""An engine that returns another user's pet, once in fifty loads."""

from __future__ import annotations

from itertools import count
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    EVERY = 50

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._loads = count(1)

    def load_pet(self, user_id: str) -> DigiPal | None:
        if next(self._loads) % self.EVERY == 0:
            others = self.db.execute_query("SELECT user_id FROM digipals WHERE user_id <> ? LIMIT 1", (user_id,))
            user_id = others[0]["user_id"] if others else user_id
        return super().load_pet(user_id)
