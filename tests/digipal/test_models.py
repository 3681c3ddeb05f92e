"""Pets and interactions as values."""

import copy
import pickle
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipal.core import (
    AttributeModifier,
    AttributeType,
    CareAction,
    CareActionType,
    Command,
    CommandType,
    DigiPal,
    EggType,
    Interaction,
    InteractionResult,
    LifeStage,
)
from digipal.core.attribute_engine import AttributeEngine
from digipal.core.evolution_controller import EvolutionController
from digipal.core.pet_state import PetState
from digipal.core.pet_statistics import pet_statistics

small = st.integers(0, 99)
naive = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1))
interactions = st.builds(
    Interaction,
    timestamp=naive,
    user_input=st.text(),
    interpreted_command=st.text(),
    pet_response=st.text(),
    attribute_changes=st.dictionaries(st.text(), st.integers()),
    success=st.booleans(),
    result=st.sampled_from(InteractionResult),
)
values = st.fixed_dictionaries(
    {
        "user_id": st.text(),
        "name": st.text(),
        "egg_type": st.sampled_from(EggType),
        "life_stage": st.sampled_from(LifeStage),
        "hp": st.integers(1, 999),
        "speed": small,
        "energy": small,
        "birth_time": naive,
        "last_interaction": naive,
        "evolution_timer": st.floats(0, 1e6),
        "conversation_history": st.lists(interactions, max_size=3),
        "learned_commands": st.sets(st.text()),
        "personality_traits": st.dictionaries(st.text(), st.floats(0, 1)),
    }
)


@given(values)
def test_a_pet_survives_its_dict(fields: dict[str, Any]) -> None:
    pet = DigiPal(**fields)
    pet.hp = 7  # not what its egg would give it
    data = pet.to_dict()
    before = copy.deepcopy(data)
    assert DigiPal.from_dict(data) == pet
    assert data == before


@given(interactions)
def test_an_interaction_survives_its_dict_and_its_copy(interaction: Interaction) -> None:
    assert Interaction.from_dict(interaction.to_dict()) == interaction
    assert interaction.copy() == interaction
    assert interaction.copy().attribute_changes is not interaction.attribute_changes


@pytest.mark.parametrize(
    ("egg", "numbers"),
    [
        (EggType.RED, (90, 40, 15, 8, 12, 8)),
        (EggType.BLUE, (110, 60, 8, 15, 8, 12)),
        (EggType.GREEN, (120, 50, 10, 12, 10, 10)),
    ],
)
def test_an_egg_has_its_numbers(egg: EggType, numbers: tuple[int, ...]) -> None:
    pet = DigiPal(egg_type=egg)
    assert (pet.hp, pet.mp, pet.offense, pet.defense, pet.speed, pet.brains) == numbers


def test_later_stages_have_the_plain_numbers() -> None:
    baby = DigiPal(life_stage=LifeStage.BABY)
    assert (baby.hp, baby.mp, baby.offense) == (100, 50, 10)
    assert baby.learned_commands == {"eat", "sleep", "good", "bad"}
    assert DigiPal(life_stage=LifeStage.CHILD).learned_commands == set()


def test_a_stored_baby_that_knows_nothing_stays_so() -> None:
    baby = DigiPal(life_stage=LifeStage.BABY)
    baby.learned_commands.clear()
    assert DigiPal.from_dict(baby.to_dict()).learned_commands == set()


def test_a_sparse_dict_takes_the_defaults() -> None:
    assert DigiPal.from_dict({"egg_type": "blue"}).hp == 110
    assert DigiPal.from_dict({"life_stage": "baby"}).learned_commands == {"eat", "sleep", "good", "bad"}


@pytest.mark.parametrize(
    ("attribute", "value", "kept"),
    [
        (AttributeType.HP, 0, 1),
        (AttributeType.HP, 5000, 999),
        (AttributeType.MP, -3, 0),
        (AttributeType.HAPPINESS, 101, 100),
        (AttributeType.WEIGHT, 0, 1),
        (AttributeType.WEIGHT, 120, 99),
        (AttributeType.CARE_MISTAKES, 12, 12),
    ],
)
def test_attributes_stay_in_bounds(attribute: AttributeType, value: int, kept: int) -> None:
    pet = DigiPal()
    pet.set_attribute(attribute, value)
    assert pet.get_attribute(attribute) == kept


