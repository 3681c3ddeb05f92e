"""What options are when the command line does not say: of the environment, else of the project's file.

The file is the nearest one upward from the working directory: digipal-perf.toml, or a pyproject.toml with a table
[tool.digipal-perf]. Its keys are the long names of options. A table is of one command; a key outside of them is of
every command that has such an option.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from perfcli.errors import UsageError, did_you_mean, name_to_use
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


def name_variables(command: click.Command, words: Sequence[str]) -> None:
    """Give each option of a command its variables; one that has its own keeps it.

    Args:
        words: the command as you type it. The name of a context depends on who made it.
    """
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
            unknown = f"environment variable {name} belongs to no option{did_you_mean([name], known)}"
            complain(f"Warning: {unknown}. Variables are named {_PREFIX}_COMMAND_OPTION, e.g. {_PREFIX}_RUN_SEED")


def _all_options(command: click.Command) -> Iterator[click.Option]:
    """Every option of every command, each of those that share a name too."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _all_options(each)
    else:
        yield from options_of(command).values()


OWN_FILE: Final = "digipal-perf.toml"
SHARED_FILE: Final = "pyproject.toml"
_META: Final = "perfcli.project_file"


def take_project_file(root: click.Group, ctx: click.Context, *, or_none: bool) -> None:
    """Read the project's file, if there is one, as the defaults of all commands.

    Args:
        or_none: do without a file that is wrong, as while a shell asks for completion.

    Raises:
        UsageError: it cannot be read, or says what no command knows.
    """
    try:
        for file, table in _project_file(Path.cwd()):
            ctx.default_map = _of_group(root, table, file)
            ctx.meta[_META] = file
    except UsageError:
        if not (or_none or ctx.resilient_parsing):
            raise


def project_files(ctx: click.Context) -> list[Path]:
    """The project's file, if one was read: a command must not write over it."""
    return [ctx.meta[_META]] if _META in ctx.meta else []


def origin_of(parameter: click.Parameter | None, ctx: click.Context) -> str:
    """Where a value stands that was not given on the command line, in parentheses; "" where it was."""
    origin = _origin(parameter, ctx)
    return f" (from {origin})" if origin else ""


def origins_in(message: str, ctx: click.Context) -> str:
    """Where the options that a message names were set, if not on the command line; "" if all were."""
    named = set(re.findall(r"--[a-z][a-z-]*", message))
    options = [each for each in ctx.command.params if isinstance(each, click.Option) and named.intersection(each.opts)]
    origins = {named.intersection(option.opts).pop(): _origin(option, ctx) for option in options}
    return "; ".join(f"{option} comes from {origin}" for option, origin in origins.items() if origin)


def _origin(parameter: click.Parameter | None, ctx: click.Context) -> str:
    source = ctx.get_parameter_source(parameter.name) if parameter and parameter.name else None
    if source is ParameterSource.ENVIRONMENT and parameter is not None:
        return ", ".join(name for name in variables_of(parameter) if os.environ.get(name))
    return str(ctx.meta[_META]) if source is ParameterSource.DEFAULT_MAP else ""


