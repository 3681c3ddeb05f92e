"""An engine whose hundredth load takes 0.6 s longer, and writes an error to the log instead of raising it."""

from __future__ import annotations

import logging
import time
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
            time.sleep(0.6)
            logging.getLogger("digipal.storage").error("could not refresh the cache")
        return super().load_pet(user_id, **settings)
