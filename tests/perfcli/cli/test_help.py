"""Every command helps: with an example that parses, and with the variables of its options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from perfcli.cli import cli


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, with the words it is called by."""
    yield path, command
    for name, each in command.commands.items() if isinstance(command, click.Group) else ():
        yield from commands(each, (*path, name))


ALL = dict(commands(cli))


def help_of(path: tuple[str, ...], columns: int = 100) -> str:
    """What `--help` prints."""
    result = CliRunner().invoke(cli, [*path, "--help"], prog_name="digipal-perf", terminal_width=columns)
    assert result.exit_code == 0
    return result.output


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_has_an_example_of_the_command(path: tuple[str, ...]) -> None:
    text = help_of(path)
    _, marked, examples = text.partition("Example")
    assert marked, "no example"
    assert re.search(rf"\bdigipal-perf {' '.join(path)}\b", examples)


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_examples_parse(path: tuple[str, ...]) -> None:
    for line in re.findall(r"^ +(digipal-perf .*)$", help_of(path), re.MULTILINE):
        words = shlex.split(re.split(r"\s{2,}| [|>] |\)\"", line)[0])[1:]
        context: click.Context = click.Context(cli)
        while words and isinstance(context.command, click.Group):
            command = context.command.commands[words[0]]
            context = command.make_context(words[0], words[1:], parent=context)
            words = words[1:]
        assert context.command is not cli


@pytest.mark.parametrize("path", [path for path, command in ALL.items() if not isinstance(command, click.Group)])
def test_help_names_the_variable_of_every_option(path: tuple[str, ...]) -> None:
    _, _, told = help_of(path).partition("\nEnvironment:\n")
    prefix = "_".join(["DIGIPAL_PERF", *path]).upper()
    options = [each for each in ALL[path].params if isinstance(each, click.Option)]
    for option in options:
        name = next(each for each in option.opts if each.startswith("--"))[2:].replace("-", "_").upper()
        assert "DIGIPAL_PERF_STORE" in told if name == "STORE" else prefix in told
        assert re.search(rf"\b{name}\b", told) or name == "STORE"
    assert bool(told) is bool(options)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_fits_eighty_columns(path: tuple[str, ...]) -> None:
    # what \b keeps as it is written may be as long as the code's own lines
    prose = help_of(path, 80).partition("Example")[0]
    assert max(map(len, prose.splitlines())) <= 80
