"""Options and arguments without text: `--baseline "$UNSET"` must not quietly compare nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from perfcli.cli import cli


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The commands that do something, with the words they are called by."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, each in command.commands.items():
        yield from leaves(each, (*path, name))


OPTIONS = [
    (path, name)
    for path, command in leaves(cli)
    for option in command.params
    if isinstance(option, click.Option) and not option.is_flag
    for name in option.opts
]
ARGUMENTS = [path for path, command in leaves(cli) if any(isinstance(each, click.Argument) for each in command.params)]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGIPAL_PERF_STORE", raising=False)


def refused(*arguments: str, **environment: str) -> str:
    """What is said of a command that must not run, on one line."""
    result = CliRunner().invoke(cli, arguments, env=environment)
    assert result.exit_code == 2, result.output
    return " ".join(result.stderr.split())


def test_there_are_options_and_arguments_to_look_at() -> None:
    assert len(OPTIONS) > 40
    assert len(ARGUMENTS) > 10


@pytest.mark.slow
@pytest.mark.parametrize(("path", "option"), OPTIONS, ids=str)
def test_every_option(path: tuple[str, ...], option: str) -> None:
    for empty in ("", " ", "\t\n"):
        assert "it is empty. Is a shell variable unset? Give a value, or drop the option." in refused(
            *path, option, empty
        )


@pytest.mark.parametrize("path", ARGUMENTS, ids=" ".join)
def test_every_argument(path: tuple[str, ...]) -> None:
    for empty in ("", "  "):
        assert "it is empty. Is a shell variable unset? Give a value, or drop the argument." in refused(*path, empty)


def test_the_option_is_named() -> None:
    assert "Invalid value for '--baseline'" in refused("run", "pet_creation", "--baseline=")
    assert "Invalid value for '--tag'" in refused("run", "--tag", "quick", "--tag", "")
    assert "Invalid value for '[NAME|FILE|DIR]...'" in refused("run", "pet_creation", "")


def test_a_variable_of_blanks_is_a_mistake_and_an_empty_one_is_unset() -> None:
    told = refused("plan", "pet_creation", DIGIPAL_PERF_PLAN_DURATION=" ")
    assert "DIGIPAL_PERF_PLAN_DURATION holds only blanks: set it to a value, or unset it." in told
    result = CliRunner().invoke(cli, ["plan", "pet_creation"], env={"DIGIPAL_PERF_PLAN_DURATION": ""})
    assert result.exit_code == 0
