"""Time costs a pet what the table says, however often anyone asks and whoever talks to it meanwhile."""

import copy
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipal.core import AttributeEngine, DigiPal, EggType, LifeStage
from digipal.core import digipal_core as core_module
from digipal.core.decay import Decay
from digipal.core.digipal_core import DigiPalCore
from digipal.core.time_decay import settle_time
from digipal.storage import StorageManager

START = datetime(2030, 1, 1)
ENGINE = AttributeEngine()
minutes = st.integers(0, 48 * 60)
energies = st.sampled_from([100, 60, 30, 19, 5, 0])


def pet_of(energy: int = 100) -> DigiPal:
    pet = DigiPal(user_id="u", life_stage=LifeStage.CHILD, energy=energy, happiness=90, weight=60)
    pet.last_interaction = START
    return pet


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def numbers(pet: DigiPal) -> tuple[int, int, int]:
    return pet.energy, pet.happiness, pet.weight


@pytest.mark.parametrize("energy", [100, 30, 10])
@pytest.mark.parametrize("hours", [0.5, 0.75, 1, 1.5, 2, 5, 10.6, 24, 1000])
def test_one_settlement_is_the_table(hours: float, energy: int) -> None:
    pet, reference = pet_of(energy), pet_of(energy)
    ENGINE.apply_time_decay(reference, hours)
    settle_time(pet, ENGINE, at(hours * 60))
    assert numbers(pet) == numbers(reference)


@pytest.mark.parametrize("step", [1, 5, 31, 60, 90])
@pytest.mark.parametrize("energy", [100, 30, 10])
def test_a_day_in_steps_is_a_day(step: int, energy: int) -> None:
    pet, once = pet_of(energy), pet_of(energy)
    hours = sum(settle_time(pet, ENGINE, at(minute)) for minute in [*range(0, 1440, step), 1440])
    assert settle_time(once, ENGINE, at(1440)) == hours == 24.0
    assert numbers(pet) == numbers(once)


@given(energies, st.lists(minutes), minutes)
def test_any_partition_of_a_span_costs_the_same(energy: int, polls: list[int], end: int) -> None:
    pet, once = pet_of(energy), pet_of(energy)
    hours = sum(settle_time(pet, ENGINE, at(minute)) for minute in sorted([p for p in polls if p < end] + [end]))
    assert settle_time(once, ENGINE, at(end)) == hours
    assert numbers(pet) == numbers(once)


@given(energies, st.lists(minutes, unique=True), st.lists(minutes), st.lists(minutes))
def test_polls_between_interactions_make_no_difference(
    energy: int, touches: list[int], polls: list[int], others: list[int]
) -> None:
    def lived(asked: list[int]) -> tuple[int, int, int]:
        pet = pet_of(energy)
        for minute, is_touch in sorted([(m, False) for m in asked] + [(m, True) for m in touches] + [(3000, False)]):
            settle_time(pet, ENGINE, at(minute))
            if is_touch:
                pet.touch(at(minute))
                pet.modify_attributes({"energy": 3, "happiness": 1})
        return numbers(pet)

    assert lived(polls) == lived(others)


@given(st.lists(minutes, unique=True))
def test_who_is_only_talked_to_grows_as_tired_as_any_other(touches: list[int]) -> None:
    for energy in (100, 10):
        pet, alone = pet_of(energy), pet_of(energy)
        for minute in sorted(touches):
            settle_time(pet, ENGINE, at(minute))
            pet.touch(at(minute))
        settle_time(pet, ENGINE, at(3000))
        settle_time(alone, ENGINE, at(3000))
        assert (pet.energy, pet.happiness) == (alone.energy, alone.happiness)
        if energy == 10:
            assert pet.weight == alone.weight


def test_an_interaction_each_twenty_minutes_does_not_stop_time() -> None:
    pet = pet_of()
    for minute in range(20, 1441, 20):
        settle_time(pet, ENGINE, at(minute))
        pet.touch(at(minute))
    assert (pet.energy, pet.happiness) == (52, 66)


def test_a_moment_costs_a_tired_pet_nothing() -> None:
    pet = pet_of(energy=5)
    for second in range(100):
        settle_time(pet, ENGINE, at(second / 60))
        pet.touch(at(second / 60))
    assert numbers(pet) == (5, 90, 60)


