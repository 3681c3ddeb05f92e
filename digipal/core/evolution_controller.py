"""A pet's way through the stages of its life, and what it leaves to the next one."""

import random

from digipal.core.arguments import all_name_arguments
from digipal.core.enums import AttributeType, EggType, LifeStage
from digipal.core.evolution_rules import (
    DEATH_AGE_HOURS,
    EGG_BONUS_FACTORS,
    EGG_BONUSES,
    STAGE_BONUSES,
    TIMINGS,
    EvolutionRequirement,
    EvolutionResult,
    build_requirements,
)
from digipal.core.inheritance import DNAInheritance, inherit, inheritance_bonuses
from digipal.core.models import DigiPal
from digipal.core.species import PRIMARY_ATTRIBUTES, STAGE_COMMANDS

__all__ = ["DNAInheritance", "EvolutionController", "EvolutionRequirement", "EvolutionResult"]

_STAGES = tuple(LifeStage)


@all_name_arguments
class EvolutionController:
    """Decides when a pet grows and makes it grow. `evolution_requirements` may be changed by its owner."""

    EVOLUTION_TIMINGS = TIMINGS

    def __init__(self) -> None:
        self.evolution_requirements = build_requirements()

    def check_evolution_eligibility(self, pet: DigiPal) -> tuple[bool, LifeStage, dict[str, bool]]:
        """(may grow, next stage, every requirement and whether it is met)."""
        next_stage = self._get_next_life_stage(pet.life_stage)
        if next_stage is None:
            return False, pet.life_stage, {}
        met = _check(pet, self.evolution_requirements[next_stage])
        return all(met.values()), next_stage, met

    def trigger_evolution(self, pet: DigiPal, force: bool = False) -> EvolutionResult:
        """Make the pet grow by one stage if it may, or if forced; an elderly pet never does."""
        eligible, next_stage, met = self.check_evolution_eligibility(pet)
        old_stage = pet.life_stage
        if next_stage is old_stage:
            return EvolutionResult(False, old_stage, old_stage, message="An elderly DigiPal does not evolve further.")
        if not (eligible or force):
            missing = ", ".join(name for name, fulfilled in met.items() if not fulfilled)
            return EvolutionResult(
                False,
                old_stage,
                old_stage,
                message=f"Evolution requirements not met: {missing}",
                requirements_met=met,
            )
        pet.life_stage = next_stage
        pet.evolution_timer = 0.0
        changes = self._apply_evolution_changes(pet, old_stage, next_stage)
        self._update_learned_commands(pet, next_stage)
        message = f"{pet.name} evolved from {old_stage.value} to {next_stage.value}!"
        return EvolutionResult(True, old_stage, next_stage, changes, message, met)

    def check_time_based_evolution(self, pet: DigiPal) -> bool:
        """Whether the pet is as old as its stage lasts."""
        return pet.get_age_hours() >= self.EVOLUTION_TIMINGS[pet.life_stage]

    def update_evolution_timer(self, pet: DigiPal, hours: float) -> None:
        """Count `hours` more in the present stage."""
        pet.evolution_timer += hours

    def is_death_time(self, pet: DigiPal) -> bool:
        """Whether an elderly pet has lived its whole life."""
        return pet.life_stage is LifeStage.ELDERLY and pet.get_age_hours() >= DEATH_AGE_HOURS

    def get_evolution_requirements(self, stage: LifeStage) -> EvolutionRequirement | None:
        """What it takes to reach the stage; None for EGG."""
        return self.evolution_requirements.get(stage)

    def get_all_evolution_requirements(self) -> dict[LifeStage, EvolutionRequirement]:
        """A copy of the table of requirements."""
        return dict(self.evolution_requirements)

    def get_evolution_timing(self, stage: LifeStage) -> float:
        """The age in hours at which the stage is due to end."""
        return self.EVOLUTION_TIMINGS[stage]

    def get_all_evolution_timings(self) -> dict[LifeStage, float]:
        """A copy of the table of timings."""
        return dict(self.EVOLUTION_TIMINGS)

    def create_inheritance_dna(self, parent: DigiPal, care_quality: str) -> DNAInheritance:
        """What this parent, cared for this well, hands on; an unknown quality counts as fair."""
        return DNAInheritance(
            parent_attributes={attribute: parent.get_attribute(attribute) for attribute in PRIMARY_ATTRIBUTES},
            parent_care_quality=care_quality,
            parent_final_stage=parent.life_stage,
            parent_egg_type=parent.egg_type,
            generation=parent.generation + 1,
            inheritance_bonuses=self._calculate_inheritance_bonuses(parent, care_quality),
        )

    def apply_inheritance(self, offspring: DigiPal, dna: DNAInheritance) -> None:
        """Give the offspring its legacy, with a random variation of up to 2 on each primary attribute."""
        inherit(offspring, dna, random.randint)

    def _get_next_life_stage(self, stage: LifeStage) -> LifeStage | None:
        return None if stage is _STAGES[-1] else _STAGES[_STAGES.index(stage) + 1]

    def _apply_evolution_changes(self, pet: DigiPal, old_stage: LifeStage, new_stage: LifeStage) -> dict[str, int]:
        changes = dict(STAGE_BONUSES.get(new_stage, {}))
        for attribute, bonus in self._get_egg_type_evolution_bonus(pet.egg_type, new_stage).items():
            changes[attribute] = changes.get(attribute, 0) + bonus
        for attribute, change in changes.items():
            pet.modify_attribute(attribute, change)
        return {attribute.value: change for attribute, change in changes.items()}

    def _get_egg_type_evolution_bonus(self, egg_type: EggType, stage: LifeStage) -> dict[AttributeType, int]:
        factor = EGG_BONUS_FACTORS.get(stage)
        if factor is None:
            return {}
        return {attribute: int(bonus * factor) for attribute, bonus in EGG_BONUSES[egg_type].items()}

    def _update_learned_commands(self, pet: DigiPal, stage: LifeStage) -> None:
        pet.learned_commands.update(STAGE_COMMANDS[stage])

    def _calculate_inheritance_bonuses(self, parent: DigiPal, care_quality: str) -> dict[AttributeType, int]:
        return inheritance_bonuses(parent, care_quality, random.choice, random.randint)


def _check(pet: DigiPal, needs: EvolutionRequirement) -> dict[str, bool]:
    age_hours = pet.get_age_hours()
    met = {
        "min_age": age_hours >= needs.min_age_hours,
        "max_age": age_hours <= needs.max_age_hours,
        "care_mistakes": pet.care_mistakes <= needs.max_care_mistakes,
        "happiness": pet.happiness >= needs.happiness_threshold,
        "discipline": needs.discipline_range[0] <= pet.discipline <= needs.discipline_range[1],
        "weight": needs.weight_range[0] <= pet.weight <= needs.weight_range[1],
    }
    for attribute, least in needs.min_attributes.items():
        met[f"min_{attribute.value}"] = pet.get_attribute(attribute) >= least
    for attribute, most in needs.max_attributes.items():
        met[f"max_{attribute.value}"] = pet.get_attribute(attribute) <= most
    return met
