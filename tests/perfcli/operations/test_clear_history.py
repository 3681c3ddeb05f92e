"""clear_history: rows that stay are found, and so are those that go with them; a sound engine is not accused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perfcli.measurement.integrity import check_integrity
from perfcli.measurement.ledger import Ledger
from perfcli.operations.digipal_data import set_up_user
from perfcli.operations.stored import MinimalDatabase
from perfcli.plan import ExecutionPlan
from perfcli.pool.database import DatabaseFile
from perfcli.results import Integrity
from perfcli.workload import pack
from tests.perfcli.faulty import clears_nothing, clears_too_much
from tests.perfcli.faulty.driving import Driven, drive_with, frame

CARE = {"care": {"actions": ["fish", "praise"]}}
TALKS_AND_CLEARS = [CARE, "clear_history", CARE]
SAVES_TOO = [{"save_pet": {"history": True}}, "clear_history", {"save_pet": {"history": True}}, "load_pet"]
LOAD = {"setup": {"pets": 2}, "load": {"vus": 2}, "engine": {"ai": {"latency": "0ms"}}}
Drive = Callable[..., Driven]


@pytest.fixture
def drive(make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Drive]:
    opened: list[Driven] = []

    def start(fault: ModuleType | None, flow: list[Any], **keys: Any) -> Driven:
        opened.append(drive_with(monkeypatch, fault, make_plan(flow, **{**LOAD, **keys}), tmp_path / "digipal.db"))
        return opened[-1]

    yield start
    for engine in opened:
        engine.target.close()


def checked(engine: Driven) -> Integrity:
    return check_integrity(engine.ledger, engine.stored)


@pytest.mark.parametrize("flow", [TALKS_AND_CLEARS, SAVES_TOO, ["create_pet", *TALKS_AND_CLEARS]])
def test_a_sound_engine_is_not_accused(drive: Drive, flow: list[Any]) -> None:
    engine = drive(None, flow)
    engine.iterate(0, 5)
    engine.iterate(1, 5)
    assert not engine.failures
    integrity = checked(engine)
    assert (integrity.lost, integrity.duplicates, integrity.examples) == (0, 0, [])


def test_what_is_cleared_counts_as_acknowledged(drive: Drive) -> None:
    engine = drive(None, TALKS_AND_CLEARS)
    engine.iterate(0, 5)
    assert checked(engine).acknowledged == 2 + 5 * 2


@pytest.mark.parametrize("flow", [TALKS_AND_CLEARS, ["create_pet", *TALKS_AND_CLEARS]])
def test_rows_that_a_clear_leaves_are_lost_writes(drive: Drive, flow: list[Any]) -> None:
    engine = drive(clears_nothing, flow)
    engine.iterate(0, 3)
    assert not engine.failures
    integrity = checked(engine)
    # of each iteration the care before its clear; of pets of the setup, also the care after the clear before
    assert integrity.lost == (5 if flow is TALKS_AND_CLEARS else 3)
    assert integrity.duplicates == 0
    assert "cleared" in integrity.examples[0]
    assert integrity.examples[0].endswith("still stored")


def test_notes_of_saves_that_a_clear_leaves_are_found(drive: Drive) -> None:
    engine = drive(clears_nothing, SAVES_TOO)
    engine.iterate(0, 2)
    integrity = checked(engine)
    assert integrity.lost == 3
    assert integrity.examples == ["user-0: 3 saves with a note cleared, 3 of their notes still stored"]


def test_a_clear_that_deletes_what_was_said_to_other_pets_is_found(drive: Drive) -> None:
    engine = drive(clears_too_much, TALKS_AND_CLEARS)
    engine.iterate(0)
    engine.iterate(1)
    integrity = checked(engine)
    assert (integrity.lost, integrity.duplicates) == (1, 0)
    (example,) = integrity.examples
    assert example.startswith(f"{set_up_user(0)}: 1 interactions ")
    assert example.endswith("acknowledged, 0 stored")


@pytest.mark.parametrize(("stored", "lost", "duplicates"), [(0, 1, 0), (1, 0, 0), (2, 1, 0), (3, 2, 0), (4, 2, 1)])
def test_more_rows_than_were_cleared_are_duplicates(
    make_plan: Callable[..., ExecutionPlan], tmp_path: Path, stored: int, lost: int, duplicates: int
) -> None:
    plan = make_plan([{"care": {"actions": ["fish"]}}, "clear_history"], **{**LOAD, "setup": {"pets": 1}})
    database = MinimalDatabase(tmp_path / "digipal.db")
    database.create()
    database.add_pet("user-0")
    for _ in range(stored):
        database.add_interaction("user-0", "fish")
    ledger, care, clear = Ledger(plan), pack(0, 0, 0), pack(1, 0, 0)
    ledger.add(frame(0, [care, care, clear, care], times=[(0, 1), (2, 3), (4, 5), (6, 7)]))
    integrity = check_integrity(ledger, DatabaseFile(tmp_path / "digipal.db"))
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (4, lost, duplicates)


def test_without_all_samples_rows_that_stay_prove_nothing(drive: Drive) -> None:
    engine = drive(clears_nothing, TALKS_AND_CLEARS)
    engine.iterate()
    integrity = check_integrity(engine.ledger, engine.stored, complete=False)
    assert (integrity.lost, integrity.duplicates) == (0, None)


def test_clears_alone_prove_nothing(drive: Drive) -> None:
    engine = drive(None, ["clear_history"])
    engine.iterate()
    integrity = checked(engine)
    assert (integrity.lost, integrity.duplicates) == (None, None)


def all_at_once(engine: Driven, times: int) -> None:
    vus = engine.plan.vus
    with ThreadPoolExecutor(vus) as threads:
        list(threads.map(lambda vu: engine.iterate(vu, times), range(vus)))


MIX = [{"care": {"actions": ["praise"], "weight": 3}}, {"clear_history": {"weight": 1}}]


@pytest.mark.parametrize("flow", [MIX, [CARE, *SAVES_TOO]], ids=["care", "saves too"])
@pytest.mark.slow
def test_vus_that_share_pets_accuse_no_sound_engine(drive: Drive, flow: list[Any]) -> None:
    engine = drive(None, flow, users="uniform", load={"vus": 8})
    all_at_once(engine, 20)
    assert engine.failures.keys() <= {"StalePetError"}
    integrity = checked(engine)
    assert (integrity.lost, integrity.duplicates, integrity.examples) == (0, 0, [])


def test_vus_that_share_pets_do_not_hide_rows_that_stay(drive: Drive) -> None:
    engine = drive(clears_nothing, MIX, users="uniform", load={"vus": 8})
    all_at_once(engine, 20)
    assert checked(engine).lost


def test_an_answer_other_than_true_is_wrong(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfcli.targets.embedded.DigiPalCore.clear_conversation_history", lambda *_: False)
    engine = drive(None, ["clear_history"])
    engine.iterate()
    assert engine.failures == {"wrong answer: clear_conversation_history returned False": 1}
