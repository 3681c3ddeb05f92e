"""An engine that tries a save again when it was kept out, and then stores what is new for both times."""

from __future__ import annotations

from typing import Any

from digipal.core.models import DigiPal
from digipal.errors import DatabaseBusyError
from digipal.storage.storage_manager import StorageManager as Sound

_COLUMNS = (
    "digipal_id, user_id, timestamp, user_input, interpreted_command, pet_response, attribute_changes, success, result"
)
_AGAIN = (
    f"INSERT INTO interactions ({_COLUMNS}) SELECT {_COLUMNS} FROM interactions "
    "WHERE digipal_id = ? ORDER BY id DESC LIMIT 1"
)


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"busy_timeout_s": 0.1, **settings})

    def save_pet(self, pet: DigiPal) -> bool:
        try:
            return super().save_pet(pet)
        except DatabaseBusyError:
            self.db.set_busy_timeout(10.0)
            saved = super().save_pet(pet)
            self.db.execute_update(_AGAIN, (pet.id,))
            return saved
