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
from perfcli.targets import checks
from perfcli.targets.marks import Marking, Marks, count_save, marking_of
from perfcli.targets.naming import PetRef, SaveMark, save_mark, saves_in
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
    marked: DigiPal = marks.leave(pet, USER, vu, Interaction if noted else None)
    return marked


def test_a_mark_is_read_as_it_was_written() -> None:
    for mark in (SaveMark(1, 0, noted=False), SaveMark(10**6, 63, noted=True)):
        assert save_mark(mark.text) == mark
        assert saves_in(mark.text) == mark.saves
    assert [save_mark(text) for text in ("saved 3 times", "DigiPal", "", None, 7)] == [None] * 5


@pytest.mark.parametrize(
    ("flow", "keys", "marking"),
    [
        (["save_pet", "interact"], {"load": {"vus": 2}}, Marking.IN_PLACE),
        (["save_pet", "load_pet"], {"load": {"vus": 2}, "users": "uniform"}, Marking.ON_COPIES),
        (["save_pet", "load_pet"], {"load": {"vus": 3}}, Marking.ON_COPIES),
        (["save_pet", "care"], {"load": {"vus": 2}, "users": "uniform"}, Marking.NAME_ONLY),
        (["load_pet"], {"load": {"vus": 3}}, Marking.NAME_ONLY),
    ],
)
def test_pets_are_marked_so_that_the_marking_tears_nothing(
    make_plan: MakePlan, flow: list[Any], keys: dict[str, Any], marking: Marking
) -> None:
    assert marking_of(make_plan(flow, setup={"pets": 2}, **keys)) is marking


@pytest.mark.parametrize("marking", [Marking.IN_PLACE, Marking.ON_COPIES])
def test_a_pet_as_it_was_saved_is_whole(marking: Marking) -> None:
    marks, pet = Marks(marking), DigiPal(user_id=USER)
    assert not marks.are_torn(USER, pet)
    for number in range(1, 4):
        pet = saved(marks, pet, noted=number != 2)
        assert save_mark(pet.name) == SaveMark(number, 0, noted=number != 2)
        assert not marks.are_torn(USER, pet)
        assert not marks.are_torn(USER, PetState(pet))
    assert checks.as_saved(marks, PetRef(USER, pet.id), pet) == ""


@pytest.mark.parametrize("name", ["name", "current_image_path", "image_generation_prompt"])
def test_a_field_of_another_save_is_torn(name: str) -> None:
    marks = Marks(Marking.IN_PLACE)
    pet = saved(marks, DigiPal(user_id=USER))
    older = getattr(pet, name)
    saved(marks, pet)
    setattr(pet, name, older)
    assert marks.are_torn(USER, pet)
    assert checks.as_saved(marks, PetRef(USER, pet.id), pet) == checks.TORN == "wrong answer: torn read"


def test_a_history_older_or_newer_than_its_pet_is_torn() -> None:
    marks = Marks(Marking.ON_COPIES)
    first = saved(marks, DigiPal(user_id=USER))
    second = saved(marks, first)
    assert marks.are_torn(USER, _with_history(second, first))
    assert marks.are_torn(USER, _with_history(first, second))
    assert marks.are_torn(USER, _with_history(second, DigiPal()))


def test_notes_of_others_and_those_beyond_what_is_loaded_are_no_tear() -> None:
    marks = Marks(Marking.ON_COPIES)
    ours = saved(marks, DigiPal(user_id=USER))
    theirs = saved(marks, ours, vu=1)
    assert not marks.are_torn(USER, theirs)
    assert not marks.are_torn(USER, _with_history(ours, theirs))
    busy = deepcopy(ours)
    busy.conversation_history = [Interaction(user_input="good")] * 100
    assert not marks.are_torn(USER, busy)


def test_a_save_that_was_never_begun_is_torn() -> None:
    marks, pet = Marks(Marking.IN_PLACE), DigiPal(user_id=USER)
    pet = saved(marks, pet, noted=False)
    pet.name = pet.current_image_path = pet.image_generation_prompt = SaveMark(2, 0, noted=False).text
    assert marks.are_torn(USER, pet)
    other_process = SaveMark(9, 5, noted=False).text
    pet.name = pet.current_image_path = pet.image_generation_prompt = other_process
    assert not marks.are_torn(USER, pet)


def test_where_the_engine_changes_a_pet_too_only_its_name_counts() -> None:
    marks, pet = Marks(Marking.NAME_ONLY), DigiPal(user_id=USER)
    assert saved(marks, pet) is pet
    assert (saves_in(pet.name), pet.image_generation_prompt, pet.conversation_history) == (1, "", [])
    assert saves_in(count_save(pet).name) == 2
    assert not marks.are_torn(USER, pet)


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
        return [marks.are_torn(USER, storage.load_pet(USER)) for _ in range(150)]

    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(job) for job in (write, read, read, read)]
        assert not any(torn for job in jobs for torn in job.result())


def test_an_engine_that_tears_reads_is_found(tmp_path: Path) -> None:
    marks, storage = Marks(Marking.IN_PLACE), tears_reads.StorageManager(tmp_path / "digipal.db")
    pet = DigiPal(user_id=USER)
    torn = 0
    for _ in range(100):
        assert storage.save_pet(saved(marks, pet))
        torn += marks.are_torn(USER, storage.load_pet(USER))
    storage.close()
    assert torn == 2


def _with_history(pet: DigiPal, of: DigiPal) -> DigiPal:
    mixed = deepcopy(pet)
    mixed.conversation_history = list(of.conversation_history)
    return mixed
