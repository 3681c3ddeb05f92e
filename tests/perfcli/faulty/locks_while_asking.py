"""An engine that holds its one lock while it waits for the AI, and needs that lock to read."""

from __future__ import annotations

import threading
from typing import Any

from digipal.core.interaction_processor import InteractionProcessor
from digipal.core.models import DigiPal, Interaction
from digipal.storage.storage_manager import StorageManager as Sound

_process = InteractionProcessor.process_text_interaction
_lock = threading.Lock()


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        InteractionProcessor.process_text_interaction = process_alone

    def load_pet(self, user_id: str) -> DigiPal | None:
        with _lock:
            return super().load_pet(user_id)


def process_alone(processor: InteractionProcessor, text: str, pet: DigiPal) -> Interaction:
    with _lock:
        return _process(processor, text, pet)
