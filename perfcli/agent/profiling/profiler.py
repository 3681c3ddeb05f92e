"""What all profilers share: the steps of a session that they learn of, and how they name lines of source code."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from perfcli.operations.call import Call

if TYPE_CHECKING:
    from perfcli.results.findings import Findings

Job = Callable[[], None]


class Profiler:
    """Looks at nothing. Made right before the engine is imported; told of each step of the session."""

    def engine_is_imported(self) -> None:
        """The engine's modules are there, none of its objects yet."""

    def watched(self, labels: Sequence[str], calls: Sequence[Call | None]) -> Sequence[Call | None]:
        """The calls of one vu, so that they can be seen; labels name their operations."""
        return calls

    def begin(self) -> None:
        """A wave is about to begin; its warm-up is over."""

    def during(self, job: Job) -> Job:
        """What one vu does while it is measured."""
        return job

    def find(self) -> Findings:
        """What was seen. The engine's cache is empty, the engine not yet closed."""
        from perfcli.results.findings import Findings

        return Findings()


def wrapped(
    labels: Sequence[str],
    calls: Sequence[Call | None],
    wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]],
) -> list[Call | None]:
    """Calls by way of what `wrap` makes of their label and function.

    Without their timeouts: under a profiler they would strike too early, and in threads that are not profiled.
    """
    return [
        call and call._replace(invoke=wrap(label, call.invoke), timeout_ns=0)
        for label, call in zip(labels, calls, strict=True)
    ]


_ENGINE: Final = "digipal"
_HARNESS: Final = Path(__file__).parents[2]


@cache
def engine_directory() -> str:
    """The directory of the engine's package, which must have been imported."""
    file = getattr(sys.modules.get(_ENGINE), "__file__", None)
    return str(Path(file).parent) + "/" if file else "\0"


@cache
def is_engine(file: str) -> bool:
    """Whether a source file is the engine's."""
    return file.startswith(engine_directory())


@cache
def is_harness(file: str) -> bool:
    """Whether a source file is this tool's."""
    return Path(file).is_relative_to(_HARNESS)


@cache
def short(file: str) -> str:
    """A source file as it would be imported, so that no machine's directories are named: digipal/core/models.py."""
    roots = [str(Path(engine_directory()).parent), str(_HARNESS.parent), *sys.path]
    found = [root for root in roots if root and file.startswith(root.rstrip("/") + "/")]
    return file[len(max(found, key=len).rstrip("/")) + 1 :] if found else Path(file).name


def source_of(place: str) -> str:
    """The line itself of a place in the engine, as `made_at` names it."""
    file, _, line = place.rpartition(":")
    path = Path(engine_directory()).parent / file
    return linecache.getline(str(path), int(line)).strip() if line.isdecimal() else ""


def called_from(frame: FrameType | None, most: int, *, without: Collection[str] = ()) -> list[str]:
    """The engine's lines on a stack, innermost first, as "function (file:line)".

    Args:
        without: modules that everything comes through, and that therefore say nothing.
    """
    lines: list[str] = []
    while frame is not None and len(lines) < most:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] == _ENGINE and module not in without:
            code = frame.f_code
            lines.append(f"{code.co_name} ({short(code.co_filename)}:{frame.f_lineno})")
        frame = frame.f_back
    return lines


def made_at(frame: FrameType | None, through: Collection[str]) -> str:
    """The engine's line that makes something by way of the modules `through`, as "file:line"; "" for anybody else's."""
    while frame is not None and frame.f_globals.get("__name__", "") in through:
        frame = frame.f_back
    if frame is None or frame.f_globals.get("__name__", "").partition(".")[0] != _ENGINE:
        return ""
    return f"{short(frame.f_code.co_filename)}:{frame.f_lineno}"
