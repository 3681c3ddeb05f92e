"""What an engine lost or stored twice is found, and what it may have stored or not is not held against it."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perfcli.measurement.integrity import Ledger
from perfcli.measurement.tallies import FlowTallies
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.recorder import SKIPPED
from perfcli.results import Integrity
from perfcli.scenario.models import Scenario
from perfcli.targets.naming import SaveMark, save_name
from perfcli.workload import CREATED_PET, NO_PET, pack
from tests.perfcli.faulty import copies_database, loses_writes, stores_nothing, stores_twice
from tests.perfcli.faulty.driving import Driven, drive_with, frame

TALK = {"interact": {"texts": ["good", "eat"]}}
PETS = {"setup": {"pets": 2}}
QUIET_AI = {"engine": {"ai": {"latency": "0ms"}}}
REFUSED, LOST = 1, 2

MakePlan = Callable[..., ExecutionPlan]


class Database:
    """A database as an engine might leave it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("CREATE TABLE digipals (user_id TEXT, name TEXT, is_active INTEGER DEFAULT 1)")
        self.write("CREATE TABLE interactions (user_id TEXT, user_input TEXT, success BOOLEAN DEFAULT 1)")

    def write(self, sql: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(sql, values)

    def pets(self, *users: str, name: str = "") -> None:
        for user in users:
            self.write("INSERT INTO digipals (user_id, name) VALUES (?, ?)", user, name)

    def said(self, user: str, text: str, times: int = 1, success: int | None = 1) -> None:
        for _ in range(times):
            self.write("INSERT INTO interactions VALUES (?, ?, ?)", user, text, success)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "digipal.db")


@pytest.fixture
def driven(make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Driven]]:
    """Drive a faulty engine, or a sound one for None, with a flow."""
    opened: list[Driven] = []

    def drive(fault: ModuleType | None, flow: list[Any], **keys: Any) -> Driven:
        plan = make_plan(flow, **{**PETS, **QUIET_AI, **keys})
        opened.append(drive_with(monkeypatch, fault, plan, tmp_path / "digipal.db"))
        return opened[-1]

    yield drive
    for engine in opened:
        engine.target.close()


def verified(plan: ExecutionPlan, database: Database, *frames: Any, **options: Any) -> Integrity:
    ledger = Ledger(plan)
    for each in frames:
        ledger.add(each)
    return ledger.verify(database.path, **options)


