"""An engine whose loads take half as long again."""

from __future__ import annotations

import time
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def load_pet(self, user_id: str, **settings: Any) -> DigiPal | None:
        began_ns = time.perf_counter_ns()
        pet = super().load_pet(user_id, **settings)
        until_ns = time.perf_counter_ns()
        until_ns += (until_ns - began_ns) // 2
        while time.perf_counter_ns() < until_ns:
            pass
        return pet
