"""An engine whose writers take turns, and keep theirs when the write fails."""

from __future__ import annotations

import threading
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"busy_timeout_s": 0.1, **settings})
        self._turn = threading.Lock()

    def save_pet(self, pet: DigiPal) -> bool:
        self._turn.acquire()
        saved = super().save_pet(pet)
        self._turn.release()
        return saved
