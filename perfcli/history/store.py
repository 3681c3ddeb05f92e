"""Kept runs and baselines: a directory of JSON files, each a result as `run --json` writes it.

    .digipal-perf/
      runs/SCENARIO-20261123T011517.123456Z-5f0c9a1e.json
      baselines/NAME.json

Files are written beside their place and then linked into it, so a reader sees none or a whole one, and writers never
take each other's. They are safe to commit or to cache: what tells of the machine's directories is taken out first.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from perfcli.history.kept_files import read_all, read_in_short, read_runs
from perfcli.history.plausible import began
from perfcli.outputs import check_folder
from perfcli.results import RunResult, save_results

_DIRECTORIES: Final = re.compile(r"(?<![\w/.:~-])/(?:[^\s/'\":;,()\[\]]+/)+")
"""The directories of an absolute path, up to its last name."""

_AS_WRITTEN: Final = frozenset({"scenario", "started_at"})


class Kept(NamedTuple):
    """What a store holds."""

    runs: list[RunResult]
    """Oldest first."""

    complaints: list[str]
    """Each a file that cannot be read as results, and why."""


class Store:
    """Runs and baselines in a directory, which is made when the first one is kept."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.baselines = directory / "baselines"
        self.runs_directory = directory / "runs"

    def prepare(self) -> None:
        """See that runs can be kept, before there is one to lose.

        Raises:
            UsageError: the directory cannot be made or written to.
        """
        check_folder(self.runs_directory, "--store")

    def add(self, result: RunResult) -> Path:
        """Keep a run under a name of its own; return its file.

        Raises:
            UsageError: it cannot be written.
        """
        self.prepare()
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = self.runs_directory / f"{result.name}-{now}-{secrets.token_hex(4)}.json"
        save_results([without_places(result)], path, new=True)
        return path

    def files(self) -> list[Path]:
        """The files of all runs and baselines."""
        return [file for directory in (self.runs_directory, self.baselines) for file in directory.glob("*.json")]

    def runs(self, scenario: str = "", *, in_short: bool = False) -> Kept:
        """All runs that were kept, or those of one scenario; and what is there but cannot be read.

        Args:
            in_short: without histograms, slices and courses, which are most of a file: thousands of runs find room.
        """
        files, complaints = read_all(self.runs_directory, read_in_short if in_short else read_runs)
        found = [(began(run), path.name, run) for path, runs in files for run in runs if scenario in ("", run.name)]
        return Kept([run for *_, run in sorted(found, key=lambda each: each[:2])], complaints)


def without_places(result: RunResult) -> RunResult:
    """The result without what only this machine knows: kept databases, and the directories of absolute paths.

    The scenario stays as its author wrote it, since it says what work was done.
    """
    fields = result.model_dump(mode="json") | {"kept_database": ""}
    shortened = {key: value if key in _AS_WRITTEN else _shortened(value) for key, value in fields.items()}
    return RunResult.model_validate(shortened)


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return _DIRECTORIES.sub("", value)
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    if isinstance(value, dict):
        return {_shortened(key): _shortened(each) for key, each in value.items()}
    return value
