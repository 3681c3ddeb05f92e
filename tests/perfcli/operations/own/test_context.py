"""What an own operation can do with its context, and how misuse of it becomes a failure with a line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from perfcli.operations import Context, operation
from perfcli.operations.own.context import MARK, CheckFailed, Misuse, Surroundings


@dataclass
class Pet:
    name: str = "Digi"
    conversation_history: list[str] = field(default_factory=list)
    personality_traits: dict[str, float] = field(default_factory=dict)


class Stage(Enum):
    BABY = "baby"


@dataclass
class Sealed:
    """A pet of an engine that uses slots."""

    __slots__ = ("learned",)
    learned: list[str]


def around(folder: Path = Path("unused"), **other: Any) -> Surroundings:
    ticks = count(1)
    given = {
        "described": "f(length=8)",
        "shown": "mine.py",
        "path": __file__,
        "vu": 3,
        "counters": ("letters",),
        "user_of": lambda index: f"user-{index}",
        "folder": folder,
        "now_ns": lambda: next(ticks),
        "random": Random("seed"),
        "engine": "core",
        "storage": "storage",
        "load_pet": lambda user: Pet(),
    }
    return Surroundings(**{**given, **other})


@pytest.fixture
def ctx() -> Context:
    return Context(around(), 7)


def test_it_knows_the_engine_the_storage_and_the_user(ctx: Context) -> None:
    assert (ctx.engine, ctx.storage, ctx.user, ctx.vu) == ("core", "storage", "user-7", 3)


@pytest.mark.parametrize("use", [lambda c: c.engine, lambda c: c.storage, lambda c: c.pet()])
def test_another_process_has_no_engine_to_offer(use: Callable[[Context], object]) -> None:
    ctx = Context(around(engine=None, storage=None, load_pet=None), 0)
    with pytest.raises(Misuse, match=r"^mine\.py, line \d+: ctx\.\w+.* needs the embedded target; on mcp call "):
        use(ctx)


def test_a_scenario_without_pets_has_no_user() -> None:
    with pytest.raises(Misuse, match=r"the scenario has no pets: add setup: \{pets: 1\}"):
        Context(around(), -2).user  # noqa: B018 - to ask is what fails


def test_a_line_in_a_mistake_is_that_of_the_file(ctx: Context) -> None:
    with pytest.raises(Misuse) as caught:
        ctx.count("words")
    here = caught.traceback[0].lineno + 1
    assert str(caught.value) == (
        f"mine.py, line {here}: counter 'words' is not declared in @operation(counters=…); declared: letters"
    )


def test_a_pet_is_a_private_copy() -> None:
    stored = Pet("Digi", ["hello"], {"shy": 0.5})
    pet = Context(around(load_pet=lambda user: stored), 0).pet()
    pet.name = "other"
    pet.conversation_history.append("more")
    pet.personality_traits.clear()
    assert stored == Pet("Digi", ["hello"], {"shy": 0.5})


def test_a_pet_with_slots_is_copied_too() -> None:
    stored = Sealed(["eat"])
    pet = Context(around(load_pet=lambda user: stored), 0).pet()
    pet.learned.append("sleep")
    assert (type(pet), stored.learned) == (Sealed, ["eat"])


def test_a_pet_that_is_not_stored_is_a_failed_check() -> None:
    ctx = Context(around(load_pet=lambda user: None), 0)
    with pytest.raises(CheckFailed, match="no pet is stored for the user"):
        ctx.pet()
    assert ctx.failure == "no pet is stored for the user"


def test_texts_come_from_the_seed() -> None:
    first, second = (Context(around(), 0) for _ in range(2))
    assert first.text(12) == second.text(12)
    assert first.text(12) != first.text(12)
    assert len(first.text(0)) == 0
    assert set(first.text(500)) == set("abcdefghijklmnopqrstuvwxyz")


def test_a_block_takes_the_place_of_the_function(ctx: Context) -> None:
    ctx.began_ns = 1_000
    with ctx.timed():
        pass
    ctx.ended_ns = 5_000
    assert (ctx.start_ns, ctx.end_ns, ctx.preparation_ns) == (1, 2, -999)
    assert ctx.unfinished() == ""


def test_without_a_block_the_function_is_timed(ctx: Context) -> None:
    ctx.began_ns, ctx.ended_ns = 1_000, 5_000
    assert (ctx.start_ns, ctx.end_ns, ctx.preparation_ns) == (1_000, 5_000, 0)


def test_what_is_raised_in_a_block_ends_it(ctx: Context) -> None:
    with pytest.raises(ValueError, match="no"), ctx.timed():
        raise ValueError("no")
    assert (ctx.start_ns, ctx.end_ns) == (1, 2)


def test_a_second_block_is_refused_even_if_the_function_catches_that(ctx: Context) -> None:
    with ctx.timed():
        pass
    with pytest.raises(Misuse, match="a second"):
        ctx.timed()
    assert ctx.failure.endswith("a second ctx.timed() in one call")
    assert (ctx.start_ns, ctx.end_ns) == (1, 2)


def test_a_block_cannot_be_entered_twice(ctx: Context) -> None:
    block = ctx.timed()
    with block:
        pass
    with pytest.raises(Misuse, match="a second"), block:
        pass
    assert (ctx.start_ns, ctx.end_ns) == (1, 2)


def test_a_block_within_itself_is_refused(ctx: Context) -> None:
    with pytest.raises(Misuse, match="a second"), ctx.timed(), ctx.timed():
        pass
    assert (ctx.start_ns, ctx.end_ns) == (1, 2)


def test_timed_without_with_is_noticed(ctx: Context) -> None:
    ctx.timed()
    assert ctx.unfinished() == "mine.py: ctx.timed() was not used: write with ctx.timed():"


@pytest.mark.parametrize("ok", [True, 1, "text", [0]])
def test_what_is_true_passes(ctx: Context, ok: object) -> None:
    ctx.check(ok, "no")
    assert ctx.failure == ""


@pytest.mark.parametrize("ok", [False, 0, "", None, []])
def test_what_is_not_fails_with_its_text(ctx: Context, ok: object) -> None:
    with pytest.raises(CheckFailed, match=r"^save_pet returned False$"):
        ctx.check(ok, "save_pet returned False")
    with pytest.raises(CheckFailed):
        ctx.check(ok, "later")
    assert ctx.failure == "save_pet returned False"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("two\nlines ", "two lines"),
        ("x" * 500, "x" * 120 + "…"),
        ("", "a check failed"),
        (ValueError("no"), "no"),
        ("\ud800", "\\ud800"),
    ],
)
def test_the_text_of_a_check_fits_in_a_line(ctx: Context, text: Any, kind: str) -> None:
    with pytest.raises(CheckFailed):
        ctx.check(False, text)
    assert ctx.failure == kind


def test_counts_add_up(ctx: Context) -> None:
    ctx.count("letters", 3)
    ctx.count("letters")
    ctx.count("letters", 0.5)
    assert ctx.counts == {"letters": 4.5}


@pytest.mark.parametrize("value", ["3", None, float("nan"), float("inf"), [1], 10**400, -(10**16)])
def test_only_numbers_count(ctx: Context, value: Any) -> None:
    with pytest.raises(Misuse, match=r"takes a number up to 10\^15, not \w+"):
        ctx.count("letters", value)
    assert ctx.counts == {}


def test_writes_hold_the_last_value(ctx: Context) -> None:
    ctx.wrote(name="one", hp=3)
    ctx.wrote(name="two")
    assert ctx.written == {"name": "two", "hp": 3}


def test_a_member_of_an_enum_is_written_as_its_value(ctx: Context) -> None:
    ctx.wrote(name=Stage.BABY)
    assert ctx.written == {"name": "baby"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, r"takes fields of the pet: ctx\.wrote\(name=pet\.name\)"),
        ({"title": "x"}, r"ctx\.wrote\(title=…\): no such field; it takes name, life_stage"),
        ({"name": ["x"]}, r"ctx\.wrote\(name=…\) takes a text, a number or None, not list"),
        ({"hp": float("nan")}, r"ctx\.wrote\(hp=…\) takes a text, a number or None, not one beyond 10\^15"),
        ({"hp": 10**5000}, r"ctx\.wrote\(hp=…\) takes a text, a number or None, not one beyond 10\^15"),
        ({"name": "x" * 10_001}, r"takes a text, a number or None, not one of 10,001 characters: at most 10,000"),
    ],
)
def test_other_writes_are_refused_whole(ctx: Context, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Misuse, match=message):
        ctx.wrote(**{"hp": 1, **fields} if fields and "hp" not in fields else fields)
    assert ctx.written == {}


def test_a_field_with_marks_of_save_pet_is_refused() -> None:
    ctx = Context(around(refused_fields={"name": "save_pet marks it"}), 0)
    with pytest.raises(Misuse, match=r"ctx\.wrote\(name=…\): save_pet marks it"):
        ctx.wrote(name="x")


def test_its_folder_is_made_when_asked_for(tmp_path: Path) -> None:
    ctx = Context(around(tmp_path / "files" / "vu-3"), 0)
    assert not (tmp_path / "files").exists()
    (ctx.folder / "backup.json").write_text("{}", encoding="utf-8")
    assert (tmp_path / "files" / "vu-3" / "backup.json").exists()


def test_a_tool_is_called_with_its_arguments() -> None:
    async def call(tool: str, arguments: Any) -> Any:
        return {"tool": tool, **arguments}

    ctx = Context(around(call_tool=call), 0)

    async def use() -> Any:
        return await ctx.call_tool("rename_pet", user_id=ctx.user, tool="x")

    assert asyncio.run(use()) == {"tool": "x", "user_id": "user-0"}
    assert ctx.unfinished() == ""


def test_a_tool_that_is_not_awaited_is_noticed() -> None:
    async def call(tool: str, arguments: Any) -> Any:
        raise AssertionError

    ctx = Context(around(call_tool=call), 0)
    ctx.call_tool("rename_pet").close()  # type: ignore[attr-defined]
    assert ctx.unfinished() == "mine.py: ctx.call_tool was not awaited"


def test_the_engine_in_this_process_has_no_tools(ctx: Context) -> None:
    with pytest.raises(Misuse, match="needs target: mcp"):
        ctx.call_tool("rename_pet")


def test_the_decorator_marks_and_changes_nothing() -> None:
    def plain(ctx: Context) -> int:
        return 3

    assert operation(plain) is plain
    assert getattr(plain, MARK) == {}
    assert operation(counters={"letters": "count"})(plain) is plain
    assert getattr(plain, MARK) == {"letters": "count"}
    assert operation()(plain) is plain
