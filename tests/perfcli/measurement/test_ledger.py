"""What an engine lost or stored twice is found, and what it may have stored or not is not held against it."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perfcli.measurement.integrity import check_integrity
from perfcli.measurement.ledger import Ledger
from perfcli.measurement.ledger_counts import FlowCounts
from perfcli.operations.digipal_data import CREATED_PET, NO_PET
from perfcli.operations.save_canaries import SaveCanary, save_key, save_name
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.pool.database import DatabaseFile
from perfcli.recorder import SKIPPED
from perfcli.results import Integrity, SaveCounts
from perfcli.scenario.models import Scenario
from perfcli.workload import pack
from tests.perfcli.faulty import copies_database, loses_writes, stores_nothing, stores_twice
from tests.perfcli.faulty.driving import Driven, drive_with, frame

pytestmark = pytest.mark.slow

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
    return check_integrity(ledger, DatabaseFile(database.path), **options)


def test_what_is_stored_as_it_was_acknowledged_is_all_right(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", "user-1")
    database.said("user-0", "good", 2)
    database.said("user-1", "eat", success=None)  # as engines write that leave the column to its default
    integrity = verified(make_plan([TALK], **PETS), database, frame(0, [pack(0, 0, 0)] * 2 + [pack(0, 1, 1)]))
    assert integrity == Integrity(acknowledged=5, set_up=2, lost=0, duplicates=0)


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


def mark(number: int, vu: int) -> str:
    return SaveCanary(number, vu, noted=False).text


@pytest.mark.parametrize("vus", [1, 2])
def test_the_last_save_of_a_pet_must_be_stored_whoever_shares_it(
    make_plan: MakePlan, database: Database, vus: int
) -> None:
    plan = make_plan(["save_pet"], setup={"pets": 1}, load={"vus": vus})
    database.pets("user-0", name=mark(2, 0))
    saves = frame(0, [pack(0, 0, 0)] * 3, {1: REFUSED}, times=[(10, 20), (30, 40), (50, 60)])
    assert verified(plan, database, saves).lost == 0
    lost = verified(plan, database, frame(0, [pack(0, 0, 0)] * 3, times=[(10, 20), (30, 40), (50, 60)]))
    assert (lost.lost, lost.saves) == (1, SaveCounts(acknowledged=3, checked=1, superseded=2))
    assert lost.examples == ["user-0: saves acknowledged that the pet stored does not show: 'save 2 of vu0'"]


@pytest.mark.parametrize(("stored", "lost"), [((1, 0), 1), ((2, 0), 0), ((1, 1), 1), ((2, 1), 0), (None, 4)])
def test_of_saves_at_once_any_may_be_the_last(
    make_plan: MakePlan, database: Database, stored: tuple[int, int] | None, lost: int
) -> None:
    plan = make_plan(["save_pet"], setup={"pets": 1}, load={"vus": 2})
    database.pets("user-0", name=mark(*stored) if stored else "DigiPal")
    one = frame(0, [pack(0, 0, 0)] * 2, times=[(10, 20), (50, 60)])
    other = frame(1, [pack(0, 0, 0)] * 2, times=[(15, 52), (55, 58)])
    assert verified(plan, database, one, other).lost == lost


def test_a_stale_read_is_a_lost_write(make_plan: MakePlan, database: Database) -> None:
    plan = make_plan(["save_pet", "load_pet"], setup={"pets": 1}, load={"vus": 2})
    database.pets("user-0", name=mark(2, 0))
    first, second = save_key(1, 0), save_key(2, 0)
    saves = frame(0, [pack(0, 0, 0)] * 2, times=[(10, 20), (30, 40)])
    reads = frame(1, [pack(1, 0, 0)] * 4, {1: LOST}, times=[(35, 42), (43, 44), (45, 50), (51, 52)])
    integrity = verified(plan, database, saves, replace(reads, shown=array("q", [first, first, second])))
    assert (integrity.lost, integrity.stale_reads, integrity.saves.checked) == (1, 1, 2)
    assert integrity.examples == ["user-0: a read returned save 1 of vu0, although save 2 of vu0 was acknowledged"]


def test_reads_of_newcomers_are_held_to_their_saves(make_plan: MakePlan, database: Database) -> None:
    plan = make_plan(["create_pet", "save_pet", "load_pet", "save_pet"])
    create, save, read, again = pack(0, NO_PET, 0), *(pack(place, CREATED_PET, 0) for place in (1, 2, 3))
    for user in ("vu0-0", "vu0-1", "vu0-2"):
        database.pets(user, name=save_name(2))
    right = frame(0, [create, save, read, again], shown=[1])
    stale = frame(0, [create, save, read, again], shown=[0])
    # a save that timed out may be stored after all that follow
    unsure = frame(0, [create, save, read, again], {1: LOST}, shown=[0])
    integrity = verified(plan, database, right, stale, unsure)
    assert (integrity.lost, integrity.stale_reads) == (1, 1)
    assert integrity.saves == SaveCounts(acknowledged=5, checked=4, superseded=1)


def test_saves_beside_talk_on_shared_pets_are_unchecked_without_notes(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0")
    plan = make_plan(["save_pet", TALK], setup={"pets": 1}, load={"vus": 2})
    integrity = verified(plan, database, frame(0, [pack(0, 0, 0)] * 3))
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (4, None, 0)
    assert integrity.saves == SaveCounts(acknowledged=3, unchecked=3)
    noted = make_plan([{"save_pet": {"history": True}}, TALK], setup={"pets": 1}, load={"vus": 2})
    database.said("user-0", "save 1 of vu0, noted")
    integrity = verified(noted, database, frame(0, [pack(0, 0, 0)] * 3, {2: REFUSED}))
    assert (integrity.lost, integrity.saves) == (1, SaveCounts(acknowledged=2, checked=2))


def test_a_note_of_a_save_that_was_refused_makes_good_for_nothing(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", name="save 3 of vu0, noted")
    database.said("user-0", "save 2 of vu0, noted")
    database.said("user-0", "save 3 of vu0, noted")
    plan = make_plan([{"save_pet": {"history": True}}], setup={"pets": 1}, load={"vus": 2})
    integrity = verified(plan, database, frame(0, [pack(0, 0, 0)] * 3, {1: REFUSED}))
    assert (integrity.lost, integrity.duplicates) == (1, 0)


def test_what_the_load_did_not_write_is_no_sample(make_plan: MakePlan, database: Database) -> None:
    database.pets("user-0", "user-1")
    read = verified(make_plan(["load_pet"], **PETS), database, frame(0, [pack(0, 0, 0)]))
    assert (read.acknowledged, read.set_up, read.lost, read.duplicates) == (2, 2, None, None)
    database.write("UPDATE digipals SET is_active = 0 WHERE user_id = 'user-1'")
    assert verified(make_plan(["load_pet"], **PETS), database, frame(0, [pack(0, 0, 0)])).lost == 1


def test_every_save_with_a_note_is_found_even_where_pets_are_shared(make_plan: MakePlan, database: Database) -> None:
    plan = make_plan([{"save_pet": {"history": True}}], setup={"pets": 1}, load={"vus": 2})
    database.pets("user-0")
    for saves, vu in ((1, 0), (2, 0), (1, 1), (1, 1)):
        database.said("user-0", SaveCanary(saves, vu, noted=True).text)
    integrity = verified(plan, database, frame(0, [pack(0, 0, 0)] * 3), frame(1, [pack(0, 0, 0)]))
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (5, 1, 1)
    assert integrity.examples[1] == "user-0: the note 'save 1 of vu1, noted' of one save is stored 2 times"


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
    missing = check_integrity(ledger, DatabaseFile(tmp_path / "none.db"))
    assert (missing.lost, missing.damaged) == (2, "")
    assert missing.examples == ["the database cannot be read: the file does not exist"]
    (tmp_path / "text.db").write_text("no database at all, whatever its name may say" * 100)
    assert "not a database" in check_integrity(ledger, DatabaseFile(tmp_path / "text.db")).damaged


def test_a_sound_engine_passes(driven: Callable[..., Driven]) -> None:
    flow = [{"interact": {"accept_refusal": True}}, {"care": {"actions": ["meat", "praise"]}}, "save_pet"]
    engine = driven(None, flow)
    engine.iterate(times=30)
    assert not engine.failures
    integrity = check_integrity(engine.ledger, engine.stored)
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (92, 0, 0)
    assert integrity.saves == SaveCounts(acknowledged=30, checked=2, superseded=28)


def test_a_sound_engine_passes_with_newcomers_and_refusals(driven: Callable[..., Driven]) -> None:
    engine = driven(None, ["create_pet", "interact", {"care": {"actions": ["play"]}}, "save_pet"])
    engine.iterate(times=40)
    integrity = check_integrity(engine.ledger, engine.stored)
    assert (integrity.lost, integrity.duplicates) == (0, 0)


def test_one_write_in_500_is_missed(driven: Callable[..., Driven]) -> None:
    engine = driven(loses_writes, [{"care": {"actions": ["meat", "fish"]}}])
    engine.iterate(times=520)
    integrity = check_integrity(engine.ledger, engine.stored)
    assert (integrity.acknowledged, integrity.lost, integrity.duplicates) == (522, 1, 0)


def test_what_is_stored_twice_is_found(driven: Callable[..., Driven]) -> None:
    engine = driven(stores_twice, [{"care": {"actions": ["meat"]}}])
    engine.iterate(times=10)
    integrity = check_integrity(engine.ledger, engine.stored)
    assert (integrity.lost, integrity.duplicates) == (0, 10)


def test_nothing_stored_is_all_lost(driven: Callable[..., Driven]) -> None:
    engine = driven(stores_nothing, [{"interact": {"texts": ["good"]}}])
    engine.iterate(times=10)
    assert not engine.failures
    integrity = check_integrity(engine.ledger, engine.stored)
    assert integrity.lost == integrity.acknowledged == 12


def test_a_copy_of_the_database_is_no_loss(driven: Callable[..., Driven]) -> None:
    engine = driven(copies_database, [{"care": {"actions": ["meat"]}}])
    engine.iterate(times=5)
    assert check_integrity(engine.ledger, engine.stored).lost == 0
    assert engine.database.with_suffix(".copy").exists()


def test_reads_are_kept_no_account_of(make_plan: MakePlan) -> None:
    tallies = FlowCounts(make_plan(["load_pet", TALK], **PETS).flow_of(0))
    tallies.add(array("q", [pack(0, 1, 0)] * 1000 + [pack(1, 0, 1)]), {})
    assert [entry[1:] for entry in tallies.entries()] == [(0, 1, 1, 0)]
    reads = FlowCounts(make_plan(["load_pet", "status"], **PETS).flow_of(0))
    reads.add(array("q", [pack(0, 1, 0)] * 1000), {5: LOST})
    assert not list(reads.entries())
