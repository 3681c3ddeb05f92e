"""Everything about a pet in one dict."""

from typing import Any

from digipal.core.attribute_engine import AttributeEngine
from digipal.core.enums import AttributeType
from digipal.core.evolution_controller import EvolutionController
from digipal.core.models import DigiPal


def pet_statistics(
    pet: DigiPal, interaction_summary: dict[str, Any], engine: AttributeEngine, evolution: EvolutionController
) -> dict[str, Any]:
    """Who the pet is, how it is cared for, how far it is from its next stage, and what it has become."""
    eligible, next_stage, met = evolution.check_evolution_eligibility(pet)
    return {
        "basic_info": {
            "id": pet.id,
            "name": pet.name,
            "life_stage": pet.life_stage.value,
            "generation": pet.generation,
            "age_hours": pet.get_age_hours(),
            "egg_type": pet.egg_type.value,
        },
        "attributes": {attribute.value: pet.get_attribute(attribute) for attribute in AttributeType},
        "care_assessment": engine.get_care_quality_assessment(pet),
        "interaction_summary": interaction_summary,
        "evolution_status": {"eligible": eligible, "next_stage": next_stage.value, "requirements_met": met},
        "personality_traits": dict(pet.personality_traits),
        "learned_commands": sorted(pet.learned_commands),
    }
