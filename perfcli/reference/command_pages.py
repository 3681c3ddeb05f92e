"""What the command line takes and gives: every option with its default, every exit code."""

from __future__ import annotations

import inspect
import re
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

Tell from a command's exit code what happened. With several scenarios the most severe code wins.

"""
_DEFAULT: Final = re.compile(r"\s*(?:\(default:? ([^)]*)\)|Default: (.*?)\.?)$", re.IGNORECASE)
"""A default that the help of an option tells in words, at its end."""


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
    given = [each for each in command.params if isinstance(each, click.Option)]
    rows = table(("option", "default", "meaning", "variable"), map(_row, given)) if given else "It has no options.\n"
    return f"## `{' '.join(['digipal-perf', words, *usage])}`\n\n{what}\n\n{rows}"


def _row(option: click.Option) -> list[str]:
    help_text = option.help or ""
    in_words = _DEFAULT.search(help_text)
    default = next(filter(None, in_words.groups()), "") if in_words else _default(option)
    names = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    value = "" if option.is_flag or option.count else f" {option.metavar or option.type.name.upper()}"
    meaning = help_text[: in_words.start()] if in_words else help_text
    cells = [f"`{names}{value}`", default, meaning, " ".join(f"`{each}`" for each in variables_of(option))]
    return [cell.replace("|", r"\|") for cell in cells]


def _default(option: click.Option) -> str:
    """What the option is if nobody sets it; empty for nothing."""
    match option.default:
        case bool(is_on):
            return "on" if is_on and option.secondary_opts else ""
        case None | ():
            return ""
        case int(0) if option.count:
            return ""
        case list() | tuple() as values:
            return ", ".join(map(str, values))
        case value if callable(value) or "Sentinel" in type(value).__name__:
            return ""
        case value:
            return str(value)