def test_modify_adds_and_clamps() -> None:
    pet = DigiPal(energy=95)
    pet.modify_attribute(AttributeType.ENERGY, 3)
    assert pet.energy == 98
    pet.modify_attribute(AttributeType.ENERGY, 30)
    assert pet.energy == 100


@pytest.mark.parametrize(
    ("stage", "new"),
    [
        (LifeStage.BABY, {"eat", "sleep", "good", "bad"}),
        (LifeStage.CHILD, {"play", "train"}),
        (LifeStage.TEEN, {"status", "talk"}),
        (LifeStage.YOUNG_ADULT, {"battle"}),
        (LifeStage.ADULT, {"teach"}),
        (LifeStage.ELDERLY, {"wisdom"}),
    ],
)
def test_a_stage_brings_commands(stage: LifeStage, new: set[str]) -> None:
    stages = list(LifeStage)
    younger = DigiPal(life_stage=stages[stages.index(stage) - 1])
    pet = DigiPal(life_stage=stage)
    assert all(pet.can_understand_command(word.upper()) for word in new)
    assert not any(younger.can_understand_command(word) for word in new)


def test_an_egg_understands_only_what_it_learned() -> None:
    egg = DigiPal(learned_commands={"dance"})
    assert egg.can_understand_command("Dance")
    assert not egg.can_understand_command("eat")


def test_age_is_in_hours() -> None:
    assert DigiPal(birth_time=datetime.now() - timedelta(hours=5)).get_age_hours() == pytest.approx(5, abs=0.01)


def test_storage_marks_are_no_part_of_the_value() -> None:
    plain, marked = Interaction(user_input="x"), Interaction(user_input="x")
    plain.timestamp = marked.timestamp
    marked.storage_mark = ("file", "pet")
    assert plain == marked
    assert plain.to_dict() == marked.to_dict()
    assert "storage_mark" not in repr(marked)
    for twin in (copy.deepcopy(marked), pickle.loads(pickle.dumps(marked))):
        assert twin == marked
        assert twin.storage_mark == marked.storage_mark


def test_what_is_trimmed_unsaved_waits_for_the_next_save() -> None:
    pet = DigiPal(conversation_history=[Interaction(user_input=str(number)) for number in range(5)])
    pet.conversation_history[0].storage_mark = ("file", pet.id)
    pet.trim_history(2)
    assert [said.user_input for said in pet.conversation_history] == ["3", "4"]
    assert [said.user_input for said in pet.unsaved] == ["1", "2"]


def test_small_values_survive_their_dicts() -> None:
    command = Command("train", {"training_type": "speed"}, False, 20, CommandType.TRAIN)
    assert Command.from_dict(command.to_dict()) == command
    action = CareAction(
        "Long Walk",
        CareActionType.PLAY,
        5,
        3,
        [AttributeModifier(AttributeType.HP, 2, ["sunny"])],
        ["energy >= 5"],
        [AttributeModifier(AttributeType.CARE_MISTAKES, 1)],
    )
    assert CareAction.from_dict(action.to_dict()) == action


def test_an_interaction_ignores_what_it_does_not_know() -> None:
    interaction = Interaction(user_input="hi", attribute_changes={"hp": 1})
    assert Interaction.from_dict({**interaction.to_dict(), "id": 3, "digipal_id": "p"}) == interaction


def test_bookkeeping_stays_out_of_a_dict() -> None:
    pet = DigiPal()
    assert set(pet.to_dict()) == {field.name for field in fields(pet)}
    assert not {"decay", "storage_mark", "copy_mark", "unsaved"} & set(pet.to_dict())
    assert len(pet.to_dict()) == 25


def test_no_pet_is_younger_than_nothing() -> None:
    """A clock was set back, or another machine's was ahead."""
    pet = DigiPal(birth_time=datetime.now() + timedelta(days=1))
    assert pet.get_age_hours() == 0.0
    assert PetState(pet).age_hours == 0.0
    rules = EvolutionController()
    assert not rules.check_time_based_evolution(pet)
    assert pet_statistics(pet, {}, AttributeEngine(), rules)["basic_info"]["age_hours"] == 0.0
