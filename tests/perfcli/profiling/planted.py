"""An engine with a slow query, a quadratic loop, a leak and a query for each row, for profilers to name."""

from __future__ import annotations

from digipal.core.models import DigiPal, Interaction
from digipal.storage.storage_manager import StorageManager as Sound

_KEPT: list[bytes] = []


def find_repetitions(said: list[Interaction]) -> int:
    repeated = 0
    for first in said:
        for second in said:
            for third in said[:20]:
                if first.user_input == second.user_input == third.user_input:
                    repeated += 1
    return repeated


class StorageManager(Sound):
    def save_pet(self, pet: DigiPal) -> bool:
        _KEPT.append(bytes(2_000))
        find_repetitions(pet.conversation_history)
        self.db.execute_query(
            "SELECT count(*) FROM interactions AS said, interactions AS again "
            "WHERE again.pet_response = said.user_input"
        )
        for row in range(8):
            self.db.execute_query("SELECT success FROM interactions WHERE id = ?", (row,))
        return super().save_pet(pet)
