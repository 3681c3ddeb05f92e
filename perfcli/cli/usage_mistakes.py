"""Commands and options that do not exist or lack their value, and what to type instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import click

from perfcli.errors import nearest

_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
"""What editors and web pages make of a hyphen."""
_ELSEWHERE: Final = {"help": "--help", "version": "--version"}


def refuse_mistyped(command: click.Command, ctx: click.Context, args: Sequence[str]) -> None:
    """Refuse an option that begins with a dash that is no hyphen: it would be taken for an argument.

    Raises:
        click.UsageError: there is one.
    """
    for written in args:
        name, equals, value = written.lstrip(_DASHES + "-").partition("=")
        meant = f"{'-' if len(name) == 1 else '--'}{name}"
        if written[:1] in _DASHES and written and meant in options_of(command):
            message = f"{written!r:.60} begins with a dash that is no hyphen: write {meant}{equals}{value}"
            raise click.UsageError(message, ctx)


def options_of(command: click.Command) -> dict[str, click.Option]:
    """The options of a command by each of their names, with the hyphens."""
    options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
    return {name: option for option in options for name in (*option.opts, *option.secondary_opts)}


def explained(
    error: click.UsageError, command: click.Command, ctx: click.Context, args: Sequence[str]
) -> click.UsageError:
    """A mistake with options, with what to type instead; any other mistake unchanged."""
    if isinstance(error, click.NoSuchOption):
        # of -workers, click reports -w
        written = next((each.partition("=")[0] for each in args if each.startswith(error.option_name)), "")
        written = written or error.option_name
        return click.UsageError(f"No such option {written!r:.60}.{_option_instead(written, command, ctx)}", ctx)
    if isinstance(error, click.BadOptionUsage):
        option = options_of(command).get(error.option_name)
        if option is not None and option.is_flag:
            return click.UsageError(f"{error.option_name} takes no value: write it alone", ctx)
        if option is not None:
            form = f"{error.option_name} {option.metavar or 'VALUE'}"
            return click.UsageError(f"{error.option_name} needs a value: {form}", ctx)
    return error


def _option_instead(written: str, command: click.Command, ctx: click.Context) -> str:
    name = written.lstrip("-")
    if isinstance(command, click.Group):
        if name in command.commands:
            return f" {name} is a command: {ctx.command_path} {name}"
        owners = [owner for owner, each in command.commands.items() if written in options_of(each)]
        place = owners[0] if len(owners) == 1 else "COMMAND"
        return f" It belongs after a command: {ctx.command_path} {place} {written}" if owners else ""
    return _did_you_mean(f"--{name}", [*options_of(command), "--help"]) or _owners(written, ctx)


def _owners(written: str, ctx: click.Context) -> str:
    """The commands that have an option, in a sentence; "" if none has."""
    root = ctx.find_root().command
    commands = root.commands if isinstance(root, click.Group) else {}
    owners = [name for name, command in commands.items() if written in options_of(command)]
    return f" It is an option of {', '.join(owners)}." if owners else ""


def command_instead(args: Sequence[str], group: click.Group, ctx: click.Context) -> str:
    """What to type for a command that does not exist, in a sentence; "" if nothing is near.

    Args:
        args: the command and what follows it.
    """
    name, *rest = args
    if ctx.parent is None and (option := _ELSEWHERE.get(name)):
        return f" Write {' '.join([ctx.command_path, *(each for each in rest if each in group.commands), option])}"
    if ctx.parent is None and _is_scenario(name):
        return f" It is a scenario: {ctx.command_path} run {name}"
    return _did_you_mean(name.lower(), group.commands)


def _is_scenario(name: str) -> bool:
    from perfcli.scenario.library import SCENARIO_FILE, shipped_scenarios

    return name.endswith(SCENARIO_FILE.suffixes) or name in (path.stem for path in shipped_scenarios())


def _did_you_mean(written: str, known: Iterable[str]) -> str:
    """What begins so, else what is nearest."""
    names = list(known)
    near = [name for name in names if len(written) > 2 and name.startswith(written)] or [nearest(written, names)]
    return f" Did you mean {' or '.join(map(repr, near))}?" if all(near) else ""
