"""Options and arguments as fields of a class: each is spelled once, and a command takes one object.

Nothing heavy is imported here, as every `--help` reads it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, dataclass_transform

import click

from perfcli.formats import FORMATS

_STDOUT: Final = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
_PARAMETERS: Final = "parameters"

Given = Mapping[str, Any]
"""What click parsed, by the names of fields."""
T = TypeVar("T")


class FilePath(click.Path):
    """A path in which `~` is the user's home."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(path_type=Path, **settings)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; `-` if it is another name of stdout, which must not be replaced by a file."""
        text = os.path.expanduser(os.fspath(value))
        if "\0" in text:
            self.fail("a path cannot hold a NUL character", param, ctx)
        return super().convert("-" if self.allow_dash and text in _STDOUT else text, param, ctx)


FILE: Final = FilePath(dir_okay=False, allow_dash=True)
DIRECTORY: Final = FilePath(file_okay=False)


class _Parameters(NamedTuple):
    """How the command line fills a field."""

    made: Callable[[str], Sequence[click.Parameter]]
    """click's parameters, from the field's name."""
    value: Callable[[str, Given], Any]
    """The field's value, from its name and what click parsed."""


def option(*names: str, **settings: Any) -> Any:
    """A field that an option fills; `settings` are those of `click.Option`."""
    unset = () if settings.get("multiple") else False if settings.get("is_flag") else None
    return _field(lambda name: click.Option([*names, name], **settings), settings.get("default", unset))


def argument(metavar: str, **settings: Any) -> Any:
    """A field that an argument fills; `settings` are those of `click.Argument`."""
    unset = () if "nargs" in settings else None
    return _field(lambda name: click.Argument([name], metavar=metavar, **settings), settings.get("default", unset))


def _field(make: Callable[[str], click.Parameter], default: Any) -> Any:
    parameters = _Parameters(lambda name: [make(name)], lambda name, given: given.get(name, default))
    return field(default=default, metadata={_PARAMETERS: parameters})


def group(declared: type, *, without: Sequence[str] = ()) -> Any:
    """A field that holds an object with options of its own; those left out keep their defaults."""
    parameters = _Parameters(
        lambda _: [each for each in parameters_of(declared) if each.name not in without],
        lambda _, given: filled(declared, {name: value for name, value in given.items() if name not in without}),
    )
    return field(default_factory=declared, metadata={_PARAMETERS: parameters})


def files_by_format(*formats: str) -> Any:
    """A field that an option for each of FORMATS fills, or for some of them: the files to write, by their formats."""
    offered = {name: FORMATS[name] for name in formats or FORMATS}
    parameters = _Parameters(
        lambda _: [
            click.Option([f"--{name}"], type=FILE, metavar="FILE", help=form.help) for name, form in offered.items()
        ],
        lambda _, given: {name: given[name] for name in offered if given[name] is not None},
    )
    return field(default_factory=dict, metadata={_PARAMETERS: parameters})


@dataclass_transform(kw_only_default=True, field_specifiers=(option, argument, group, files_by_format))
def options(declared: type[T]) -> type[T]:
    """A class whose fields are options, all with defaults; its docstring is the help of its command."""
    return dataclass(kw_only=True, repr=False, eq=False)(declared)


def parameters_of(declared: type) -> list[click.Parameter]:
    """click's parameters of a class of options, in the order of its fields."""
    return [made for name, parameters in _fields(declared) for made in parameters.made(name)]


def filled(declared: type[T], given: Given) -> T:
    """The object of a class of options that the command line stands for."""
    return declared(**{name: parameters.value(name, given) for name, parameters in _fields(declared)})


def _fields(declared: type) -> Iterator[tuple[str, _Parameters]]:
    return ((each.name, each.metadata[_PARAMETERS]) for each in fields(declared))
