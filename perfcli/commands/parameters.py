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
        if not self.dir_okay and os.path.isdir(text):
            self.fail(f"{text} is a directory: name a file in it, e.g. {os.path.join(text, 'FILE')}", param, ctx)
        if not self.dir_okay and text.endswith(os.sep):
            self.fail(f"{text} names a directory: name a file in it, e.g. {os.path.join(text, 'FILE')}", param, ctx)
        if not self.file_okay and os.path.exists(text) and not os.path.isdir(text):
            self.fail(f"{text} is not a directory: name one, or a new one", param, ctx)
        if "\0" in text:
            self.fail("a path cannot hold a NUL character", param, ctx)
        return super().convert("-" if self.allow_dash and text in _STDOUT else text, param, ctx)


class WholeNumber(click.IntRange):
    """A whole number within limits."""

    @property
    def limits(self) -> str:
        """Its limits in words."""
        return f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"expected a whole number, {self.limits}, not {value!s:.60}", param, ctx)


FILE: Final = FilePath(dir_okay=False, allow_dash=True)
DIRECTORY: Final = FilePath(file_okay=False)


class Option(click.Option):
    """An option whose help says its default.

    Args:
        unset: what holds without the option, if its default does not say so: `none`, `as in the scenario`.
    """

    def __init__(self, names: Sequence[str], *, unset: str = "", **settings: Any) -> None:
        super().__init__(names, show_default=True, **settings)
        self.unset = unset

    def get_help_extra(self, ctx: click.Context) -> click.types.OptionHelpExtra:
        """What stands in brackets: the limits, the variable and the default."""
        extra = super().get_help_extra(ctx)
        shown = ("on" if self.get_default(ctx) else "off") if self.is_flag else extra.get("default", "").strip('"')
        if self.unset and shown in ("", "off"):
            shown = self.unset
        if shown:
            extra["default"] = shown
        if isinstance(self.type, WholeNumber):
            extra["range"] = self.type.limits
        return extra


class _Parameters(NamedTuple):
    """How the command line fills a field."""

    made: Callable[[str], Sequence[click.Parameter]]
    """click's parameters, from the field's name."""
    value: Callable[[str, Given], Any]
    """The field's value, from its name and what click parsed."""


def option(*names: str, **settings: Any) -> Any:
    """A field that an option fills; `settings` are those of `Option` and `click.Option`."""
    empty = () if settings.get("multiple") else False if settings.get("is_flag") else None
    return _field(lambda name: Option([*names, name], **settings), settings.get("default", empty))


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
            Option([f"--{name}"], type=FILE, metavar="FILE", help=form.help, unset="none")
            for name, form in offered.items()
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
