"""An engine that answers before it writes: but for its first save, a pet is stored some milliseconds later."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound


class StorageManager(Sound):
    DELAY_S = 0.005

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._known: set[str] = set()
        self._to_do: SimpleQueue[Callable[[], object]] = SimpleQueue()
        Thread(target=self._write, daemon=True).start()

    def save_pet(self, pet: DigiPal) -> bool:
        if pet.id not in self._known:
            self._known.add(pet.id)
            return super().save_pet(pet)
        self._to_do.put(partial(super().save_pet, deepcopy(pet)))
        return True

    def _write(self) -> None:
        while True:
            write = self._to_do.get()
            time.sleep(self.DELAY_S)
            write()
