"""Pets that several vus save and read at once, through the target: a sound engine is never accused, a faulty one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from digipal.errors import LivePetError, StalePetError, StorageError
from perfcli.measurement.integrity import check_integrity
from perfcli.operations.digipal_data import TORN
from perfcli.operations.stored import compare_answers
from perfcli.plan import ExecutionPlan
from perfcli.targets.embedded import open_storage
from tests.perfcli.faulty import drops_saves, tears_reads, wrong_pet
from tests.perfcli.faulty.driving import Driven, drive_with

pytestmark = pytest.mark.slow

QUIET_AI = {"ai": {"latency": "0ms"}}
SAVES_AND_LOADS = [{"save_pet": {"weight": 1, "history": True}}, {"load_pet": {"weight": 3}}, {"status": {"weight": 1}}]


@pytest.fixture
def drive(
    make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Driven]]:
    opened: list[Driven] = []

    def start(fault: ModuleType | None, flow: list[Any], **keys: Any) -> Driven:
        plan = make_plan(flow, **{"users": "uniform", "load": {"vus": 4}, "setup": {"pets": 2}, **keys})
        opened.append(drive_with(monkeypatch, fault, plan, tmp_path / f"digipal-{len(opened)}.db"))
        return opened[-1]

    yield start
    for engine in opened:
        engine.target.close()


def all_at_once(*engines: Driven, times: int = 40) -> None:
    vus = engines[0].plan.vus
    with ThreadPoolExecutor(vus) as threads:
        list(threads.map(lambda vu: engines[vu % len(engines)].iterate(vu, times), range(vus)))


def differences(engine: Driven) -> list[str]:
    answered = list(engine.target.answers(of_setup=True))
    engine.target.close()
    storage = open_storage(engine.database)
    found = list(chain.from_iterable(compare_answers(storage.load_pet, answered, datetime.now)))
    storage.close()
    return found


def test_a_sound_engine_is_not_accused(drive: Callable[..., Driven], tmp_path: Path) -> None:
    engine = drive(None, SAVES_AND_LOADS)
    all_at_once(engine)
    assert engine.failures.keys() <= {"StalePetError"}
    integrity = check_integrity(engine.ledger, engine.stored)
    assert (integrity.lost, integrity.duplicates) == (0, 0)
    assert integrity.acknowledged > 10
    assert differences(engine) == []


def test_two_sound_engines_on_one_file_are_not_accused(drive: Callable[..., Driven]) -> None:
    one = drive(None, SAVES_AND_LOADS, pool={"processes": 2})
    other = Driven(one.plan, one.database, beside=one)
    all_at_once(one, other)
    other.target.close()
    assert (one.failures + other.failures).keys() <= {"StalePetError"}
    assert check_integrity(one.ledger, one.stored).lost == 0


SAVE_WITH_NOTE = {"save_pet": {"history": True}}
CROWDS = {
    "own": {"users": "own"},
    "uniform": {"users": "uniform"},
    "zipf": {"users": {"zipf": 1.0}},
    "fewer pets than vus": {"users": "own", "load": {"vus": 24}},
    "two processes": {"users": "uniform", "pool": {"processes": 2}},
}


@pytest.mark.parametrize("keys", CROWDS.values(), ids=CROWDS)
@pytest.mark.parametrize(
    "flow",
    [["save_pet"], ["save_pet", "load_pet"], [SAVE_WITH_NOTE], ["interact", SAVE_WITH_NOTE], ["interact", "save_pet"]],
    ids=["saves", "saves and reads", "notes", "talk and notes", "talk"],
)
def test_saves_that_are_dropped_are_found_whoever_shares_pets(
    drive: Callable[..., Driven], flow: list[Any], keys: dict[str, Any]
) -> None:
    engine = drive(drops_saves, flow, **{"setup": {"pets": 20}, "engine": QUIET_AI, **keys})
    engines = [engine]
    if "pool" in keys:
        engines.append(Driven(engine.plan, engine.database, beside=engine))
    all_at_once(*engines, times=20)
    for other in engines[1:]:
        other.target.close()
    assert check_integrity(engine.ledger, engine.stored).lost


@pytest.mark.parametrize(
    "flow",
    [["save_pet", "load_pet"], [SAVE_WITH_NOTE, "load_pet", "status"], ["interact", SAVE_WITH_NOTE, "load_pet"]],
    ids=["saves", "notes", "talk and notes"],
)
def test_sixteen_vus_on_three_pets_accuse_no_sound_engine(drive: Callable[..., Driven], flow: list[Any]) -> None:
    accuse_no_sound_engine(drive, flow, {"users": "uniform"})


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100))
def test_a_sound_engine_is_not_accused_in_a_hundred_runs(drive: Callable[..., Driven], seed: int) -> None:
    for flow in (
        ["save_pet"],
        ["save_pet", "load_pet"],
        [SAVE_WITH_NOTE, "load_pet", "status"],
        ["save_pet", {"load_pet": {"source": "engine"}}, "evict", "load_pet"],
        ["interact", SAVE_WITH_NOTE, "load_pet"],
        [{"care": {"actions": ["fish", "meat"]}}, "save_pet"],
        ["create_pet", "save_pet", "load_pet", "save_pet"],
    ):
        for users in ("uniform", "own", {"zipf": 1.0}):
            accuse_no_sound_engine(drive, flow, {"users": users, "seed": seed})


def accuse_no_sound_engine(drive: Callable[..., Driven], flow: list[Any], keys: dict[str, Any]) -> None:
    engine = drive(None, flow, setup={"pets": 3}, load={"vus": 16}, engine=QUIET_AI, **keys)
    all_at_once(engine, times=10)
    assert engine.failures.keys() <= {"StalePetError"}
    integrity = check_integrity(engine.ledger, engine.stored)
    assert (integrity.lost or 0, integrity.duplicates, integrity.examples) == (0, 0, [])
    assert integrity.saves.checked or integrity.saves.unchecked


def test_one_writer_of_a_pet_is_never_refused(drive: Callable[..., Driven]) -> None:
    engine = drive(None, ["save_pet", "load_pet"], users="own", load={"vus": 2})
    engine.iterate(0, 20)
    engine.iterate(1, 20)
    assert not engine.failures
    assert check_integrity(engine.ledger, engine.stored).lost == 0


@pytest.mark.slow
def test_refusals_are_a_category_of_their_own(drive: Callable[..., Driven]) -> None:
    engine = drive(None, ["save_pet"])
    behind, ahead = (engine.target._storage.load_pet("user-0") for _ in range(2))
    assert behind is not None
    assert ahead is not None
    engine.target._storage.save_pet(ahead)
    with pytest.raises(StalePetError) as refused:
        engine.target._storage.save_pet(behind)
    assert engine.target.classify(refused.value).category == "stale"
    wrapped = RuntimeError("not saved")
    wrapped.__cause__ = LivePetError("the user has a live pet")
    assert engine.target.classify(wrapped).category == "stale"
    assert engine.target.classify(StorageError("disk is full")).category == "database"


def test_torn_reads_are_failures_of_a_kind(drive: Callable[..., Driven]) -> None:
    engine = drive(tears_reads, SAVES_AND_LOADS, setup={"pets": 1})
    engine.iterate(0, 600)
    assert engine.failures[TORN] >= 1
    assert engine.failures.keys() == {TORN}


def test_another_users_pet_is_a_wrong_answer(drive: Callable[..., Driven]) -> None:
    engine = drive(wrong_pet, ["load_pet"])
    engine.iterate(0, 100)
    assert engine.failures == {"wrong answer: another user's pet": 2}