def test_a_pet_that_becomes_tired_does_not_pay_for_all_its_past() -> None:
    pet = pet_of(energy=100)
    settle_time(pet, ENGINE, at(38 * 60))
    pet.touch(at(38 * 60))
    pet.energy = 20
    settle_time(pet, ENGINE, at(39 * 60))
    assert (pet.energy, pet.weight) == (18, 59)


def test_the_same_interaction_set_again_by_hand_is_due_again() -> None:
    pet = pet_of()
    for now in (at(0), at(0.01)):
        pet.energy, pet.last_interaction = 100, now - timedelta(hours=24)
        settle_time(pet, ENGINE, now)
        assert pet.energy == 52


@pytest.mark.parametrize("step", [5, 31])
def test_time_made_to_pass_by_hand(step: int) -> None:
    """Callers without a clock of their own set the last interaction back, by a step or to a step ago."""
    back, ago = pet_of(), pet_of()
    for number, passed in enumerate([step] * (1440 // step) + [1440 % step]):
        now = at(number / 1e6)
        back.last_interaction -= timedelta(minutes=passed)
        ago.last_interaction = now - timedelta(minutes=passed)
        for pet in (back, ago):
            settle_time(pet, ENGINE, now)
    assert (back.energy, back.happiness) == (ago.energy, ago.happiness) == (52, 66)


def test_a_clock_that_is_set_back_undoes_nothing() -> None:
    pet = pet_of()
    for minute in (300, 240, 269, 270):
        settle_time(pet, ENGINE, at(minute))
    assert pet.energy == 100 - 10 - 1
    pet.last_interaction = datetime.max
    assert settle_time(pet, ENGINE, at(300)) == 0.0
    pet.last_interaction = datetime.min
    settle_time(pet, ENGINE, at(300))
    assert numbers(pet) == (0, 0, 1)


def test_what_is_owed_at_an_interaction_outside_the_core_stays_owed() -> None:
    pet = pet_of()
    settle_time(pet, ENGINE, at(10))
    pet.touch(at(100))
    settle_time(pet, ENGINE, at(120))
    assert pet.energy == 96


class Clock(datetime):
    """A datetime whose now() is set by hand."""

    minute = 0.0

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return at(cls.minute)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(core_module, "datetime", Clock)
    monkeypatch.setattr(Clock, "minute", 0.0)
    return Clock


def made_at(core: DigiPalCore, clock: type[Clock], user_id: str = "u") -> DigiPal:
    pet = core.create_new_pet(EggType.RED, user_id)
    core.process_interaction(user_id, "hello")
    pet.last_interaction, pet.decay = at(0), Decay(at(0))
    pet.energy, pet.evolution_timer = 100, 0.0
    return pet


def test_the_core_settles_before_something_happens(core: DigiPalCore, clock: type[Clock]) -> None:
    polled, left = made_at(core, clock, "polled"), made_at(core, clock, "left")
    for minute in range(0, 601, 50):
        clock.minute = minute
        core.update_pet_state("polled")
    for user in ("polled", "left"):
        core.apply_care_action(user, "rest")
    assert numbers(polled) == numbers(left)
    assert left.energy == 100
    assert polled.evolution_timer == left.evolution_timer == 10.0
    core.update_pet_state("left")
    assert left.energy == 100


def test_accounts_survive_storage(core: DigiPalCore, storage: StorageManager, clock: type[Clock]) -> None:
    made_at(core, clock)
    for minute in range(0, 1441, 31):
        clock.minute = minute
        core.update_pet_state("u", force_save=True)
        core.active_pets.clear()
        core.load_existing_pet("u")
    assert core.active_pets["u"].energy == 100 - 1426 // 30
    assert core.active_pets["u"].evolution_timer == 23.5


def test_a_copy_by_way_of_a_dict_does_not_pay_twice() -> None:
    pet = pet_of()
    settle_time(pet, ENGINE, at(120))
    for twin in (copy.deepcopy(pet), DigiPal.from_dict(pet.to_dict())):
        assert settle_time(twin, ENGINE, at(120)) == 0.0


def test_a_pet_of_another_engine_begins_with_a_clean_slate(core: DigiPalCore, storage: StorageManager) -> None:
    for user, moves in (("said", False), ("asked", True)):
        pet = DigiPal(user_id=user, life_stage=LifeStage.CHILD, last_interaction=datetime(2020, 1, 1))
        storage.save_pet(pet)
        assert core.update_pet_state(user) if moves else core.process_interaction(user, "let us play")[0]
    assert core.active_pets["said"].energy == 92
    assert core.active_pets["asked"].energy == 0
