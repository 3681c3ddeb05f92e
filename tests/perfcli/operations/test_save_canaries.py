"""Canaries of saves: whoever reads a pet that was never saved as it is finds out, and no sound engine is accused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from digipal.core.models import DigiPal, Interaction
from digipal.core.pet_state import PetState
from digipal.storage import StorageManager
from perfcli.operations.save_canaries import (
    TORN_KEY,
    CanaryMode,
    SaveCanaries,
    SaveCanary,
    key_in,
    save_canary,
    save_key,
    save_name,
    saves_in,
    split_key,
)
from perfcli.plan import ExecutionPlan
from perfcli.scenario.canary_mode import canary_mode_of, telling_reads
from tests.perfcli.faulty import tears_reads

MakePlan = Callable[..., ExecutionPlan]
USER = "user-0"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[StorageManager]:
    storage = StorageManager(tmp_path / "digipal.db")
    storage.save_pet(DigiPal(user_id=USER))
    yield storage
    storage.close()


def saved(canaries: SaveCanaries, pet: DigiPal, *, vu: int = 0, noted: bool = True) -> DigiPal:
    canaries.begin(vu)
    changed: DigiPal = canaries.leave(pet, vu, Interaction if noted else None)
    return changed


def is_torn(canaries: SaveCanaries, pet: object) -> bool:
    return canaries.key_of(pet) == TORN_KEY


def test_a_canary_is_read_as_it_was_written() -> None:
    for canary in (
        SaveCanary(1, 0, noted=False),
        SaveCanary(10**6, 63, noted=True),
        SaveCanary(10**9 - 1, 10**9 - 2, False),
    ):
        assert save_canary(canary.text) == canary
        assert split_key(key_in(canary.text)) == (canary.number, canary.vu)
        assert 0 < canary.key < 2**62
    assert [save_canary(text) for text in ("saved 3 times", "DigiPal", "", None, 7, "save 1 of vu1000000000")] == [
        None
    ] * 6
    assert saves_in(save_name(12)) == 12


@pytest.mark.parametrize(
    ("flow", "keys", "mode"),
    [
        (["save_pet", "interact"], {"load": {"vus": 2}}, CanaryMode.IN_PLACE),
        (["save_pet", "load_pet"], {"load": {"vus": 2}, "users": "uniform"}, CanaryMode.ON_COPIES),
        (["save_pet", "load_pet"], {"load": {"vus": 3}}, CanaryMode.ON_COPIES),
        (["save_pet", "care"], {"load": {"vus": 2}, "users": "uniform"}, CanaryMode.NOTES_ONLY),
        (["load_pet"], {"load": {"vus": 3}}, CanaryMode.NONE),
        (["create_pet", "save_pet", "interact"], {"load": {"vus": 3}, "users": "uniform"}, CanaryMode.NONE),
    ],
)
def test_pets_are_changed_so_that_the_mode_tears_nothing(
    make_plan: MakePlan, flow: list[Any], keys: dict[str, Any], mode: CanaryMode
) -> None:
    assert canary_mode_of(make_plan(flow, setup={"pets": 2}, **keys).scenario) is mode


@pytest.mark.parametrize("mode", [CanaryMode.IN_PLACE, CanaryMode.ON_COPIES])
def test_a_pet_as_it_was_saved_is_whole(mode: CanaryMode) -> None:
    canaries, pet = SaveCanaries(mode), DigiPal(user_id=USER)
    assert not is_torn(canaries, pet)
    for number in range(1, 4):
        pet = saved(canaries, pet, noted=number != 2)
        assert save_canary(pet.name) == SaveCanary(number, 0, noted=number != 2)
        assert canaries.key_of(pet) == canaries.key_of(PetState(pet)) == save_key(number, 0)
        assert not is_torn(canaries, pet)
        assert not is_torn(canaries, PetState(pet))


@pytest.mark.parametrize("name", ["name", "current_image_path", "image_generation_prompt"])
def test_a_field_of_another_save_is_torn(name: str) -> None:
    canaries = SaveCanaries(CanaryMode.IN_PLACE)
    pet = saved(canaries, DigiPal(user_id=USER))
    older = getattr(pet, name)
    saved(canaries, pet)
    setattr(pet, name, older)
    assert is_torn(canaries, pet)


def test_a_history_older_or_newer_than_its_pet_is_torn() -> None:
    canaries = SaveCanaries(CanaryMode.ON_COPIES)
    first = saved(canaries, DigiPal(user_id=USER))
    second = saved(canaries, first)
    assert is_torn(canaries, _with_history(second, first))
    assert is_torn(canaries, _with_history(first, second))
    assert is_torn(canaries, _with_history(second, DigiPal()))


def test_notes_of_others_and_those_beyond_what_is_loaded_are_no_tear() -> None:
    canaries = SaveCanaries(CanaryMode.ON_COPIES)
    ours = saved(canaries, DigiPal(user_id=USER))
    theirs = saved(canaries, ours, vu=1)
    assert not is_torn(canaries, theirs)
    assert not is_torn(canaries, _with_history(ours, theirs))
    busy = deepcopy(ours)
    busy.conversation_history = [Interaction(user_input="good")] * 100
    assert not is_torn(canaries, busy)


def test_a_save_that_was_never_begun_is_torn() -> None:
    canaries, pet = SaveCanaries(CanaryMode.IN_PLACE), DigiPal(user_id=USER)
    pet = saved(canaries, pet, noted=False)
    pet.name = pet.current_image_path = pet.image_generation_prompt = SaveCanary(2, 0, noted=False).text
    assert is_torn(canaries, pet)
    other_process = SaveCanary(9, 5, noted=False).text
    pet.name = pet.current_image_path = pet.image_generation_prompt = other_process
    assert not is_torn(canaries, pet)


def test_where_the_engine_changes_a_pet_too_a_note_alone_tells_of_a_save() -> None:
    canaries, pet = SaveCanaries(CanaryMode.NOTES_ONLY), DigiPal(user_id=USER)
    assert saved(canaries, pet, noted=False) is pet
    assert (saves_in(pet.name), pet.image_generation_prompt, pet.conversation_history) == (1, "", [])
    assert saved(canaries, pet).conversation_history[0].user_input == "save 2 of vu0, noted"
    assert (saves_in(pet.name), pet.image_generation_prompt) == (1, "")


READERS = {
    "phases": [
        {"name": "save", "load": {"executor": "shared-iterations", "iterations": 9, "vus": 2}, "flow": ["save_pet"]},
        {"name": "read", "load": {"executor": "shared-iterations", "iterations": 9, "vus": 3}, "users": "uniform"},
    ]
}


@pytest.mark.parametrize(
    ("flow", "keys", "telling"),
    [
        (["save_pet", "load_pet", "status"], {}, {1: True, 2: False}),
        (["save_pet", "load_pet", "status"], {"pool": {"processes": 2}}, {1: True}),
        (["save_pet", "load_pet", {"load_pet": {"source": "engine"}}], {"users": "uniform"}, {1: True}),
        (["save_pet", "load_pet", "interact"], {"users": "uniform"}, {}),
        (["interact", "load_pet", "status"], {}, {}),
        (["create_pet", "save_pet", "load_pet", "status", "interact"], {"users": "uniform"}, {2: True, 3: False}),
        (["create_pet", "load_pet"], {}, {}),
        (["status", "load_pet"], READERS, {0: False, 1: True}),
    ],
)
def test_reads_tell_what_they_saw_if_that_can_be_held_against_saves(
    make_plan: MakePlan, flow: list[Any], keys: dict[str, Any], telling: dict[int, bool]
) -> None:
    load = {} if "phases" in keys else {"load": {"vus": 2}}
    plan = make_plan(flow, setup={"pets": 4}, **load, **keys)
    assert telling_reads(plan.scenario, plan.phases[-1].phase) == telling


@pytest.mark.slow
def test_a_sound_engine_is_never_read_torn(storage: StorageManager) -> None:
    """One saves, others read beside it, as `torn` reads would show."""
    canaries = SaveCanaries(CanaryMode.ON_COPIES)

    def write() -> list[bool]:
        pet = storage.load_pet(USER)
        assert pet is not None
        for _ in range(150):
            pet = saved(canaries, pet)
            assert storage.save_pet(pet)
        return []

    def read() -> list[bool]:
        return [is_torn(canaries, storage.load_pet(USER)) for _ in range(150)]

    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(job) for job in (write, read, read, read)]
        assert not any(torn for job in jobs for torn in job.result())


def test_an_engine_that_tears_reads_is_found(tmp_path: Path) -> None:
    canaries, storage = SaveCanaries(CanaryMode.IN_PLACE), tears_reads.StorageManager(tmp_path / "digipal.db")
    pet = DigiPal(user_id=USER)
    torn = 0
    for _ in range(100):
        assert storage.save_pet(saved(canaries, pet))
        torn += is_torn(canaries, storage.load_pet(USER))
    storage.close()
    assert torn == 2


def _with_history(pet: DigiPal, of: DigiPal) -> DigiPal:
    mixed = deepcopy(pet)
    mixed.conversation_history = list(of.conversation_history)
    return mixed
