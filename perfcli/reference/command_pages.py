"""What the command line takes and gives: every option with its default, every exit code."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

import click

from perfcli.cli import cli
from perfcli.cli.defaults import variables_of
from perfcli.errors import ExitCode
from perfcli.report.markdown_tables import table

_OPTIONS: Final = """# Options

Find each option of a command, with its default and the environment variable that sets it. `digipal-perf COMMAND --help`
prints the same with examples; a [project file](../command-line.md#options-of-a-project) takes the long names.

"""
_EXIT_CODES: Final = """# Exit codes

See from a command's exit code what happened. With several scenarios the most severe code wins.

"""


def options() -> str:
    """A section for each command."""
    return _OPTIONS + "\n".join(_section(words, command) for words, command in _commands(cli))


def exit_codes() -> str:
    """A table of all exit codes."""
    return _EXIT_CODES + table(("code", "meaning"), ([str(code.value), code.meaning] for code in ExitCode))


def _commands(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    """The commands that do something, by all their words."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _commands(inner, *path, name)
    else:
        yield " ".join(path), command


def _section(words: str, command: click.Command) -> str:
    usage = [each.metavar for each in command.params if isinstance(each, click.Argument) and each.metavar]
    what = " ".join(inspect.cleandoc(command.help or "").partition("\b")[0].split())
    rows = [_row(each, click.Context(command)) for each in command.params if isinstance(each, click.Option)]
    listed = table(("option", "default", "meaning", "variable"), rows) if rows else "It has no options.\n"
    return f"## `{' '.join(['digipal-perf', words, *usage])}`\n\n{what}\n\n{listed}"


def _row(option: click.Option, ctx: click.Context) -> list[str]:
    names = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    value = "" if option.is_flag or option.count else f" {option.metavar or option.type.name.upper()}"
    variables = " ".join(f"`{each}`" for each in variables_of(option))
    cells = [f"`{names}{value}`", option.get_help_extra(ctx).get("default", ""), option.help or "", variables]
    return [cell.replace("|", r"\|") for cell in cells]