def test_what_is_stored_as_it_was_acknowledged_is_all_right(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", "user-1")
    database.said("user-0", "good", 2)
    database.said("user-1", "eat", success=None)  # as engines write that leave the column to its default
    integrity = verified(make_plan([TALK], **PETS), database, frame(0, [pack(0, 0, 0)] * 2 + [pack(0, 1, 1)]))
    assert integrity == Integrity(acknowledged=5, lost=0, duplicates=0)


def test_a_loss_is_found_by_text_whatever_else_is_stored(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", "user-1")
    database.said("user-0", "good")
    database.said("user-0", "eat", 3)
    integrity = verified(make_plan([TALK], **PETS), database, frame(0, [pack(0, 0, 0)] * 2 + [pack(0, 0, 1)]))
    assert (integrity.lost, integrity.duplicates) == (1, 2)
    assert integrity.examples == [
        "user-0: 2 interactions 'good' acknowledged, 1 stored",
        "user-0: 1 interactions 'eat' acknowledged, 3 stored",
    ]


def test_a_refusal_that_is_stored_hides_no_loss(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", "user-1")
    database.said("user-0", "good", 1)
    database.said("user-0", "good", 1, success=0)
    said = frame(0, [pack(0, 0, 0)] * 3, {1: REFUSED})
    integrity = verified(make_plan([TALK], **PETS), database, said)
    assert (integrity.lost, integrity.duplicates) == (1, 0)
    assert integrity.examples == ["user-0: 2 interactions 'good' acknowledged, 2 stored, 1 of them as refused"]


@pytest.mark.parametrize("stored", [1, 2, 3])
def test_what_was_only_tried_is_neither_lost_nor_stored_twice(
    make_plan: MakePlan, database: Database, stored: int
) -> None:
    database.pets("user-0", "user-1")
    database.said("user-0", "good", stored)
    tried = frame(0, [pack(0, 0, 0)] * 3, {0: REFUSED, 2: LOST})
    integrity = verified(make_plan([TALK], **PETS), database, tried)
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (3, 0, 0)


def test_what_was_skipped_was_not_even_tried(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", "user-1")
    database.said("user-0", "good", 2)
    skipped = frame(0, [pack(0, 0, 0)] * 2, {1: SKIPPED})
    assert verified(make_plan([TALK], **PETS), database, skipped).duplicates == 1


def test_samples_that_never_arrived_make_no_duplicates(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", "user-1")
    database.said("user-0", "good", 5)
    integrity = verified(make_plan([TALK], **PETS), database, frame(0, [pack(0, 0, 0)]), complete=False)
    assert (integrity.lost, integrity.duplicates, integrity.examples) == (0, None, [])


def test_an_accepted_refusal_of_talk_must_be_stored_and_one_of_care_need_not(
    make_plan: MakePlan, database: Database
) -> None:
    talk = {"interact": {"texts": ["eat"], "accept_refusal": True}}
    care = {"care": {"actions": ["play", "meat"], "accept_refusal": True}}
    database.pets("user-0", "user-1")
    database.said("user-0", "eat", success=0)
    plan = make_plan([talk, care], **PETS)
    play = [pack(1, 0, 0)] * 4
    assert verified(plan, database, frame(0, [pack(0, 0, 0), *play])).lost == 0
    assert verified(plan, database, frame(0, [pack(0, 0, 0)] * 2)).lost == 1
    assert verified(plan, database, frame(0, [pack(0, 0, 0), pack(1, 0, 1)])).lost == 1  # no pet refuses meat


def test_pets_that_are_missing_or_there_twice(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", "vu0-0", "vu0-2", "vu0-2")
    created = frame(0, [pack(0, NO_PET, 0)] * 4, {1: LOST})
    integrity = verified(make_plan(["create_pet"], setup={"pets": 1}), database, created)
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (4, 1, 1)
    assert integrity.examples == ["vu0-2 has 2 live pets stored", "the pet of vu0-3 is not stored"]


def test_a_skipped_creation_takes_no_number(make_plan: MakePlan, database: Database) -> None:
    database.pets("vu0-0", "vu0-1")
    created = frame(0, [pack(0, NO_PET, 0)] * 3, {1: SKIPPED})
    assert verified(make_plan(["create_pet"]), database, created).lost == 0


def test_newcomers_are_held_to_account_each_by_itself(make_plan: MakePlan, database: Database) -> None:
    plan = make_plan(["create_pet", TALK, "save_pet"], load={"vus": 2})
    iteration = [pack(0, NO_PET, 0), pack(1, CREATED_PET, 0), pack(2, CREATED_PET, 0)]
    for user in ("vu0-0", "vu0-1", "vu1-0"):
        database.pets(user, name=save_name(int(user != "vu1-0")))
    database.said("vu0-0", "good", 2)
    database.said("vu1-0", "good")
    integrity = verified(plan, database, frame(0, iteration * 2), frame(1, iteration))
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (9, 2, 1)
    assert sorted(integrity.examples) == [
        "vu0-0: 1 interactions acknowledged, 2 stored",
        "vu0-1: 1 interactions acknowledged, 0 stored",
        "vu1-0: 1 saves acknowledged, 0 in the pet stored",
    ]


def test_saves_are_counted_in_the_pet_where_nobody_else_saves_it(make_plan: MakePlan, database: Database) -> None:
    saves = frame(0, [pack(0, 0, 0)] * 3, {0: LOST})
    database.pets("user-0", name=SaveMark(1, 0, noted=False).text)
    assert verified(make_plan(["save_pet"], setup={"pets": 1}), database, saves).lost == 1
    shared = make_plan(["save_pet"], setup={"pets": 1}, load={"vus": 2})
    assert verified(shared, database, saves, frame(1, [pack(0, 0, 0)])).lost == 0


def test_every_save_with_a_note_is_found_even_where_pets_are_shared(make_plan: MakePlan, database: Database) -> None:
    plan = make_plan([{"save_pet": {"history": True}}], setup={"pets": 1}, load={"vus": 2})
    database.pets("user-0")
    for saves, vu in ((1, 0), (2, 0), (1, 1), (1, 1)):
        database.said("user-0", SaveMark(saves, vu, noted=True).text)
    integrity = verified(plan, database, frame(0, [pack(0, 0, 0)] * 3), frame(1, [pack(0, 0, 0)]))
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (5, 1, 1)
    assert integrity.examples[1] == "user-0: the note 'saved 1 times by vu1, noted' of one save is stored 2 times"


def test_phases_of_other_flows_are_told_apart(database: Database) -> None:
    load = {"executor": "shared-iterations", "iterations": 1}
    phases = [
        {"name": "talk", "load": {**load, "vus": 2}, "flow": [TALK]},
        {"name": "read", "load": load, "flow": ["status", "load_pet"]},
    ]
    plan = plan_run(Scenario.model_validate({"name": "two", "phases": phases, **PETS}), 1)
    database.pets("user-0", "user-1")
    database.said("user-0", "good")
    assert verified(plan, database, frame(1, [pack(0, 0, 0)]), frame(2, [pack(0, 0, 0), pack(1, 0, 0)])).lost == 0


def test_a_damaged_database_is_told(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", "user-1")
    database.write("CREATE INDEX by_user ON digipals (user_id)")
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT 'other-' || i, '' FROM n"
    )
    database.write(f"INSERT INTO digipals (user_id, name) {numbers}")
    content = bytearray(database.path.read_bytes())
    content[-4096:] = bytes(4096)
    database.path.write_bytes(content)
    assert verified(make_plan(["status"], **PETS), database).damaged


def test_a_file_that_is_no_database_is_damaged_and_a_missing_one_lost(make_plan: MakePlan, tmp_path: Path) -> None:
    ledger = Ledger(make_plan(["status"], **PETS))
    missing = ledger.verify(tmp_path / "none.db")
    assert (missing.lost, missing.damaged) == (2, "")
    assert missing.examples == ["the database cannot be read: the file does not exist"]
    (tmp_path / "text.db").write_text("no database at all, whatever its name may say" * 100)
    assert "not a database" in ledger.verify(tmp_path / "text.db").damaged


def test_a_sound_engine_passes(driven: Callable[..., Driven]) -> None:
    flow = [{"interact": {"accept_refusal": True}}, {"care": {"actions": ["meat", "praise"]}}, "save_pet"]
    engine = driven(None, flow)
    engine.iterate(times=30)
    assert not engine.failures
    assert engine.ledger.verify(engine.database) == Integrity(acknowledged=92, lost=0, duplicates=0)


def test_a_sound_engine_passes_with_newcomers_and_refusals(driven: Callable[..., Driven]) -> None:
    engine = driven(None, ["create_pet", "interact", {"care": {"actions": ["play"]}}, "save_pet"])
    engine.iterate(times=40)
    integrity = engine.ledger.verify(engine.database)
    assert (integrity.lost, integrity.duplicates) == (0, 0)


def test_one_write_in_500_is_missed(driven: Callable[..., Driven]) -> None:
    engine = driven(loses_writes, [{"care": {"actions": ["meat", "fish"]}}])
    engine.iterate(times=520)
    integrity = engine.ledger.verify(engine.database)
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (522, 1, 0)


def test_what_is_stored_twice_is_found(driven: Callable[..., Driven]) -> None:
    engine = driven(stores_twice, [{"care": {"actions": ["meat"]}}])
    engine.iterate(times=10)
    integrity = engine.ledger.verify(engine.database)
    assert (integrity.lost, integrity.duplicates) == (0, 10)


def test_nothing_stored_is_all_lost(driven: Callable[..., Driven]) -> None:
    engine = driven(stores_nothing, [{"interact": {"texts": ["good"]}}])
    engine.iterate(times=10)
    assert not engine.failures
    integrity = engine.ledger.verify(engine.database)
    assert integrity.lost == integrity.acknowledged == 12


def test_a_copy_of_the_database_is_no_loss(driven: Callable[..., Driven]) -> None:
    engine = driven(copies_database, [{"care": {"actions": ["meat"]}}])
    engine.iterate(times=5)
    assert engine.ledger.verify(engine.database).lost == 0
    assert engine.database.with_suffix(".copy").exists()


def test_reads_are_kept_no_account_of(make_plan: MakePlan) -> None:
    tallies = FlowTallies(make_plan(["load_pet", TALK], **PETS).flow_of(0))
    tallies.add(array("q", [pack(0, 1, 0)] * 1000 + [pack(1, 0, 1)]), {})
    assert [entry[1:] for entry in tallies.entries()] == [(0, 1, 1, 0)]
    assert not FlowTallies(make_plan(["load_pet", "status"], **PETS).flow_of(0)).writes
