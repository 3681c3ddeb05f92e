"""An engine whose saves take a fifth longer."""

from __future__ import annotations

import time

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def save_pet(self, pet: DigiPal) -> bool:
        began_ns = time.perf_counter_ns()
        is_saved = super().save_pet(pet)
        until_ns = time.perf_counter_ns()
        until_ns += (until_ns - began_ns) // 5
        while time.perf_counter_ns() < until_ns:
            pass
        return is_saved
