"""What the tool knows of pets is what the engine does."""

from __future__ import annotations

from dataclasses import fields

from digipal.core import DigiPal, EggType, Interaction
from digipal.core.attribute_engine import AttributeEngine
from digipal.core.enums import AttributeType
from digipal.storage.pets import HISTORY_LIMIT
from perfcli.operations.digipal_data import (
    CARE_ACTIONS,
    EGG_TYPES,
    GAINS,
    GROWING,
    GROWING_TO,
    HISTORY,
    HISTORY_LOADED,
    INTERACTION_FIELDS,
    NEEDS_ENERGY,
    PET_FIELDS,
    WRITABLE_FIELDS,
)


def test_care_adds_what_the_engine_adds() -> None:
    actions = AttributeEngine().get_all_care_actions()
    assert list(actions) == list(CARE_ACTIONS)
    for name, action in actions.items():
        added = {m.attribute.value: m.change for m in action.attribute_modifiers if m.attribute.value in GROWING}
        assert added == GAINS.get(name, {}), name
    assert {name for name, action in actions.items() if action.energy_cost > 0} == NEEDS_ENERGY


def test_growing_attributes_are_never_lowered_and_have_one_top() -> None:
    engine = AttributeEngine()
    assert all(change > 0 for gains in GAINS.values() for change in gains.values())
    assert {engine.get_attribute_bounds(AttributeType(name))[1] for name in GROWING} == {GROWING_TO}


def test_eggs_and_histories_are_those_of_the_engine() -> None:
    assert list(EGG_TYPES) == [egg.value for egg in EggType]
    assert HISTORY_LOADED == HISTORY_LIMIT


def test_the_fields_are_those_of_the_engine() -> None:
    assert {HISTORY, *PET_FIELDS} <= {each.name for each in fields(DigiPal)}
    assert set(INTERACTION_FIELDS) <= {each.name for each in fields(Interaction)}
    assert set(WRITABLE_FIELDS) < set(PET_FIELDS)