def write_help(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """The variables of a command's options, and its table of a project's file."""
    options = options_of(ctx.command)
    if not options:
        return
    prefix = variable_of(words_of(ctx), "")
    names = list(dict.fromkeys(variables_of(option)[0] for option in options.values()))
    own = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    others = [name for name in names if not name.startswith(prefix)]
    table, key = ".".join(words_of(ctx)), next(iter(options))
    with formatter.section("Environment"):
        formatter.write_text("; ".join(others + [f"{prefix}… with {', '.join(own)}"] * bool(own)))
    with formatter.section("Project file"):
        formatter.write_text(f"[{table}] in {OWN_FILE}, or [tool.digipal-perf.{table}] in {SHARED_FILE}: {key} = …")


def _project_file(start: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The nearest file and its table; nothing where there is none."""
    for directory in [start, *start.parents]:
        if (directory / OWN_FILE).is_file():
            table = _read(directory / OWN_FILE)
            if "tool" in table:
                raise UsageError(f"{directory / OWN_FILE}: write [run] here, not [tool.digipal-perf.run]")
            yield directory / OWN_FILE, table
            return
        if (directory / SHARED_FILE).is_file():
            tool = _read(directory / SHARED_FILE).get("tool", {})
            if isinstance(tool, dict) and "digipal-perf" in tool:
                yield (
                    directory / SHARED_FILE,
                    _table(tool["digipal-perf"], directory / SHARED_FILE, ["tool", "digipal-perf"]),
                )
                return


def _table(written: Any, file: Path, words: Sequence[str]) -> dict[str, Any]:
    if not isinstance(written, dict):
        raise UsageError(f"{file}: {'.'.join(words)}: expected a table, not {_shown(written)}")
    return written


def _read(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: byte {error.start + 1} is not UTF-8: save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:  # not TOML, or nested too deep
        table = "[run]" if file.name == OWN_FILE else "[tool.digipal-perf.run]"
        raise UsageError(
            f"{file}: not TOML: {error}", hint=f"write tables of options, e.g. {table} and below it workers = 20"
        ) from error


def _of_group(group: click.Group, table: Mapping[str, Any], file: Path, words: Sequence[str] = ()) -> dict[str, Any]:
    """click's defaults of the commands of a group, from its table."""
    for name in table.keys() & group.commands.keys() - options_of(group).keys():
        _table(table[name], file, [*words, name])
    shared = {key: value for key, value in table.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    _refuse_unknown(tables, group.commands, _place(file, words, "table"))
    _refuse_unknown(shared, options_of(group), _place(file, words, "key"))
    for key, written in shared.items():
        _value(options_of(group)[key], written, file, f"{file}: {'.'.join([*words, key])}")
    return {
        name: _of_command(
            command,
            {key: value for key, value in shared.items() if key in options_of(command)} | tables.get(name, {}),
            file,
            [*words, name],
        )
        for name, command in group.commands.items()
    }


def _of_command(command: click.Command, table: dict[str, Any], file: Path, words: Sequence[str]) -> dict[str, Any]:
    if isinstance(command, click.Group):
        return _of_group(command, table, file, words)
    options = options_of(command)
    _refuse_unknown(table, options, _place(file, words, "key"))
    values: dict[str, Any] = {}
    for key, written in table.items():
        name, place = str(options[key].name), f"{file}: {'.'.join([*words, key])}"
        if name in values:
            other = next(each for each in table if options[each] is options[key])
            raise UsageError(f"{place}: {key} and {other} are the same option", hint="keep one of them")
        values[name] = _value(options[key], written, file, place)
    return values


def _place(file: Path, words: Sequence[str], what: str) -> str:
    table = f"[{'.'.join(words)}]: " if words else ""
    return f"{file}: {table}unknown {what} "


def _refuse_unknown(written: Iterable[str], known: Iterable[str], place: str) -> None:
    listing = sorted(known)
    for key in written:
        if key not in listing:
            meant = name_to_use([key], listing) or ": remove it, as this command has no options"
            raise UsageError(f"{place}{key!r:.60}{meant}")


def _value(option: click.Option, written: Any, file: Path, place: str) -> Any:
    """A value as click takes it; a path is seen from the directory of the file."""
    if isinstance(written, list) and option.multiple:
        return [_value_of_one(option, each, f"{place}[{index}]") for index, each in enumerate(written)]
    value = _value_of_one(option, written, place)
    if isinstance(option.type, click.Path) and value != "-":
        return str(file.parent / os.path.expanduser(value))
    return [value] if option.multiple else value


def _value_of_one(option: click.Option, written: Any, place: str) -> Any:
    """A value of exactly the type that the option has: click would take 2.7 for 2, and 5 for the file "5"."""
    expected, form = _type_of(option)
    if type(written) is not expected:
        raise UsageError(f"{place}: expected {form}, not {_shown(written)}")
    if isinstance(written, str) and not written.strip():
        raise UsageError(f"{place} is empty", hint="give it a value, or remove the key")
    return written


def _type_of(option: click.Option) -> tuple[type, str]:
    if option.is_flag:
        return bool, "true or false"
    if isinstance(option.type, click.types.IntParamType):
        return int, "a whole number"
    return str, 'text in quotes ("…")'


def _shown(written: Any) -> str:
    """A value as TOML has it, in short."""
    if isinstance(written, bool):
        return str(written).lower()
    if isinstance(written, (list, dict)):
        return "a list" if isinstance(written, list) else "a table"
    return f"{written!r:.60}" if isinstance(written, str) else f"{written!s:.60}"
