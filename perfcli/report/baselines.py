"""The baselines of a store, and the runs of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from perfcli import units
from perfcli.report.blocks import QUIET, Column
from perfcli.report.figures import (
    UNKNOWN,
    commit_word,
    cpus_in_words,
    engine_of,
    figure,
    name,
    one_line,
    verdict_word,
)
from perfcli.report.layout import FittingTable, labelled
from perfcli.results import RunResult

_LIST_COLUMNS: Final = (
    Column("baseline", "prose", least=8),
    Column("runs"),
    Column("newest (UTC)", "word"),
    Column("commit", "word"),
    Column("scenarios", "prose", least=20),
)
_RUN_COLUMNS: Final = (
    Column("", "word"),
    Column("scenario", "prose", least=14),
    Column("operation", "prose", least=14),
    *map(Column, ("ok", "p50", "p99", "slices", "kernel")),
    Column("began (UTC)", "word"),
)
_RUN_FIRST_TO_GO: Final = ("began (UTC)", "kernel", "slices", "ok", "p99")


def render_baselines(baselines: Mapping[str, Sequence[RunResult]]) -> RenderableType:
    """One line for each baseline; or how to have one."""
    if not baselines:
        return Text("No baselines here. To have one: digipal-perf run SCENARIO --save, digipal-perf baseline save NAME")
    rows = [_baseline_row(label, runs) for label, runs in sorted(baselines.items())]
    return FittingTable(_LIST_COLUMNS, rows, first_to_go=("runs", "commit"))


def render_baseline(label: str, runs: Sequence[RunResult]) -> RenderableType:
    """Where the runs of a baseline took place, and each of their operations."""
    rows = [row for run in runs for row in _rows_of(run)]
    return Group(name(label, "bold"), *labelled(_where(runs)), Text(), _table_of(rows))


def saved_in_words(label: str, runs: Sequence[RunResult], path: Path, *, replaces: bool) -> str:
    """That a baseline was saved, of what, and where."""
    verb = "replaced" if replaces else "saved"
    engines = "; ".join(dict.fromkeys(map(engine_of, runs)))
    return f"{verb} baseline {label}: {', '.join(one_line(run.name) for run in runs)} of {one_line(engines)}, in {path}"


def _baseline_row(label: str, runs: Sequence[RunResult]) -> list[Text]:
    return [
        name(label, "bold"),
        Text(str(len(runs))),
        Text(max(map(_began, runs))),
        _commits(runs),
        name(", ".join(run.name for run in runs)),
    ]


def _commits(runs: Sequence[RunResult]) -> Text:
    words = (commit_word(run.commit, modified=run.engine_modified) for run in runs)
    commits = dict.fromkeys(filter(None, words))
    return name(", ".join(commits)) if commits else Text(UNKNOWN, QUIET)


def _where(runs: Sequence[RunResult]) -> list[tuple[str, Text]]:
    """What must be the same for a run to be compared with these."""
    told: dict[str, dict[str, None]] = {"engine": dict.fromkeys(map(engine_of, runs))}
    for run in runs:
        at = run.environment
        told.setdefault("machine", {})[f"{at.cpu_model or at.machine}, {cpus_in_words(at)}; {at.system}"] = None
        told.setdefault("versions", {})[f"{at.python}, SQLite {at.sqlite}"] = None
    return [(label, name(" | ".join(values))) for label, values in told.items()]


def _table_of(rows: Sequence[Sequence[Text]]) -> FittingTable:
    return FittingTable(_RUN_COLUMNS, rows, first_to_go=_RUN_FIRST_TO_GO)


def _rows_of(run: RunResult) -> list[list[Text]]:
    kernel = figure(run.reference_ns, units.format_duration)
    heads = [verdict_word(run.verdict), name(run.name)]
    rows = []
    for operation in run.operations:
        latency = operation.latency
        rows.append(
            [
                *heads,
                name(operation.name),
                figure(operation.ok, units.format_count),
                figure(latency.p50_ns if latency else None, units.format_duration),
                figure(latency.p99_ns if latency else None, units.format_duration),
                figure(len(run.slices.get(operation.name, ())), units.format_count),
                kernel,
                Text(_began(run)),
            ]
        )
        heads, kernel = [Text(), Text()], Text()
    return rows or [[*heads, *(Text(UNKNOWN, QUIET) for _ in range(5)), kernel, Text(_began(run))]]


def _began(run: RunResult) -> str:
    return run.started_at[:19].replace("T", " ")
