"""The model of a step that an own operation makes: what it is called with, and on which targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from perfcli.operations.base import Effects
from perfcli.operations.binding import EmbeddedVu, ToolVu
from perfcli.operations.own.step import OwnStep, knowing, known_operations, step_models
from tests.perfcli.operations.own.files import operation_file

HEAD = "from perfcli.operations import operation\n@operation\n"


def model(function: str) -> type[OwnStep]:
    (made,) = step_models(operation_file(HEAD + function + "\n", "own.py")).values()
    return made


class Vu:
    """Of a target: notes what is bound."""

    def own(self, operation: str, settings: Mapping[str, Any], place: int) -> tuple[str, Mapping[str, Any], int]:
        return operation, settings, place


def test_both_targets_bind_the_function_with_its_arguments() -> None:
    step = model("async def f(ctx, a: int = 1): pass").model_validate({"a": 7})
    bound = ("f", {"a": 7}, 3)
    assert step.bind_embedded(cast(EmbeddedVu, Vu()), 3) == bound
    assert step.bind_mcp(cast(ToolVu, Vu()), 3) == bound


@pytest.mark.parametrize(
    ("function", "targets", "needs_pet", "effects"),
    [
        ("def f(ctx): pass", ("embedded",), False, Effects()),
        ("async def f(ctx): pass", ("embedded", "mcp"), False, Effects()),
        ("async def f(ctx): await ctx.call_tool('x')", ("mcp",), False, Effects(may_do_anything=True)),
        ("def f(ctx): ctx.user", ("embedded",), True, Effects()),
        ("def f(ctx): ctx.pet()", ("embedded",), True, Effects()),
        ("def f(ctx): ctx.wrote(name='x')", ("embedded",), True, Effects(writes_fields=True, fields=("name",))),
        ("def f(ctx): ctx.storage", ("embedded",), False, Effects(may_do_anything=True)),
        ("async def f(ctx): ctx.engine", ("embedded",), False, Effects(may_do_anything=True)),
        ("async def f(ctx): helper(ctx)", ("embedded", "mcp"), True, Effects(writes_fields=True, may_do_anything=True)),
    ],
)
def test_the_source_shows_what_a_step_needs(
    function: str, targets: tuple[str, ...], needs_pet: bool, effects: Effects
) -> None:
    made = model(function)
    assert (made.targets, made.needs_pet) == (targets, needs_pet)
    assert made.model_validate({}).effects == effects


def test_equal_declarations_share_their_models() -> None:
    assert model("def f(ctx, a: int = 1): pass") is model("def f(ctx, a: int = 1): return")
    assert model("def f(ctx, a: int = 1): pass") is not model("def f(ctx, a: int = 2): pass")


def test_operations_are_known_inside_the_block_only() -> None:
    first = operation_file(HEAD + "def f(ctx, a: int = 1): pass\n", "a.py")
    second = operation_file(HEAD + "def f(ctx): pass\n@operation\ndef g(ctx): pass\n", "b.py")
    with knowing([first, second]):
        known = known_operations()
        assert set(known.models) == {"f", "g"}
        assert [each.name for each in known.models["f"].declared.parameters] == ["a"]
        assert known.places == {"f": "a.py:3", "g": "b.py:5"}
        with knowing([]):
            assert not known_operations().models
        assert known_operations() is known
    assert not known_operations().models
