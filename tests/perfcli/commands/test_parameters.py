"""Options and arguments declared as the fields of a class: what click makes of them, and the object that comes back."""

from __future__ import annotations

import inspect
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import click
import pytest

from perfcli import cli as command_line
from perfcli.commands.parameters import (
    DIRECTORY,
    FILE,
    argument,
    files_by_format,
    filled,
    group,
    option,
    options,
    parameters_of,
)
from perfcli.formats import FORMATS


@options
class Inner:
    """Options that several commands share."""

    size: int | None = option("--size", "-s", type=int)
    words: tuple[str, ...] = option("--word", multiple=True)


@options
class Outer:
    """A command."""

    name: str = argument("NAME")
    rest: tuple[Path, ...] = argument("[FILE]...", nargs=-1, type=FILE)
    loud: bool = option("--loud", is_flag=True)
    inner: Inner = group(Inner)
    least: Inner = group(Inner, without=("words", "size"))
    files: dict[str, Path] = files_by_format()
    folder: Path = option("--folder", type=DIRECTORY, default=Path("here"))


def parse(*words: str) -> Outer:
    taken: list[dict[str, Any]] = []
    command = click.Command("outer", params=parameters_of(Outer), callback=lambda **given: taken.append(given))
    command.main(list(words), standalone_mode=False)
    return filled(Outer, taken[0])


def test_parameters_stand_in_the_order_of_fields_those_of_a_group_in_its_place() -> None:
    names = [parameter.name for parameter in parameters_of(Outer)]
    assert names == ["name", "rest", "loud", "size", "words", *FORMATS, "folder"]


def test_an_object_holds_what_was_typed() -> None:
    outer = parse(
        "pet", "a.json", "-", "--loud", "-s", "3", "--word", "x", "--word", "y", "--csv", "c", "--folder", "f"
    )
    assert (outer.name, outer.rest, outer.loud) == ("pet", (Path("a.json"), Path("-")), True)
    assert (outer.inner.size, outer.inner.words) == (3, ("x", "y"))
    assert outer.files == {"csv": Path("c")}
    assert outer.folder == Path("f")


def test_what_was_not_typed_has_the_defaults_of_an_object_made_by_hand() -> None:
    typed, made = parse("pet"), Outer(name="pet")
    for outer in (typed, made):
        assert (outer.rest, outer.loud, outer.inner.size, outer.inner.words) == ((), False, None, ())
        assert (outer.files, outer.folder) == ({}, Path("here"))


def test_options_that_a_group_leaves_out_keep_their_defaults() -> None:
    least = parse("pet", "--size", "3", "--word", "x").least
    assert (least.size, least.words) == (None, ())


@pytest.mark.parametrize("text", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_other_names_of_stdout_are_a_dash(text: str) -> None:
    assert parse("pet", text).rest == (Path("-"),)


def test_a_path_knows_home_and_holds_no_nul(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert parse("pet", "~/r.json").rest == (Path("/home/ada/r.json"),)
    with pytest.raises(click.BadParameter, match="NUL"):
        parse("pet", "a\0b")


@pytest.mark.parametrize(
    ("declared", "function"),
    [each for table in (*command_line._COMMANDS.values(), command_line._BASELINE) for each in table.values()],
    ids=str,
)
def test_each_command_calls_a_function_that_takes_its_options(declared: str, function: str) -> None:
    called = resolve_name(f"perfcli.commands.{function}")
    taken = [parameter.annotation for parameter in inspect.signature(called).parameters.values()]
    assert taken == [declared.partition(":")[2], "Context"]
    assert inspect.signature(called).return_annotation == "int"
    assert resolve_name(f"perfcli.commands.{declared}").__doc__
