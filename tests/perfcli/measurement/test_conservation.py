"""N acknowledged changes of +k end as +N·k: under threads, with a cold cache, and where two engines share the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perfcli.measurement.integrity import Balance, Conservation, check_integrity
from perfcli.measurement.ledger_counts import Tally
from perfcli.operations.digipal_data import GROWING
from perfcli.plan import ExecutionPlan
from perfcli.pool.database import DatabaseFile
from tests.perfcli.faulty import forgets_updates
from tests.perfcli.faulty.driving import Driven, drive_with

pytestmark = pytest.mark.slow

FEEDING = {"care": {"actions": ["fish", "vegetables", "energy_drink"]}}
MakePlan = Callable[..., ExecutionPlan]
Drive = Callable[..., Driven]


@pytest.fixture
def drive(make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Drive]:
    """Drive a faulty engine, or a sound one for None, on one pet."""
    opened: list[Driven] = []

    def start(fault: ModuleType | None, flow: list[Any], vus: int = 1) -> Driven:
        plan = make_plan(flow, setup={"pets": 1}, load={"vus": vus}, engine={"ai": {"latency": "0ms"}})
        opened.append(drive_with(monkeypatch, fault, plan, tmp_path / "digipal.db"))
        return opened[-1]

    yield start
    for engine in opened:
        engine.target.close()


@pytest.fixture
def pet(tmp_path: Path) -> Callable[..., Path]:
    """Store the numbers of one pet, in place of those before."""
    database = tmp_path / "one.db"

    def store(stage: str = "baby", **numbers: int) -> Path:
        columns = dict.fromkeys(GROWING, 10) | numbers
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("DROP TABLE IF EXISTS digipals")
            connection.execute(f"CREATE TABLE digipals (user_id, is_active, life_stage, {', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            connection.execute(f"INSERT INTO digipals VALUES ('user-0', 1, ?, {marks})", (stage, *columns.values()))
        return database

    return store


def balance(before: Path, store: Callable[..., Path], after: dict[str, Any], fed_before: int = 0) -> Balance:
    conservation = Conservation(DatabaseFile(before), {"user-0": {"fish": Tally(fed_before)}})
    return conservation.verify(DatabaseFile(store(**after)), {"user-0": {"fish": Tally(10, unsure=2)}})


@pytest.mark.parametrize(
    ("stored", "lost"),
    [(20, 0), (21, 0), (22, 0), (19, 1), (10, 10), (23, 1)],
    ids=["all", "one tried took effect", "both did", "one lost", "all lost", "one too many"],
)
def test_numbers_must_add_up(pet: Callable[..., Path], stored: int, lost: int) -> None:
    assert balance(pet(), pet, {"brains": stored, "mp": stored}).lost_updates == lost


def test_a_loss_is_told_in_words(pet: Callable[..., Path]) -> None:
    told = balance(pet(), pet, {"brains": 19, "mp": 20})
    assert told == Balance(1, ["user-0: brains is 19 in the database, expected 20 to 22 from acknowledged actions"])


def test_what_was_acknowledged_before_is_in_the_numbers_already(pet: Callable[..., Path]) -> None:
    assert balance(pet(), pet, {"brains": 16, "mp": 16}, fed_before=4).lost_updates == 0


def test_what_may_have_been_clamped_is_not_judged(pet: Callable[..., Path]) -> None:
    assert balance(pet(brains=995, mp=10), pet, {"brains": 999, "mp": 19}).lost_updates == 1
    assert balance(pet(brains=995, mp=995), pet, {"brains": 999, "mp": 999}).lost_updates is None


def test_a_pet_that_evolved_is_not_judged(pet: Callable[..., Path]) -> None:
    assert balance(pet(), pet, {"stage": "child", "brains": 90}).lost_updates is None


def test_a_pet_that_was_talked_to_is_not_judged(drive: Drive) -> None:
    engine = drive(None, [{"interact": {"texts": ["eat"]}}, FEEDING])
    conservation = Conservation(engine.stored, engine.ledger.cared())
    engine.iterate(times=3)
    assert conservation.verify(engine.stored, engine.ledger.cared()).lost_updates is None


@pytest.mark.slow
@pytest.mark.parametrize("flow", [[FEEDING], ["evict", FEEDING], [FEEDING, "evict", "status"]])
def test_a_sound_engine_loses_nothing_under_threads(drive: Drive, flow: list[Any]) -> None:
    engine = drive(None, flow, vus=8)
    conservation = Conservation(engine.stored, engine.ledger.cared())
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda vu: engine.iterate(vu, 10), range(8)))
    assert not engine.failures
    assert conservation.verify(engine.stored, engine.ledger.cared()) == Balance(0, [])


def test_a_sound_engine_loses_nothing_beside_another_on_the_same_file(drive: Drive) -> None:
    one = drive(None, ["evict", FEEDING], vus=4)
    conservation = Conservation(one.stored, one.ledger.cared())
    other = Driven(one.plan, one.database, beside=one)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda vu: (other if vu % 2 else one).iterate(vu, 15), range(4)))
    other.target.close()
    assert not one.failures + other.failures
    assert conservation.verify(one.stored, one.ledger.cared()) == Balance(0, [])


def test_an_engine_that_forgets_updates_is_found(drive: Drive) -> None:
    engine = drive(forgets_updates, [{"care": {"actions": ["fish"]}}])
    conservation = Conservation(engine.stored, engine.ledger.cared())
    engine.iterate(times=60)
    assert check_integrity(engine.ledger, engine.stored).lost == 0
    found = conservation.verify(engine.stored, engine.ledger.cared())
    assert found.lost_updates == 3
    assert found.examples[0].startswith("user-0: brains ")
