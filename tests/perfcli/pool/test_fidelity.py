"""After a restart every pet is what the engine said it was; where it is not, the difference is told in words."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from digipal.core.models import DigiPal, Interaction
from perfcli.operations.stored import Load, answers, compare_answers
from perfcli.plan import ExecutionPlan
from perfcli.pool.database import Fidelity, compare_afresh
from perfcli.targets.embedded import open_storage
from tests.perfcli.faulty import stores_nothing
from tests.perfcli.faulty.checkout import make_checkout
from tests.perfcli.faulty.driving import Driven, drive_with

ROOT = Path(__file__).parents[3]
FLOW = [{"interact": {"accept_refusal": True}}, {"care": {"actions": ["meat", "praise"]}}, "save_pet"]
NOON = datetime(2026, 1, 1, 12)


@pytest.fixture
def engine(
    make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Driven]]:
    """Drive an engine on two pets for sixty iterations."""
    opened: list[Driven] = []

    def start(fault: Any = None, processes: int = 1) -> Driven:
        pool = {"processes": processes}
        plan = make_plan(FLOW, setup={"pets": 2}, engine={"ai": {"latency": "0ms"}}, pool=pool)
        opened.append(drive_with(monkeypatch, fault, plan, tmp_path / "digipal.db"))
        opened[-1].iterate(times=60)
        return opened[-1]

    yield start
    for driven in opened:
        driven.target.close()


def asked(driven: Driven) -> list[str]:
    """What the engine answers before it ends."""
    lines = list(answers(driven.target._core.load_existing_pet, ["user-0", "user-1", "nobody"]))
    driven.target.close()
    return lines


def stored(database: Path, answered: list[str]) -> list[str]:
    """How what is stored differs."""
    storage = open_storage(database)
    found = list(chain.from_iterable(compare_answers(storage.load_pet, answered, datetime.now)))
    storage.close()
    return found


def change(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(sql)


def differences(before: Any, after: Any, now: datetime = NOON) -> list[str]:
    """How two answers about the pet of user-0 differ."""
    answered = answers(_answering(before), ["user-0"])
    return [words for found in compare_answers(_answering(after), answered, lambda: now) for words in found]


def _answering(answer: Any) -> Load:
    def load(user: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return load


def pet(**fields: Any) -> DigiPal:
    known = {"id": "p", "user_id": "user-0", "birth_time": NOON - timedelta(days=1), "last_interaction": NOON}
    return DigiPal(**{**known, **fields})


def test_a_sound_engine_stores_what_it_answers(engine: Callable[..., Driven]) -> None:
    driven = engine()
    assert stored(driven.database, asked(driven)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE digipals SET hp = hp - 1", "user-0: hp "),
        ("UPDATE digipals SET evolution_timer = evolution_timer + 1e9", "user-0: evolution_timer 1000000000.0 stored"),
        ("UPDATE digipals SET learned_commands = '[]'", "user-0: learned_commands [] stored, ['bad', 'eat', "),
        ("UPDATE digipals SET name = 'Rex'", "user-0: name 'Rex' stored, 'save 59 of vu0'"),
        ("DELETE FROM interactions WHERE id % 2", "user-0: 30 interactions stored, 60 answered"),
        ("UPDATE interactions SET pet_response = 'no'", "user-0: pet_response of the last interaction 'no' stored, "),
        ("UPDATE digipals SET is_active = 0", "user-0: no pet stored, one answered"),
        ("UPDATE digipals SET id = id || 'x'", "user-0: pet "),
    ],
)
def test_what_is_stored_otherwise_is_told(engine: Callable[..., Driven], sql: str, told: str) -> None:
    driven = engine()
    answered = asked(driven)
    change(driven.database, sql)
    found = stored(driven.database, answered)
    assert len([words for words in found if words.startswith("user-0")]) == 1
    assert found[0].startswith(told)


def test_nothing_stored_is_found(engine: Callable[..., Driven]) -> None:
    driven = engine(stores_nothing)
    found = stored(driven.database, asked(driven))
    assert found == ["user-0: no pet stored, one answered", "user-1: no pet stored, one answered"]


def test_numbers_are_compared_exactly() -> None:
    traits = {"playfulness": 0.1 + 0.2}
    assert differences(pet(personality_traits=traits), pet(personality_traits=dict(traits))) == []
    assert differences(pet(personality_traits=traits), pet(personality_traits={"playfulness": 0.3})) == [
        "user-0: personality_traits {'playfulness': 0.3} stored, {'playfulness': 0.30000000000000004} answered"
    ]


def test_what_is_kept_in_a_list_is_compared() -> None:
    assert differences(pet(learned_commands=["eat", "sit"]), pet(learned_commands=["eat", "run"])) == [
        "user-0: learned_commands ['eat', 'run'] stored, ['eat', 'sit'] answered"
    ]


@pytest.mark.parametrize(("processes", "name"), [(1, "save 59 of vu0"), (2, "Rex")])
def test_an_engine_answers_for_what_nobody_else_could_save(
    engine: Callable[..., Driven], processes: int, name: str
) -> None:
    """With a second process, what its cache holds may be old, and is no answer about what is stored."""
    driven = engine(processes=processes)
    change(driven.database, "UPDATE digipals SET name = 'Rex'")
    answered = list(driven.target.answers(of_setup=True))
    assert json.loads(answered[0])["pet"]["name"] == name


def test_another_users_pet_is_one_difference() -> None:
    stranger = pet(user_id="user-5", hp=1)
    assert differences(stranger, pet()) == ["user-0: answered with the pet of user-5"]
    assert differences(pet(), pet(user_id="user-5")) == ["user-0: user_id 'user-5' stored, 'user-0' answered"]


def test_what_an_engine_raises_is_the_difference() -> None:
    assert differences(pet(), ValueError("broken")) == ["user-0: loaded again, the engine raised ValueError: broken"]
    assert differences({"name": "no pet"}, pet()) == [
        "user-0: asked for it, the engine raised AttributeError: 'dict' object has no attribute 'id'"
    ]


def test_a_history_that_is_shorter_in_memory_is_no_difference() -> None:
    history = [Interaction(NOON, f"{number}") for number in range(100)]
    kept = pet(conversation_history=history[-10:])
    assert differences(kept, pet(conversation_history=history)) == []
    shifted = pet(conversation_history=[*history[1:], Interaction(NOON, "again")])
    assert differences(kept, shifted) == ["user-0: user_input of the last interaction 'again' stored, '99' answered"]


@pytest.mark.parametrize(
    ("hours", "fields", "explained"),
    [
        (0.4, {"energy": 99}, False),
        (0.5, {"energy": 99}, True),
        (0.5, {"energy": 98}, False),
        (5, {"energy": 90}, True),
        (5, {"energy": 101}, False),
        (0.9, {"happiness": 49}, False),
        (1, {"happiness": 49}, True),
        (5, {"weight": 19}, False),
        (45, {"energy": 10, "weight": 1}, True),
        (2, {"evolution_timer": 2.0}, True),
        (2, {"evolution_timer": 2.1}, False),
        (2, {"last_interaction": NOON + timedelta(hours=2)}, True),
        (2, {"last_interaction": NOON - timedelta(microseconds=1)}, False),
        (5, {"hp": 99}, False),
    ],
)
def test_only_what_time_explains_may_differ(hours: float, fields: dict[str, Any], explained: bool) -> None:
    before, after = (pet(life_stage="baby", **given) for given in ({}, fields))
    found = differences(before, after, NOON + timedelta(hours=hours))
    assert (found == []) is explained


@pytest.mark.end_to_end
def test_a_new_process_of_the_same_engine_compares(engine: Callable[..., Driven], tmp_path: Path) -> None:
    driven = engine()
    answered = asked(driven)
    assert compare_afresh(driven.database, answered, len(answered), tmp_path, ROOT) == Fidelity(3, 0, ())
    change(driven.database, "UPDATE digipals SET mp = mp + 1, hp = hp + 1")
    checkout = make_checkout(tmp_path / "theirs")
    found = compare_afresh(driven.database, answered, len(answered), tmp_path, checkout)
    assert (found.compared, found.differences, len(found.examples)) == (3, 4, 4)


@pytest.mark.end_to_end
def test_a_process_that_comes_to_no_result_is_a_difference_of_every_pet(tmp_path: Path) -> None:
    answered = list(answers(_answering(pet()), ["user-0", "user-1"]))
    (tmp_path / "broken.db").write_text("no database")
    broken = compare_afresh(tmp_path / "broken.db", answered, len(answered), tmp_path, ROOT)
    assert (broken.differences, len(broken.examples)) == (2, 1)
    assert broken.examples[0].startswith("a new process cannot read the database: StorageError: ")
    late = compare_afresh(tmp_path / "broken.db", answered, len(answered), tmp_path, ROOT, limit_s=0)
    assert late == Fidelity(2, 2, ["the new process did not finish within 0 s: it printed nothing"])
    package = make_checkout(tmp_path / "theirs") / "digipal" / "__init__.py"
    package.write_text("import os\nprint('I give up', flush=True)\nos._exit(3)\n")
    ended = compare_afresh(tmp_path / "broken.db", answered, len(answered), tmp_path, tmp_path / "theirs")
    assert ended.examples == ["the new process ended with code 3: I give up"]
