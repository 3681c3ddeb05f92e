"""Marks of saves: whoever reads a pet that was never saved as it is finds out, and no sound engine is accused."""

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
from perfcli.plan import ExecutionPlan
from perfcli.scenario.marking import Marking, marking_of
from perfcli.targets.marks import TORN_KEY, Marks, telling_reads
from perfcli.targets.naming import SaveMark, key_in, save_key, save_mark, save_name, saves_in, split_key
from tests.perfcli.faulty import tears_reads

MakePlan = Callable[..., ExecutionPlan]
USER = "user-0"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[StorageManager]:
    storage = StorageManager(tmp_path / "digipal.db")
    storage.save_pet(DigiPal(user_id=USER))
    yield storage
    storage.close()


def saved(marks: Marks, pet: DigiPal, *, vu: int = 0, noted: bool = True) -> DigiPal:
    marks.begin(vu)
    marked: DigiPal = marks.leave(pet, vu, Interaction if noted else None)
    return marked


def is_torn(marks: Marks, pet: object) -> bool:
    return marks.key_of(pet) == TORN_KEY


def test_a_mark_is_read_as_it_was_written() -> None:
    for mark in (SaveMark(1, 0, noted=False), SaveMark(10**6, 63, noted=True), SaveMark(10**9 - 1, 10**9 - 2, False)):
        assert save_mark(mark.text) == mark
        assert split_key(key_in(mark.text)) == (mark.number, mark.vu)
        assert 0 < mark.key < 2**62
    assert [save_mark(text) for text in ("saved 3 times", "DigiPal", "", None, 7, "save 1 of vu1000000000")] == [
        None
    ] * 6
    assert saves_in(save_name(12)) == 12


@pytest.mark.parametrize(
    ("flow", "keys", "marking"),
    [
        (["save_pet", "interact"], {"load": {"vus": 2}}, Marking.IN_PLACE),
        (["save_pet", "load_pet"], {"load": {"vus": 2}, "users": "uniform"}, Marking.ON_COPIES),
        (["save_pet", "load_pet"], {"load": {"vus": 3}}, Marking.ON_COPIES),
        (["save_pet", "care"], {"load": {"vus": 2}, "users": "uniform"}, Marking.NOTES_ONLY),
        (["load_pet"], {"load": {"vus": 3}}, Marking.NOTHING),
        (["create_pet", "save_pet", "interact"], {"load": {"vus": 3}, "users": "uniform"}, Marking.NOTHING),
    ],
)
def test_pets_are_marked_so_that_the_marking_tears_nothing(
    make_plan: MakePlan, flow: list[Any], keys: dict[str, Any], marking: Marking
) -> None:
    assert marking_of(make_plan(flow, setup={"pets": 2}, **keys).scenario) is marking


@pytest.mark.parametrize("marking", [Marking.IN_PLACE, Marking.ON_COPIES])
def test_a_pet_as_it_was_saved_is_whole(marking: Marking) -> None:
    marks, pet = Marks(marking), DigiPal(user_id=USER)
    assert not is_torn(marks, pet)
    for number in range(1, 4):
        pet = saved(marks, pet, noted=number != 2)
        assert save_mark(pet.name) == SaveMark(number, 0, noted=number != 2)
        assert marks.key_of(pet) == marks.key_of(PetState(pet)) == save_key(number, 0)
        assert not is_torn(marks, pet)
        assert not is_torn(marks, PetState(pet))


@pytest.mark.parametrize("name", ["name", "current_image_path", "image_generation_prompt"])
def test_a_field_of_another_save_is_torn(name: str) -> None:
    marks = Marks(Marking.IN_PLACE)
    pet = saved(marks, DigiPal(user_id=USER))
    older = getattr(pet, name)
    saved(marks, pet)
    setattr(pet, name, older)
    assert is_torn(marks, pet)


def test_a_history_older_or_newer_than_its_pet_is_torn() -> None:
    marks = Marks(Marking.ON_COPIES)
    first = saved(marks, DigiPal(user_id=USER))
    second = saved(marks, first)
    assert is_torn(marks, _with_history(second, first))
    assert is_torn(marks, _with_history(first, second))
    assert is_torn(marks, _with_history(second, DigiPal()))


def test_notes_of_others_and_those_beyond_what_is_loaded_are_no_tear() -> None:
    marks = Marks(Marking.ON_COPIES)
    ours = saved(marks, DigiPal(user_id=USER))
    theirs = saved(marks, ours, vu=1)
    assert not is_torn(marks, theirs)
    assert not is_torn(marks, _with_history(ours, theirs))
    busy = deepcopy(ours)
    busy.conversation_history = [Interaction(user_input="good")] * 100
    assert not is_torn(marks, busy)


def test_a_save_that_was_never_begun_is_torn() -> None:
    marks, pet = Marks(Marking.IN_PLACE), DigiPal(user_id=USER)
    pet = saved(marks, pet, noted=False)
    pet.name = pet.current_image_path = pet.image_generation_prompt = SaveMark(2, 0, noted=False).text
    assert is_torn(marks, pet)
    other_process = SaveMark(9, 5, noted=False).text
    pet.name = pet.current_image_path = pet.image_generation_prompt = other_process
    assert not is_torn(marks, pet)


def test_where_the_engine_changes_a_pet_too_a_note_alone_tells_of_a_save() -> None:
    marks, pet = Marks(Marking.NOTES_ONLY), DigiPal(user_id=USER)
    assert saved(marks, pet, noted=False) is pet
    assert (saves_in(pet.name), pet.image_generation_prompt, pet.conversation_history) == (1, "", [])
    assert saved(marks, pet).conversation_history[0].user_input == "save 2 of vu0, noted"
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
    assert telling_reads(plan, plan.phases[-1]) == telling


@pytest.mark.slow
def test_a_sound_engine_is_never_read_torn(storage: StorageManager) -> None:
    """One saves, others read beside it, as `torn` reads would show."""
    marks = Marks(Marking.ON_COPIES)

    def write() -> list[bool]:
        pet = storage.load_pet(USER)
        assert pet is not None
        for _ in range(150):
            pet = saved(marks, pet)
            assert storage.save_pet(pet)
        return []

    def read() -> list[bool]:
        return [is_torn(marks, storage.load_pet(USER)) for _ in range(150)]

    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(job) for job in (write, read, read, read)]
        assert not any(torn for job in jobs for torn in job.result())


def test_an_engine_that_tears_reads_is_found(tmp_path: Path) -> None:
    marks, storage = Marks(Marking.IN_PLACE), tears_reads.StorageManager(tmp_path / "digipal.db")
    pet = DigiPal(user_id=USER)
    torn = 0
    for _ in range(100):
        assert storage.save_pet(saved(marks, pet))
        torn += is_torn(marks, storage.load_pet(USER))
    storage.close()
    assert torn == 2


def _with_history(pet: DigiPal, of: DigiPal) -> DigiPal:
    mixed = deepcopy(pet)
    mixed.conversation_history = list(of.conversation_history)
    return mixed
