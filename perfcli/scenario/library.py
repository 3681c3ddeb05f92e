"""Where scenarios are: shipped with the tool and found by name, or in the files and folders of the user.

Imports neither YAML nor the models, so that the command's help and completion stay quick.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from perfcli.errors import UsageError
from perfcli.streams import complain
from perfcli.thresholds import did_you_mean

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_SHIPPED: Final = (_PACKAGE / "shipped", _PACKAGE.parent / "scenarios")
_SUFFIXES: Final = (".yaml", ".yml")
"""In lower case; a file's own may be in capitals."""


def shipped_scenarios() -> list[Path]:
    """The scenarios that come with the tool, sorted by name; in a checkout, those of the repository."""
    folder = next((folder for folder in _SHIPPED if folder.is_dir()), None)
    return _scenarios_in(folder) if folder else []


def find_scenarios(references: Sequence[str]) -> list[Path]:
    """The files that `references` name, in their order, no file twice; all shipped ones without a reference.

    Args:
        references: each the name of a shipped scenario, a file, or a folder, which stands for the *.yaml and *.yml in
            it and below it, hidden ones left out. A shipped name wins over a file of the same name: write ./name.

    Raises:
        UsageError: a name that no scenario has, or a folder without scenarios.
    """
    shipped = {path.stem: path for path in shipped_scenarios()}
    found = (path for reference in references for path in _referred(reference, shipped))
    files: dict[str, Path] = {}
    for path in found if references else shipped.values():
        files.setdefault(os.path.realpath(path), path)
    if not files:
        raise UsageError("this installation holds no scenarios", hint="name a scenario file, or install again")
    _warn_of_repeated(references, shipped)
    return list(files.values())


def _warn_of_repeated(references: Sequence[str], shipped: Mapping[str, Path]) -> None:
    """Warn of what is named twice; a file in a folder that is named too is no surprise."""
    seen: dict[str, str] = {}
    for reference in references:
        real = os.path.realpath(shipped.get(reference, os.path.expanduser(reference)))
        if real in seen:
            complain(f"Warning: {reference} is named twice; it counts once")
        seen[real] = reference


def _referred(reference: str, shipped: dict[str, Path]) -> list[Path]:
    if reference in shipped:
        return [shipped[reference]]
    if os.path.isdir(path := os.path.expanduser(reference)):
        return _scenarios_of(Path(path))
    # what looks like a file is the loader's to open: it tells what is wrong with each, all at once
    if os.path.exists(path) or os.sep in path or path.lower().endswith(_SUFFIXES):
        return [Path(path)]
    raise UsageError(
        f"no scenario is called {reference!r:.80}{did_you_mean([reference], shipped)}",
        hint="digipal-perf list shows all scenarios; a file or a folder can be named too",
    )


def _scenarios_of(folder: Path) -> list[Path]:
    scenarios = _scenarios_in(folder)
    if not scenarios:
        raise UsageError(f"{folder}: no scenario in this folder", hint="scenarios are files that end in .yaml")
    return scenarios


def _scenarios_in(folder: Path) -> list[Path]:
    return sorted(_yaml_files(folder))


def _yaml_files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, onerror=_warn_of_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        scenarios = (name for name in files if name.lower().endswith(_SUFFIXES) and not name.startswith("."))
        yield from (Path(place, name) for name in scenarios)


def _warn_of_unreadable(error: OSError) -> None:
    complain(f"Warning: {error.filename} cannot be searched for scenarios: {error.strerror}")
