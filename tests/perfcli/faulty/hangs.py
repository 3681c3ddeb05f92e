"""An engine whose hundredth load never returns."""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._calls = count(1)

    def load_pet(self, user_id: str, **settings: Any) -> DigiPal | None:
        if next(self._calls) == 100:
            threading.Event().wait()
        return super().load_pet(user_id, **settings)
