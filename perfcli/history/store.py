"""Kept runs and baselines: a directory of JSON files, each a result as `run --json` writes it.

    .digipal-perf/
      runs/SCENARIO-20261123T011517.123456Z-5f0c9a1e.json
      baselines/NAME.json

Files are written beside their place and then linked into it, so a reader sees none or a whole one, and writers never
take each other's. They are safe to commit or to cache: what tells of the machine's directories is taken out first.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from perfcli.ab.result import AbResult
from perfcli.errors import UsageError
from perfcli.outputs import check_folder
from perfcli.results import HOW_TO_WRITE, RunResult, as_result, load_results, save_results

_MOST: Final = 10**18
"""In whatever unit: 31 years in ns, an exabyte, a thousand million operations each ns."""

_BUCKET: Final = "histogram_ns."
_MOST_IN_BUCKET: Final = 10**12
"""Samples of one bucket: eleven days of one operation each µs."""

_NOT_MEASURED: Final = {"scenario", "seed", "variation"}
_NEVER_BELOW_ZERO: Final = ("total.", "operations.", "resources.", "inspection.", "duration_ns", "reference_ns")


def check_plausible(result: RunResult | AbResult, path: Path) -> None:
    """See that a result can have been measured.

    Raises:
        UsageError: a figure cannot have been, or the time that it began at is none.
    """
    name = result.scenario if isinstance(result, AbResult) else result.name
    if absurd := absurdity(result):
        raise UsageError(
            f"{path}: {absurd}, which no run of {name:.80} can have measured: the file was edited or damaged"
        )
    try:
        began(result)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{path}: started_at: {result.started_at!r:.60} is not a time in ISO 8601") from error


def began(result: RunResult | AbResult) -> datetime:
    """When a run began, in UTC.

    Raises:
        ValueError: it does not tell.
        OverflowError: in UTC, it was before the year 1 or is after 9999.
    """
    time = datetime.fromisoformat(result.started_at)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def absurdity(result: RunResult | AbResult) -> str:
    """The first figure that cannot have been measured, with its place, e.g. `total.latency.p50_ns is -5`; "" if none.

    Times (`_ns`) of operations are not negative, nor are counts of a histogram, and nothing is beyond 10^18 in its base
    unit, or no number (NaN).
    """
    for place, value in _numbers(result.model_dump(exclude=_NOT_MEASURED)):
        is_time = place.endswith("_ns") and place.startswith(_NEVER_BELOW_ZERO)
        is_bucket = _BUCKET in place
        if not (0 if is_time or is_bucket else -_MOST) <= value <= (_MOST_IN_BUCKET if is_bucket else _MOST):
            return f"{place} is {_short(value)}"
    return ""


def _short(value: float) -> str:
    text = str(value)
    return text if len(text) <= 25 else f"{text[:8]}… ({len(text)} digits)"


def _numbers(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    if place.endswith("histogram_ns") and value:
        # thousands of buckets: the extremes are found without a loop of ours
        for extreme in (min, max):
            floor = extreme(value, key=value.get)
            yield place, extreme(value)
            yield f"{place}.{floor}", value[floor]
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _numbers(inner, f"{place}.{index}".lstrip("."))
    elif isinstance(value, (int, float)):
        yield place, value


Reader = Callable[[Path], list[RunResult]]
_LONG: Final = frozenset({"slices", "phases", "monitor", "seconds", "seconds_by_operation", "vus"})
_HISTOGRAM: Final = re.compile(r'"histogram_ns":\s*\{[^{}]*\}')
_NO_HISTOGRAM: Final = '"histogram_ns": {}'


def read_all(directory: Path, read: Reader) -> tuple[list[tuple[Path, list[RunResult]]], list[str]]:
    """The result files of a directory by their names, and complaints about those that cannot be read."""
    files, complaints = [], []
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix == ".json" and path.name[0] != ".")
    except FileNotFoundError:
        return [], []
    except OSError as error:
        return [], [f"{directory}: cannot be read: {error.strerror}"]
    for path in paths:
        try:
            _check_is_file(path)
            files.append((path, read(path)))
        except UsageError as error:
            hint = "remove it" if error.hint == HOW_TO_WRITE else error.hint
            complaints.append(f"{error.message} ({hint})" if hint else error.message)
    return files, complaints


def read_runs(path: Path) -> list[RunResult]:
    """The runs of a file of results, each with a time it began at and figures that can have been measured.

    Raises:
        UsageError: it cannot be read as such.
    """
    return _checked(load_results(path), path)


def read_in_short(path: Path) -> list[RunResult]:
    """The same without what only reports draw. Histograms are not even parsed: that takes most of the time."""
    try:
        document = json.loads(_HISTOGRAM.sub(_NO_HISTOGRAM, path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, RecursionError):
        return read_runs(path)  # and hear what is wrong with it
    records = document if isinstance(document, list) and document else [document]
    return _checked([as_result(_in_short(record), path) for record in records], path)


def _in_short(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    return {key: value for key, value in record.items() if key not in _LONG}


def _checked(runs: list[RunResult], path: Path) -> list[RunResult]:
    for run in runs:
        check_plausible(run, path)
    return runs


def _check_is_file(path: Path) -> None:
    """Refuse what is there and no file, of which a pipe would be waited for."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: cannot read the result: it is not a regular file")


_DIRECTORIES: Final = re.compile(r"(?<![\w/.:~-])/(?:[^\s/'\":;,()\[\]]+/)+")
"""The directories of an absolute path, up to its last name."""

_AS_WRITTEN: Final = frozenset({"scenario", "started_at"})


_OWN_NAME: Final = re.compile(r"-\d{8}T\d{6}\.\d{6}Z-([0-9a-f]{8})$")
_LEAST_OF_ID: Final = 4
"""Characters, as of a commit in git."""


class Kept(NamedTuple):
    """What a store holds."""

    runs: list[RunResult]
    """Oldest first."""

    complaints: list[str]
    """Each a file that cannot be read as results, and why."""

    ids: list[str]
    """What names each of the runs."""


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

    @staticmethod
    def run_id(path: Path) -> str:
        """What names a saved run: the last part of its file's name; of a file that was put there by hand all of it."""
        made = _OWN_NAME.search(path.stem)
        return made[1] if made else path.stem

    def saved(self, beginning: str) -> list[Path]:
        """The files of the saved runs whose id begins so; of one whose id is the whole text, only this."""
        files = sorted(self.runs_directory.glob("[!.]*.json")) if len(beginning) >= _LEAST_OF_ID else []
        exact = [path for path in files if beginning in (self.run_id(path), path.stem)]
        return exact or [path for path in files if self.run_id(path).startswith(beginning)]

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
        ordered = sorted(found, key=lambda each: each[:2])
        return Kept([run for *_, run in ordered], complaints, [self.run_id(Path(file)) for _, file, _ in ordered])


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
