"""Own operations on the real engine in this process: what they wrote is found, beside other operations too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from digipal.core.models import DigiPal
from digipal.storage.storage_manager import StorageManager as Sound
from perfcli.measurement.integrity import check_integrity
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.results import Integrity
from perfcli.scenario.loader import load_scenario
from tests.perfcli.faulty.driving import Driven, drive_with

SOURCE = """
from perfcli.operations import Context, operation

@operation(counters={"letters": "count"})
def rename(ctx: Context, length: int = 8) -> None:
    "Give the pet a new name."
    pet = ctx.pet()
    pet.name = ctx.text(length)
    with ctx.timed():
        ok = ctx.storage.save_pet(pet)
    ctx.check(ok, "save_pet returned False")
    ctx.count("letters", length)
    ctx.wrote(name=pet.name)

@operation
def heal(ctx: Context) -> None:
    pet = ctx.pet()
    pet.hp = 1 + pet.hp % 999
    ctx.check(ctx.storage.save_pet(pet), "save_pet returned False")
    ctx.wrote(hp=pet.hp)

@operation
async def rename_async(ctx: Context) -> None:
    pet = ctx.pet()
    pet.name = ctx.text()
    with ctx.timed():
        ok = ctx.storage.save_pet(pet)
    ctx.check(ok, "save_pet returned False")
    ctx.wrote(name=pet.name)

@operation
def rename_and_fail(ctx: Context) -> None:
    pet = ctx.pet()
    pet.name = "unknown"
    ctx.storage.save_pet(pet)
    raise ValueError("no")

@operation
def talk(ctx: Context) -> None:
    ctx.engine.process_interaction(ctx.user, "good job")
    ctx.engine.apply_care_action(ctx.user, "meat")

@operation
def forget(ctx: Context) -> None:
    "Claim what was never stored."
    ctx.wrote(name=ctx.text())
"""

Made = Callable[..., ExecutionPlan]


class Lying(Sound):
    """Answers yes, and stores no pet once its name is one of the load's."""

    def save_pet(self, pet: DigiPal) -> bool:
        return True if len(pet.name) == 8 else super().save_pet(pet)


@pytest.fixture
def plan(tmp_path: Path) -> Made:
    def make(flow: str, *more: str, pets: int = 3, seed: int = 1) -> ExecutionPlan:
        (tmp_path / "own.py").write_text(SOURCE, encoding="utf-8")
        lines = ["name: own", "operations: [own.py]", f"setup: {{pets: {pets}}}", "engine: {ai: {latency: 0ms}}"]
        load = "load: {executor: shared-iterations, iterations: 20}"
        lines += [] if any(line.startswith("load") for line in more) else [load]
        (tmp_path / "own.yaml").write_text("\n".join([*lines, *more, f"flow: {flow}"]), encoding="utf-8")
        return plan_run(load_scenario(tmp_path / "own.yaml"), seed)

    return make


def driven(plan: ExecutionPlan, tmp_path: Path, times: int = 20) -> Driven:
    made = Driven(plan, tmp_path / "digipal.db")
    made.iterate(times=times)
    return made


def closed(made: Driven) -> Integrity:
    made.close()
    return check_integrity(made.ledger, made.stored)


def test_what_was_written_is_found_after_the_engine_shut_down(plan: Made, tmp_path: Path) -> None:
    found = closed(driven(plan("[rename, load_pet]"), tmp_path))
    assert (found.lost, found.acknowledged, found.examples) == (0, 23, [])
    assert (found.saves.acknowledged, found.saves.checked, found.saves.superseded) == (20, 3, 17)


def test_a_write_that_an_engine_only_acknowledged_is_lost(
    plan: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lying: Any = SimpleNamespace(StorageManager=Lying)
    made = drive_with(monkeypatch, lying, plan("[rename]"), tmp_path / "digipal.db")
    made.iterate(times=20)
    found = closed(made)
    assert (found.lost, found.duplicates) == (3, 0)
    assert all("acknowledged, 'DigiPal' stored" in example for example in found.examples)


def test_a_write_that_never_was_is_lost(plan: Made, tmp_path: Path) -> None:
    assert closed(driven(plan("[forget]", pets=1), tmp_path)).lost == 1


@pytest.mark.parametrize(
    "flow", ["[rename, interact, load_pet]", "[rename, care, status]", "[interact, heal, interact, rename]"]
)
def test_operations_of_the_engine_on_the_same_pets_accuse_nobody(plan: Made, tmp_path: Path, flow: str) -> None:
    made = driven(plan(flow.replace("care", "care: {actions: [meat]}")), tmp_path)
    found = closed(made)
    assert (made.failures, found.lost, found.duplicates, found.examples) == ({}, 0, 0, [])
    assert found.saves.checked >= 3


def test_two_operations_may_write_the_same_pets(plan: Made, tmp_path: Path) -> None:
    found = closed(driven(plan("[rename, heal, {rename: {name: again}}]"), tmp_path))
    assert (found.lost, found.saves.acknowledged, found.saves.checked) == (0, 60, 6)


def test_async_functions_write_too(plan: Made, tmp_path: Path) -> None:
    found = closed(driven(plan("[rename_async]"), tmp_path))
    assert (found.lost, found.saves.checked) == (0, 3)


def test_after_a_failure_nothing_is_held_against_the_engine(plan: Made, tmp_path: Path) -> None:
    made = driven(plan("[rename, rename_and_fail]"), tmp_path)
    found = closed(made)
    assert made.failures == {"ValueError": 20}
    assert (found.lost, found.saves.checked, found.saves.unchecked) == (None, 0, 3)


def test_pets_that_the_load_created_are_held_to_account(plan: Made, tmp_path: Path) -> None:
    found = closed(driven(plan("[create_pet, rename]"), tmp_path))
    assert (found.lost, found.saves.acknowledged, found.saves.checked) == (0, 20, 20)


def test_vus_that_share_a_pet_accuse_nobody(plan: Made, tmp_path: Path) -> None:
    load = "load: {executor: per-vu-iterations, vus: 2, iterations: 20}"
    made = Driven(plan("[rename, heal]", load, "users: uniform", pets=1), tmp_path / "digipal.db")
    for _ in range(20):
        made.iterate(0)
        made.iterate(1)
    found = closed(made)
    assert (found.lost, found.saves.checked) == (0, 2)


def test_what_a_function_says_is_not_counted_as_stored_twice(plan: Made, tmp_path: Path) -> None:
    made = driven(plan("[interact: {texts: [good job]}, talk]"), tmp_path)
    found = closed(made)
    assert (found.lost, found.duplicates, found.examples) == (0, 0, [])
    assert made.ledger.cared() == {}


def test_the_same_seed_writes_the_same(plan: Made, tmp_path: Path) -> None:
    def stored(folder: str) -> list[Any]:
        (tmp_path / folder).mkdir()
        made = Driven(plan("[rename]", seed=7), tmp_path / folder / "digipal.db")
        made.iterate(times=9)
        names = [made.target._storage.load_pet(f"user-{index}").name for index in range(3)]
        made.close()
        return names

    assert stored("one") == stored("two")


def test_an_edit_after_planning_changes_nothing(plan: Made, tmp_path: Path) -> None:
    made = plan("[rename]")
    (tmp_path / "own.py").write_text("raise AssertionError", encoding="utf-8")
    assert closed(driven(made, tmp_path)).lost == 0
