"""What a pet remembers of its conversations and how they shape it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from digipal.core.arguments import all_name_arguments
from digipal.core.models import DigiPal, Interaction

_STARTING_TRAITS: Mapping[str, float] = {
    "friendliness": 0.5,
    "playfulness": 0.5,
    "obedience": 0.5,
    "curiosity": 0.5,
}
_TRAIT_OF_SUCCESS: Mapping[str, tuple[str, float]] = {
    "good": ("obedience", 0.1),
    "bad": ("obedience", -0.05),
    "play": ("playfulness", 0.1),
}
_OTHER_SUCCESS = ("friendliness", 0.05)
_UNKNOWN = ("curiosity", 0.02)
_COMMON_COMMANDS = 5


@all_name_arguments
class ConversationMemoryManager:
    """Adds interactions to a pet's history, keeps that history bounded, and lets each one shape the pet's traits."""

    def __init__(self, max_memory_size: int = 100) -> None:
        self.max_memory_size = max_memory_size

    def add_interaction(self, interaction: Interaction, pet: DigiPal) -> None:
        """Record the interaction; what leaves a full history unsaved is still written by the next save."""
        pet.conversation_history.append(interaction)
        pet.trim_history(self.max_memory_size)
        _shape(pet.personality_traits, interaction)

    def get_recent_interactions(self, pet: DigiPal, count: int = 10) -> list[Interaction]:
        """The last `count` interactions, oldest first."""
        return pet.conversation_history[-count:] if count > 0 else []

    def get_interaction_summary(self, pet: DigiPal) -> dict[str, Any]:
        """Counts over the remembered history; success_rate from 0 to 1, last_interaction a datetime or None."""
        history = pet.conversation_history
        successful = sum(1 for interaction in history if interaction.success)
        commands = Counter(
            interaction.interpreted_command
            for interaction in history
            if isinstance(interaction.interpreted_command, str) and interaction.interpreted_command
        )
        return {
            "total_interactions": len(history),
            "successful_interactions": successful,
            "success_rate": successful / len(history) if history else 0.0,
            "most_common_commands": commands.most_common(_COMMON_COMMANDS),
            "last_interaction": history[-1].timestamp if history else None,
        }


def _shape(traits: dict[str, Any], interaction: Interaction) -> None:
    for trait, start in _STARTING_TRAITS.items():
        traits.setdefault(trait, start)
    if interaction.interpreted_command == "unknown":
        trait, change = _UNKNOWN
    elif interaction.success:
        trait, change = _TRAIT_OF_SUCCESS.get(interaction.interpreted_command, _OTHER_SUCCESS)
    else:
        return
    # Rounded, so that a thousand small steps do not leave a tail of binary fractions in the database.
    traits[trait] = round(min(1.0, max(0.0, traits[trait] + change)), 6)
