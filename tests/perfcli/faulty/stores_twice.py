"""An engine that stores what is said to a pet twice."""

from __future__ import annotations

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound

_COLUMNS = (
    "digipal_id, user_id, timestamp, user_input, interpreted_command, pet_response, attribute_changes, success, result"
)
_AGAIN = (
    f"INSERT INTO interactions ({_COLUMNS}) SELECT {_COLUMNS} FROM interactions "
    "WHERE digipal_id = ? ORDER BY id DESC LIMIT ?"
)


class StorageManager(Sound):
    def save_pet(self, pet: DigiPal) -> bool:
        before = self._stored(pet)
        saved = super().save_pet(pet)
        self.db.execute_update(_AGAIN, (pet.id, self._stored(pet) - before))
        return saved

    def _stored(self, pet: DigiPal) -> int:
        rows = self.db.execute_query("SELECT COUNT(*) AS n FROM interactions WHERE digipal_id = ?", (pet.id,))
        return int(rows[0]["n"])
