"""An engine that forgets, each time it is asked, the time that has not yet made a whole half-hour."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from digipal.core.attribute_engine import AttributeEngine
from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound

_STEP_S = 1800
_asked: dict[str, datetime] = {}


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        # only now: the core imports storage
        from digipal.core import digipal_core

        digipal_core.settle_time = settle_time


def settle_time(pet: DigiPal, engine: AttributeEngine, now: datetime) -> float:
    before = _asked.get(pet.id, pet.last_interaction)
    _asked[pet.id] = now
    hours = max(0.0, (now - before).total_seconds() // _STEP_S / 2)
    if hours:
        engine.apply_time_decay(pet, hours)
    return hours
