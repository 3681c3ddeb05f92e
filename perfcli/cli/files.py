"""Files and directories on the command line, and those that a command reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

_INPUTS: Final = "perfcli.inputs"
_STDOUT: Final = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


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


def note_inputs(paths: Iterable[Path], ctx: click.Context | None = None) -> None:
    """Remember files that the command reads, so that none of its outputs replaces one."""
    (ctx or click.get_current_context()).meta.setdefault(_INPUTS, []).extend(paths)


def inputs() -> list[Path]:
    """The files that the command reads, as far as it has said so, and the project's."""
    noted: list[Path] = click.get_current_context().meta.get(_INPUTS, [])
    return noted
