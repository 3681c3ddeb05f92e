"""What operations say of themselves: the facts that the ledger, the rules and the engines of tests ask for."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.operations import STEP_MODELS, spread
from perfcli.operations.base import NO_EFFECTS, Effects, Proof, StepSettings
from perfcli.operations.digipal_data import CARE_ACTIONS, GAINS, GROWING, NEEDS_ENERGY


def step(operation: str, **settings: Any) -> StepSettings:
    """A step with its defaults, but for these settings."""
    return STEP_MODELS[operation].model_validate({"operation": operation, **settings})


def every_step() -> list[StepSettings]:
    return [step(name, **({model.short_key: "1ms"} if model.short_key else {})) for name, model in STEP_MODELS.items()]


@pytest.mark.parametrize("each", every_step(), ids=lambda each: each.label)
def test_a_step_is_bound_by_the_targets_that_offer_it_and_no_other(each: StepSettings) -> None:
    for target in ("embedded", "mcp"):
        method = f"bind_{target}"
        is_bound = getattr(type(each), method) is not getattr(StepSettings, method)
        assert is_bound == (target in each.targets and not each.is_pause)


@pytest.mark.parametrize("each", every_step(), ids=lambda each: each.label)
def test_an_effect_is_known_of_every_choice(each: StepSettings) -> None:
    effects = each.effects
    assert len(effects.texts) in (0, each.choices)
    for choice in range(len(effects.texts)):
        assert effects.proof(choice) in Proof
        assert set(effects.gains(choice) if effects.gains else ()) <= set(GROWING)


def test_only_writes_have_effects() -> None:
    writing = {each.label for each in every_step() if each.effects.is_write}
    assert writing == {
        *("create_pet", "create_new_pet", "save_pet"),
        *("interact", "interact_with_pet", "care", "apply_care_action"),
    }
    assert all(each.effects is NO_EFFECTS for each in every_step() if each.reads or each.is_pause)


def test_a_pause_waits_and_all_else_does_not() -> None:
    assert {each.label: each.pause_ns for each in every_step() if each.is_pause or each.pause_ns} == {
        "sleep": 1_000_000
    }


def test_only_talk_waits_for_the_ai() -> None:
    assert [each.label for each in every_step() if each.waits_for_ai] == ["interact", "interact_with_pet"]


def test_reads_say_where_from() -> None:
    reads = {each.label: each.reads_database for each in every_step() if each.reads}
    assert reads == {"load_pet": True, "status": False}
    assert not step("load_pet", source="engine").reads_database


@pytest.mark.parametrize("action", CARE_ACTIONS)
def test_an_accepted_refusal_proves_nothing_of_what_a_tired_pet_refuses(action: str) -> None:
    strict, lenient = (step("care", actions=[action], accept_refusal=accept).effects for accept in (False, True))
    assert strict.proof(0) is Proof.SUCCEEDED
    assert lenient.proof(0) is (Proof.NOTHING if action in NEEDS_ENERGY else Proof.STORED)
    assert lenient.is_always_checked == (action not in NEEDS_ENERGY)
    assert strict.gains is not None
    assert strict.gains(0) == GAINS.get(action, {})


@pytest.mark.parametrize(
    ("effects", "is_write", "is_checked", "through_engine"),
    [
        (Effects(), False, False, False),
        (Effects(creates_pet=True), True, True, False),
        (Effects(saves_pet=True), True, False, False),
        (Effects(saves_pet=True, leaves_note=True), True, True, False),
        (Effects(texts=["good"]), True, True, True),
        (Effects(clears_history=True), False, False, True),
        (Effects(writes_fields=True), True, True, False),
    ],
)
def test_what_effects_mean(effects: Effects, is_write: bool, is_checked: bool, through_engine: bool) -> None:
    assert (effects.is_write, effects.is_always_checked) == (is_write, is_checked)
    assert effects.changes_pet_through_engine == through_engine


def test_effects_make_the_dataset_larger() -> None:
    larger = {
        what: [each.label for each in every_step() if each.effects.adds(what)] for what in ("pets", "interactions")
    }
    assert larger["pets"] == ["create_pet", "create_new_pet"]
    assert larger["interactions"] == ["interact", "care", "interact_with_pet", "apply_care_action"]


def test_a_short_form_is_the_setting_it_stands_for() -> None:
    assert spread({"sleep": "50ms"}) == {"operation": "sleep", "duration": "50ms"}
    with pytest.raises(ValueError, match="sleep: 50ms"):
        spread("sleep")


@pytest.mark.parametrize("each", every_step(), ids=lambda each: each.label)
def test_each_step_says_which_answers_are_right(each: StepSettings) -> None:
    assert bool(each.right_when) != each.is_pause
