"""What a report is made of: the results of runs and comparisons, also from their files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from perfcli.ab.result import AbResult
from perfcli.errors import UsageError
from perfcli.history.store import check_plausible
from perfcli.outputs import STDOUT
from perfcli.report.ab import ab_document, ab_summary
from perfcli.report.blocks import Document
from perfcli.report.run import run_document
from perfcli.report.summary import summary_document
from perfcli.results import RunResult, as_result, load_records
from perfcli.streams import complain

Reported = RunResult | AbResult
"""What can be reported."""

_STDIN: Final = Path("/dev/stdin")
_WRITTEN_BY: Final = "written by digipal-perf ab --json FILE; a newer digipal-perf may be needed to read it"


def load_reported(paths: Iterable[Path]) -> list[Reported]:
    """What the files hold that `run --json` and `ab --json` wrote, in their order; `-` is stdin.

    Raises:
        UsageError: a file cannot be read, or holds no such result.
    """
    return [_reported(record, path) for path in _each_once(paths) for record in load_records(path)]


def document_of(result: Reported) -> Document:
    """The report of a result."""
    return ab_document(result) if isinstance(result, AbResult) else run_document(result)


def summary_of(results: Sequence[Reported]) -> Document:
    """A line for each of several runs, and for each of several comparisons."""
    runs = [each for each in results if isinstance(each, RunResult)]
    comparisons = [each for each in results if isinstance(each, AbResult)]
    of_runs = summary_document(runs) if len(runs) > 1 else []
    return [*of_runs, *(ab_summary(comparisons, len(comparisons)) if len(comparisons) > 1 else [])]


def _each_once(paths: Iterable[Path]) -> list[Path]:
    """The files in their order; one that is named twice counts once, with a warning."""
    files: dict[str, Path] = {}
    for path in paths:
        file = _STDIN if path == STDOUT else path
        if files.setdefault(os.path.realpath(file), file) is not file:
            complain(f"Warning: {path} is named twice; reading it once")
    return list(files.values())


def _reported(record: Any, path: Path) -> Reported:
    is_ab = isinstance(record, dict) and record.get("kind") == "ab"
    result = _comparison(record, path) if is_ab else as_result(record, path)
    check_plausible(result, path)
    return result


def _comparison(record: Any, path: Path) -> AbResult:
    try:
        return AbResult.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: not a whole result of ab: {place}: {first['msg']}", hint=_WRITTEN_BY) from error
