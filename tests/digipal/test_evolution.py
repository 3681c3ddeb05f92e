"""Growing up and handing on."""

from datetime import datetime, timedelta
from unittest.mock import patch

import pytest

from digipal.core import AttributeType, DigiPal, EggType, LifeStage
from digipal.core.evolution_controller import (
    DNAInheritance,
    EvolutionController,
    EvolutionRequirement,
    EvolutionResult,
)

RULES = EvolutionController()
A = AttributeType


def aged(hours: float, **fields: object) -> DigiPal:
    return DigiPal(birth_time=datetime.now() - timedelta(hours=hours), **fields)  # type: ignore[arg-type]


def test_a_good_baby_becomes_a_child() -> None:
    pet = aged(21, life_stage=LifeStage.BABY, egg_type=EggType.BLUE, happiness=50)
    eligible, next_stage, met = RULES.check_evolution_eligibility(pet)
    assert eligible
    assert next_stage is LifeStage.CHILD
    assert {"min_age", "max_age", "care_mistakes", "happiness", "discipline", "weight"} <= met.keys()
    assert {"min_hp", "min_energy"} <= met.keys()
    pet.evolution_timer = 9.0
    result = RULES.trigger_evolution(pet)
    assert result.success
    assert (result.old_stage, result.new_stage) == (LifeStage.BABY, LifeStage.CHILD)
    assert result.attribute_changes == {"hp": 30, "mp": 20, "offense": 5, "defense": 10, "speed": 5, "brains": 8}
    assert (pet.hp, pet.mp, pet.evolution_timer) == (130, 70, 0.0)
    assert {"play", "train", "eat"} <= pet.learned_commands


def test_one_unmet_requirement_is_enough() -> None:
    pet = aged(21, life_stage=LifeStage.BABY, happiness=29)
    result = RULES.trigger_evolution(pet)
    assert not result.success
    assert not result.requirements_met["happiness"]
    assert "happiness" in result.message
    assert pet.life_stage is LifeStage.BABY
    assert RULES.trigger_evolution(pet, force=True).success


def test_the_old_do_not_grow() -> None:
    old = DigiPal(life_stage=LifeStage.ELDERLY)
    assert RULES.check_evolution_eligibility(old) == (False, LifeStage.ELDERLY, {})
    assert not RULES.trigger_evolution(old, force=True).success
    assert RULES._get_next_life_stage(LifeStage.ELDERLY) is None


@pytest.mark.parametrize(
    ("egg", "stage", "bonus"),
    [
        (EggType.RED, LifeStage.TEEN, {A.OFFENSE: 7, A.SPEED: 4, A.HP: 3}),
        (EggType.GREEN, LifeStage.YOUNG_ADULT, {A.HP: 16, A.DEFENSE: 6, A.BRAINS: 4}),
        (EggType.BLUE, LifeStage.ADULT, {}),
    ],
)
def test_egg_bonus(egg: EggType, stage: LifeStage, bonus: dict[AttributeType, int]) -> None:
    assert RULES._get_egg_type_evolution_bonus(egg, stage) == bonus


def test_time() -> None:
    assert RULES.check_time_based_evolution(aged(0.6))
    assert not RULES.check_time_based_evolution(aged(0.4))
    assert RULES.is_death_time(aged(697, life_stage=LifeStage.ELDERLY))
    assert not RULES.is_death_time(aged(696, life_stage=LifeStage.ELDERLY))
    assert not RULES.is_death_time(aged(697, life_stage=LifeStage.ADULT))
    assert RULES.get_evolution_timing(LifeStage.ADULT) == 240
    assert RULES.get_evolution_requirements(LifeStage.EGG) is None
    pet = DigiPal()
    RULES.update_evolution_timer(pet, 1.5)
    assert pet.evolution_timer == 1.5


def test_tables_are_given_out_as_copies() -> None:
    RULES.get_all_evolution_requirements().clear()
    RULES.get_all_evolution_timings().clear()
    assert len(RULES.evolution_requirements) == 6
    assert len(RULES.EVOLUTION_TIMINGS) == 7


def test_inheritance_of_a_perfect_parent() -> None:
    parent = DigiPal(life_stage=LifeStage.ADULT, hp=300, mp=101, offense=100, generation=2, egg_type=EggType.GREEN)
    with (
        patch("digipal.core.evolution_controller.random.choice", return_value=A.SPEED),
        patch("digipal.core.evolution_controller.random.randint", return_value=5),
    ):
        dna = RULES.create_inheritance_dna(parent, "perfect")
    assert dna.inheritance_bonuses == {A.HP: 50, A.MP: 1, A.SPEED: 5}
    assert dna.generation == 3
    assert dna.parent_attributes[A.HP] == 300
    assert DNAInheritance.from_dict(dna.to_dict()) == dna
    offspring = DigiPal(egg_type=EggType.GREEN)
    with patch("digipal.core.evolution_controller.random.randint", return_value=-1):
        RULES.apply_inheritance(offspring, dna)
    assert (offspring.generation, offspring.hp, offspring.mp, offspring.speed) == (3, 169, 50, 14)
    assert offspring.personality_traits == {"inherited": True, "parent_care_quality": "perfect"}


@pytest.mark.parametrize(("quality", "bonus"), [("excellent", 40), ("good", 30), ("fair", 20), ("poor", 10)])
def test_care_decides_what_is_handed_on(quality: str, bonus: int) -> None:
    parent = DigiPal(life_stage=LifeStage.ADULT, hp=300, mp=0)
    assert RULES._calculate_inheritance_bonuses(parent, quality) == {A.HP: bonus}


def test_requirements_and_results_as_dicts() -> None:
    requirement = EvolutionRequirement(min_attributes={A.HP: 5}, max_attributes={A.MP: 9}, weight_range=(2, 3))
    assert requirement.to_dict()["min_attributes"] == {"hp": 5}
    assert EvolutionRequirement.from_dict(requirement.to_dict()) == requirement
    result = EvolutionResult(True, LifeStage.EGG, LifeStage.BABY)
    assert result.to_dict()["new_stage"] == "baby"


def test_the_whole_module_of_chance_may_be_replaced() -> None:
    with patch("digipal.core.evolution_controller.random") as chance:
        chance.randint.return_value = 2
        chance.choice.return_value = A.SPEED
        dna = RULES.create_inheritance_dna(DigiPal(life_stage=LifeStage.ADULT), "perfect")
        offspring = DigiPal()
        RULES.apply_inheritance(offspring, dna)
    assert dna.inheritance_bonuses == {A.SPEED: 2}
    assert offspring.speed == 12 + 2 + 2
