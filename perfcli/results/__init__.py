"""RunResult: everything known about one run. Reports, baselines and comparisons read only this.

The JSON that `--json` writes is this model; docs/results.md describes it. `schema_version` rises when a field changes
its meaning or goes away; a new field alone does not raise it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from perfcli.errors import UsageError
from perfcli.outputs import write_document
from perfcli.results.changes import BaselineComparison, CounterChange, CounterOutcome, OperationChange
from perfcli.results.observed import (
    ExactCounters,
    FaultResult,
    Inspection,
    Integrity,
    LeakResult,
    MachineResult,
    MemoryResult,
    MonitorSample,
    OperationCounts,
    ResourceResult,
    Restart,
    SaveCounts,
)
from perfcli.results.operation_results import (
    TOTAL,
    Break,
    CounterResult,
    GrowthResult,
    LatencySummary,
    LoadSlice,
    OperationResult,
    PhaseResult,
    SecondOfLoad,
    VuWork,
)
from perfcli.results.run import (
    SCHEMA_VERSION,
    Environment,
    OperationSource,
    RunResult,
    ThresholdResult,
    Try,
    UnjudgedRun,
    Variation,
    titled,
    value_text,
    variation_text,
)

__all__ = [
    "SCHEMA_VERSION",
    "TOTAL",
    "BaselineComparison",
    "Break",
    "CounterChange",
    "CounterOutcome",
    "CounterResult",
    "Environment",
    "ExactCounters",
    "FaultResult",
    "GrowthResult",
    "Inspection",
    "Integrity",
    "LatencySummary",
    "LeakResult",
    "LoadSlice",
    "MachineResult",
    "MemoryResult",
    "MonitorSample",
    "OperationChange",
    "OperationCounts",
    "OperationResult",
    "OperationSource",
    "PhaseResult",
    "ResourceResult",
    "Restart",
    "RunResult",
    "SaveCounts",
    "SecondOfLoad",
    "ThresholdResult",
    "Try",
    "UnjudgedRun",
    "Variation",
    "VuWork",
    "as_document",
    "as_result",
    "load_records",
    "load_results",
    "save_results",
    "titled",
    "value_text",
    "variation_text",
]

_FIRST: Final = ("schema_version", "name", "verdict", "reasons")
"""The fields that a saved result begins with, for whoever opens the file."""
HOW_TO_WRITE: Final = "write one: digipal-perf run SCENARIO --json FILE"


def save_results(results: Sequence[RunResult], path: Path, *, new: bool = False) -> None:
    """Write RunResults as `as_document` has them; a reader never sees half a file.

    Args:
        new: refuse to replace a file.

    Raises:
        FileExistsError: there is a file, though it was to be a new one.
        UsageError: the file cannot be written.
    """
    write_document(as_document(results), path, new=new)


def as_document(results: Sequence[RunResult]) -> list[dict[str, Any]]:
    """The RunResults as plain data: an array, even of one."""
    documents = [result.model_dump(mode="json") for result in results]
    return [{name: each[name] for name in _FIRST} | each for each in documents]


def load_results(path: str | Path) -> list[RunResult]:
    """The results of a file that `digipal-perf run --json FILE` wrote, one or several.

    Raises:
        UsageError: the file cannot be read, or is not a result of this schema version.
    """
    file = Path(path)
    return [as_result(record, file) for record in load_records(file)]


def load_records(path: Path) -> list[Any]:
    """What a file of results holds, not yet looked at: an array, or one object as earlier versions wrote.

    Raises:
        UsageError: the file cannot be read, is no JSON, or holds none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=_finite, parse_constant=_finite)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the result: {error.strerror}", hint=HOW_TO_WRITE) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a result file: {_why_no_json(error)}", hint=HOW_TO_WRITE) from error
    records = document if isinstance(document, list) else [document]
    if not records:
        raise UsageError(f"{path}: it holds no result", hint=HOW_TO_WRITE)
    return records


def _why_no_json(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    if error.pos < len(error.doc.rstrip()):
        return f"line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
    return f"it is cut off on line {error.lineno}" if error.doc.strip() else "it is empty"


def _finite(text: str) -> float:
    """A number as this tool writes them; Python's JSON would take NaN and Infinity too."""
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text:.20} is no figure")
    return value


def as_result(record: Any, path: Path) -> RunResult:
    """The RunResult that a record of a file is.

    Raises:
        UsageError: it is not a whole one of this schema version.
    """
    fields = record if isinstance(record, dict) else {}
    if kind := fields.get("kind"):
        raise UsageError(f"{path}: not the result of a run, but of digipal-perf {kind!s:.60}", hint=HOW_TO_WRITE)
    version = fields.get("schema_version")
    if version is None:
        raise UsageError(f"{path}: not a result file: it has no schema_version", hint=HOW_TO_WRITE)
    if version != SCHEMA_VERSION:
        is_newer = isinstance(version, int) and version > SCHEMA_VERSION
        raise UsageError(
            f"{path}: not a result of schema version {SCHEMA_VERSION} (found {version!r:.60})",
            hint="a newer digipal-perf wrote it: update digipal-perf to read it" if is_newer else HOW_TO_WRITE,
        )
    try:
        return RunResult.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: not a whole result: {place}: {first['msg']}", hint=HOW_TO_WRITE) from error
