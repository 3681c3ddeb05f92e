"""An engine that never gives up a save that is kept out, so that nobody hears of it."""

from __future__ import annotations

import time
from typing import Any

from digipal.core.models import DigiPal
from digipal.errors import DatabaseBusyError
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"busy_timeout_s": 0.1, **settings})

    def save_pet(self, pet: DigiPal) -> bool:
        while True:
            try:
                return super().save_pet(pet)
            except DatabaseBusyError:
                time.sleep(0.05)
