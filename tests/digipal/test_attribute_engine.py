"""Care and time, by the numbers of the page."""

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipal.core import AttributeEngine, AttributeType, CareActionType, DigiPal, InteractionResult, LifeStage

ENGINE = AttributeEngine()

NOMINAL = {
    "strength_training": {"energy": -15, "happiness": -5, "offense": 3, "hp": 2, "weight": -1},
    "agility_training": {"energy": -18, "happiness": -6, "speed": 4, "offense": 1, "weight": -3},
    "meat": {"happiness": 5, "weight": 2, "hp": 1, "offense": 1},
    "energy_drink": {"energy": 5, "happiness": 3, "speed": 1, "mp": 1},
    "scold": {"happiness": -8, "discipline": 5},
    "rest": {"energy": 30, "happiness": 3},
    "play": {"energy": -8, "happiness": 8, "weight": -1},
}


@pytest.mark.parametrize(("name", "changes"), NOMINAL.items())
def test_care_changes_what_the_table_says(name: str, changes: dict[str, int]) -> None:
    pet = DigiPal(life_stage=LifeStage.TEEN, energy=60)
    before = {attribute: getattr(pet, attribute) for attribute in changes}
    done, interaction = ENGINE.apply_care_action(pet, name)
    assert done
    assert interaction.success
    assert interaction.result is InteractionResult.SUCCESS
    assert interaction.attribute_changes == changes
    assert {attribute: getattr(pet, attribute) - before[attribute] for attribute in changes} == changes
    assert pet.conversation_history == [interaction]
    assert pet.last_interaction == interaction.timestamp
    assert interaction.user_input == interaction.interpreted_command == name


def test_changes_are_nominal_when_the_pet_is_at_its_limit() -> None:
    pet = DigiPal(energy=95)
    _, interaction = ENGINE.apply_care_action(pet, "rest")
    assert interaction.attribute_changes["energy"] == 30
    assert pet.energy == 100


@pytest.mark.parametrize(("name", "mistakes"), [("strength_training", 1), ("play", 1)])
def test_too_little_energy_is_a_mistake(name: str, mistakes: int) -> None:
    pet = DigiPal(energy=5)
    done, interaction = ENGINE.apply_care_action(pet, name)
    assert not done
    assert interaction.result is InteractionResult.INSUFFICIENT_ENERGY
    assert interaction.attribute_changes == {"care_mistakes": mistakes}
    assert (pet.energy, pet.care_mistakes) == (5, mistakes)
    assert pet.conversation_history == [interaction]


def test_an_unknown_action_changes_nothing() -> None:
    pet = DigiPal()
    before = pet.to_dict()
    done, interaction = ENGINE.apply_care_action(pet, "fly")
    assert not done
    assert interaction.result is InteractionResult.INVALID_COMMAND
    assert "Unknown care action" in interaction.pet_response
    assert pet.to_dict() == before


def test_the_table_is_complete() -> None:
    assert len(ENGINE.care_actions) == 15
    assert ENGINE.care_actions["strength_training"].name == "Strength Training"
    assert ENGINE.care_actions["rest"].energy_cost == -30
    assert ENGINE.get_care_action("fly") is None
    copy = ENGINE.get_all_care_actions()
    copy.clear()
    assert ENGINE.care_actions


@given(st.floats(0, 48), st.integers(0, 100), st.integers(0, 100))
def test_decay_follows_the_formula(hours: float, energy: int, happiness: int) -> None:
    pet = DigiPal(energy=energy, happiness=happiness, weight=50)
    changes = ENGINE.apply_time_decay(pet, hours)
    assert pet.energy == max(0, energy - int(2 * hours))
    assert pet.happiness == max(0, happiness - int(hours))
    assert all(change < 0 for change in changes.values())
    thin = hours > 0 and pet.energy < 20
    assert changes.get("weight") == (-max(1, int(hours / 2)) if thin else None)


def test_a_mistake_is_a_matter_of_chance() -> None:
    pet = DigiPal(energy=10, happiness=10, weight=5, discipline=90)
    with patch("digipal.core.attribute_engine.random.random", return_value=0.69):
        assert ENGINE.calculate_care_mistake(pet, CareActionType.PLAY)
    with patch("digipal.core.attribute_engine.random.random", return_value=0.71):
        assert not ENGINE.calculate_care_mistake(pet, CareActionType.PLAY)
        assert ENGINE.calculate_care_mistake(pet, CareActionType.TRAIN)
        assert ENGINE.calculate_care_mistake(pet, CareActionType.SCOLD)


@pytest.mark.parametrize(
    ("attribute", "value", "word"),
    [
        ("energy", 80, "excellent"),
        ("energy", 79, "good"),
        ("energy", 19, "critical"),
        ("happiness", 60, "happy"),
        ("happiness", 0, "very_sad"),
        ("weight", 15, "healthy"),
        ("weight", 36, "slightly_off"),
        ("weight", 70, "concerning"),
        ("weight", 71, "unhealthy"),
        ("discipline", 39, "undisciplined"),
        ("discipline", 70, "balanced"),
        ("discipline", 71, "over_disciplined"),
    ],
)
def test_assessment(attribute: str, value: int, word: str) -> None:
    assert ENGINE.get_care_quality_assessment(DigiPal(**{attribute: value}))[attribute] == word


@pytest.mark.parametrize(
    ("mistakes", "word"), [(0, "perfect"), (3, "excellent"), (7, "good"), (15, "fair"), (16, "poor")]
)
def test_care_quality(mistakes: int, word: str) -> None:
    assert ENGINE.get_care_quality_assessment(DigiPal(care_mistakes=mistakes))["care_quality"] == word


def test_available_actions_depend_on_age_and_energy() -> None:
    baby = ENGINE.get_available_actions(DigiPal(life_stage=LifeStage.BABY))
    assert "meat" in baby
    assert "play" not in baby
    tired = ENGINE.get_available_actions(DigiPal(life_stage=LifeStage.TEEN, energy=12))
    assert "speed_training" in tired
    assert "strength_training" not in tired


def test_bounds() -> None:
    assert ENGINE.get_attribute_bounds(AttributeType.WEIGHT) == (1, 99)
    assert ENGINE.validate_attribute_value(AttributeType.HP, 0) == 1
