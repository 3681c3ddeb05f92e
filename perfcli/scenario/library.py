"""Where scenarios are: shipped with the tool and found by name, or in the files and folders of the user.

Imports neither YAML nor the models, so that the command's help and completion stay quick.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from perfcli.errors import UsageError
from perfcli.thresholds import did_you_mean

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_SHIPPED: Final = (_PACKAGE / "shipped", _PACKAGE.parent / "scenarios")
_SUFFIXES: Final = (".yaml", ".yml")


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
    files = {os.path.realpath(path): path for path in reversed(list(found if references else shipped.values()))}
    if not files:
        raise UsageError("this installation holds no scenarios", hint="name a scenario file, or install again")
    return list(reversed(files.values()))


def _referred(reference: str, shipped: dict[str, Path]) -> list[Path]:
    if reference in shipped:
        return [shipped[reference]]
    if os.path.isdir(reference):
        return _scenarios_of(Path(reference))
    # what looks like a file is the loader's to open: it tells what is wrong with each, all at once
    if os.path.exists(reference) or os.sep in reference or reference.endswith(_SUFFIXES):
        return [Path(reference)]
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
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in files if name.endswith(_SUFFIXES) and not name.startswith("."))
