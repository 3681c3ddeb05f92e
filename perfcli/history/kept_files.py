"""Files of results that may come from anywhere: what can be read of them, and what is said of the others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from perfcli.errors import UsageError
from perfcli.history.plausible import check_plausible
from perfcli.results import RunResult, as_result, load_results

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
            complaints.append(f"{error.message} ({error.hint})" if error.hint else error.message)
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
        raise UsageError(f"{path}: cannot read the result: it is no regular file")
