"""What perfcli knows of DigiPal's data by the engine's public API; imports nothing of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

EggType = Literal["red", "blue", "green"]
EGG_TYPES: Final[tuple[EggType, ...]] = get_args(EggType)

CARE_ACTIONS: Final = (
    "strength_training",
    "defense_training",
    "speed_training",
    "brain_training",
    "endurance_training",
    "agility_training",
    "meat",
    "fish",
    "vegetables",
    "protein_shake",
    "energy_drink",
    "praise",
    "scold",
    "rest",
    "play",
)
NEEDS_ENERGY: Final = frozenset(name for name in CARE_ACTIONS if name.endswith("_training")) | {"play"}
"""The care actions that a tired pet refuses."""

GROWING: Final = ("hp", "mp", "offense", "defense", "speed", "brains")
"""The attributes that neither care nor time lowers."""

GROWING_TO: Final = 999
"""The largest value of these attributes: the engine clamps to it."""

GAINS: Final[Mapping[str, Mapping[str, int]]] = {
    "strength_training": {"offense": 3, "hp": 2},
    "defense_training": {"defense": 3, "hp": 2},
    "speed_training": {"speed": 3},
    "brain_training": {"brains": 3, "mp": 2},
    "endurance_training": {"hp": 4, "defense": 2},
    "agility_training": {"speed": 4, "offense": 1},
    "meat": {"hp": 1, "offense": 1},
    "fish": {"brains": 1, "mp": 1},
    "vegetables": {"defense": 1},
    "protein_shake": {"offense": 2, "hp": 1},
    "energy_drink": {"speed": 1, "mp": 1},
}
"""What care adds to them; the other actions add nothing."""

PET_FIELDS: Final = (
    *("id", "user_id", "name", "egg_type", "life_stage", "generation"),
    *("hp", "mp", "offense", "defense", "speed", "brains"),
    *("discipline", "happiness", "weight", "care_mistakes", "energy"),
    *("birth_time", "last_interaction", "evolution_timer", "learned_commands", "personality_traits"),
    *("current_image_path", "image_generation_prompt"),
)
WRITABLE_FIELDS: Final = (
    *("name", "life_stage", "generation"),
    *("hp", "mp", "offense", "defense", "speed", "brains"),
    *("discipline", "happiness", "weight", "care_mistakes", "energy"),
    *("current_image_path", "image_generation_prompt"),
)
"""The fields of a pet that are stored as one plain value each, under their own names."""

INTERACTION_FIELDS: Final = (
    *("timestamp", "user_input", "interpreted_command", "pet_response"),
    *("attribute_changes", "success", "result"),
)
HISTORY: Final = "conversation_history"

HISTORY_LOADED: Final = 100
"""How many of its interactions a pet is loaded with, at most."""

TIRED_BELOW: Final = 20
"""The energy below which time takes weight from a pet."""
