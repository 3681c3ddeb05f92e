"""Every command helps: with an example that parses, and with the variables of its options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from perfcli.cli import cli
from perfcli.cli.defaults import variables_of
from tests.test_words import TIRING


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
        variable = variables_of(option)[0]
        assert variable in told if not variable.startswith(prefix) else prefix in told
        assert re.search(rf"\b{name}\b", told) or not variable.startswith(prefix)
    assert bool(told) is bool(options)


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_fits(path: tuple[str, ...], columns: int) -> None:
    # click keeps examples and usage as they are written
    lines = [line for line in help_of(path, columns).splitlines() if "digipal-perf" not in line]
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_examples_fit_eighty_columns(path: tuple[str, ...]) -> None:
    assert max(map(len, help_of(path, 80).splitlines())) <= 80


GROUPS = [path for path, command in ALL.items() if isinstance(command, click.Group)]


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_each_summary_fits_a_line_of_eighty_columns(path: tuple[str, ...]) -> None:
    group = ALL[path]
    assert isinstance(group, click.Group)
    lines = help_of(path, 80).splitlines()
    for name, command in group.commands.items():
        summary = command.get_short_help_str(limit=1_000)
        assert "…" not in summary
        assert "..." not in summary
        assert [line for line in lines if re.fullmatch(rf"  {name} +{re.escape(summary)}", line)], summary


def test_commands_stand_below_headings() -> None:
    headings = re.findall(r"^(\w[\w ]+):$", help_of((), 80), re.MULTILINE)
    assert headings == ["Options", "Run", "Compare", "Look back", "Write scenarios"]


OPTIONS = [
    pytest.param(path, option, id=" ".join([*path, option.opts[0]]))
    for path, command in ALL.items()
    for option in command.params
    if isinstance(option, click.Option) and path
]


@pytest.mark.parametrize(("path", "option"), OPTIONS)
def test_each_option_says_its_default(path: tuple[str, ...], option: click.Option) -> None:
    record = option.get_help_record(click.Context(ALL[path], info_name=path[-1]))
    assert record is not None
    assert re.search(r"\[(.*; )?(default: [^];]+|required)[];]", record[1])
    assert not re.search(r"default: (None|True|False|\"\"|\(\))", record[1])


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_plain(path: tuple[str, ...]) -> None:
    assert not TIRING.findall(help_of(path))
