"""A pet as others see it at one moment."""

from datetime import datetime
from typing import Any

from digipal.core.arguments import all_name_arguments
from digipal.core.enums import AttributeType
from digipal.core.evolution_controller import EvolutionController
from digipal.core.models import DigiPal

_LONELY_AFTER_HOURS = 1.0
_ATTRIBUTES = tuple(attribute.value for attribute in AttributeType)
_STATED = (
    "age_hours",
    "last_interaction",
    "current_image_path",
    "needs_attention",
    "evolution_ready",
    "status_summary",
)
_STANDARD_RULES = EvolutionController()


@all_name_arguments
class PetState:
    """A pet's numbers and condition when it was made; it does not follow the pet.

    `evolution_ready` is judged by `rules`, the standard ones when None.
    """

    hp: int
    mp: int
    offense: int
    defense: int
    speed: int
    brains: int
    discipline: int
    happiness: int
    weight: int
    care_mistakes: int
    energy: int

    def __init__(self, pet: DigiPal, rules: EvolutionController | None = None) -> None:
        self.id = pet.id
        self.user_id = pet.user_id
        self.name = pet.name
        self.life_stage = pet.life_stage
        self.generation = pet.generation
        for name in _ATTRIBUTES:
            setattr(self, name, getattr(pet, name))
        self.age_hours = pet.get_age_hours()
        self.last_interaction = pet.last_interaction
        self.current_image_path = pet.current_image_path
        self.needs_attention = _needs_attention(pet)
        self.evolution_ready = (rules or _STANDARD_RULES).check_evolution_eligibility(pet)[0]
        self.status_summary = _summary(pet)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy: the pet's identity, its `attributes` and its `status`."""
        status = {name: getattr(self, name) for name in _STATED}
        status["last_interaction"] = self.last_interaction.isoformat()
        return {
            "id": self.id,
            "user_id": self.user_id,
            "name": self.name,
            "life_stage": self.life_stage.value,
            "generation": self.generation,
            "attributes": {name: getattr(self, name) for name in _ATTRIBUTES},
            "status": status,
        }


def _needs_attention(pet: DigiPal) -> bool:
    lonely_hours = (datetime.now() - pet.last_interaction).total_seconds() / 3600
    return (
        pet.energy < 40
        or pet.happiness < 30
        or pet.weight < 10
        or pet.weight > 80
        or lonely_hours > _LONELY_AFTER_HOURS
    )


def _summary(pet: DigiPal) -> str:
    if pet.energy < 20:
        return "Very tired"
    if pet.happiness < 30:
        return "Unhappy"
    if pet.energy < 40:
        return "Getting tired"
    return "Very happy" if pet.happiness > 80 else "Doing well"
