"""The variables of options: DIGIPAL_PERF_, the command and the option's long name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

import click

from perfcli.streams import complain

_PREFIX: Final = "DIGIPAL_PERF"


def options_of(command: click.Command) -> dict[str, click.Option]:
    """The options of a command, or of all commands of a group, by each of their long names."""
    found: dict[str, click.Option] = {}
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        found |= options_of(each)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.expose_value:
            found |= {name.removeprefix("--"): parameter for name in parameter.opts if name.startswith("--")}
    return found


def words_of(ctx: click.Context) -> list[str]:
    """The command as it is typed, without the program: baseline, save."""
    return [*words_of(ctx.parent), ctx.info_name or ""] if ctx.parent else []


def variable_of(words: Sequence[str], option: str) -> str:
    """The variable of a command's option, e.g. DIGIPAL_PERF_RUN_SEED."""
    return "_".join([_PREFIX, *words, option]).replace("-", "_").upper()


def variables_of(parameter: click.Parameter) -> list[str]:
    """The variables that were given to a parameter."""
    given = parameter.envvar or []
    return [given] if isinstance(given, str) else list(given)


def name_variables(command: click.Command, words: Sequence[str] = ()) -> None:
    """Give each option of a command, or of all below a group, its variables; one that has its own keeps it.

    Once, from the top: the name of a context depends on who made it, and an option keeps what it was given.
    """
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            name_variables(each, [*words, name])
        return
    names: dict[click.Option, list[str]] = {}
    for name, option in options_of(command).items():
        names.setdefault(option, []).append(variable_of(words, name))
    for option, variables in names.items():
        option.envvar = option.envvar or variables


def warn_of_unknown_variables(root: click.Group) -> None:
    """Say on stderr which variables look like those of options, and are of none: a typo would change nothing."""
    written = [name for name in os.environ if name.startswith(f"{_PREFIX}_")]
    known = sorted({each for option in _all_options(root) for each in variables_of(option)}) if written else []
    for name in written:
        if name not in known:
            from perfcli.thresholds import did_you_mean

            told = f"{name} in the environment is of no option{did_you_mean([name], known)}"
            complain(f"Warning: {told}; they are {_PREFIX}_COMMAND_OPTION, and {_PREFIX}_STORE")


def _all_options(command: click.Command) -> Iterator[click.Option]:
    """Every option of every command, each of those that share a name too."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _all_options(each)
    else:
        yield from options_of(command).values()
