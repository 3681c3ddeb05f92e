"""Saved runs and baselines as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import QUIET, Code, Column, Facts, Line, Section, Table
from perfcli.report.operations import hinted
from perfcli.report.wording import (
    UNKNOWN,
    VERSION,
    commit_cell,
    commit_word,
    counted,
    cpus_in_words,
    engine_of,
    figure,
    name,
    one_line,
    signed,
    verdict_word,
    version_cell,
)
from perfcli.results import RunResult, titled

if TYPE_CHECKING:
    from perfcli.history.kept_runs import History, KeptRun

_HOW_TO_SAVE: Final = "digipal-perf run SCENARIO --save"
_COLUMNS: Final = (
    Column("id", "word"),
    Column("began (UTC)", "word"),
    Column("scenario", "prose", least=14),
    VERSION,
    Column("commit", "word"),
    Column("verdict", "word"),
    *map(Column, ("iterations", "p50", "p99", "memory growth")),
)
_WIDE: Final = replace(_COLUMNS[2], least=34)
"""The scenario with its variation."""

_FIRST_TO_GO: Final = ("memory growth", "iterations", "p99", VERSION.title, "commit", "p50")
_GROWTH: Final = signed(units.format_size)

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
_HOW_TO_MAKE_ONE: Final = f"{_HOW_TO_SAVE}\ndigipal-perf baseline save NAME"


def history_document(history: History, where: str) -> list[Section]:
    """The table of runs, the newest last; or how to save some.

    Args:
        where: what they are saved in.
    """
    if not history.runs:
        missing = Line(Text.assemble("No runs are saved in ", name(where), " yet. To save some:"))
        return [Section("runs", [missing, Code(_HOW_TO_SAVE)])]
    swept = any(run.variation for run in history.runs)
    columns = [_WIDE if swept and column is _COLUMNS[2] else column for column in _COLUMNS]
    table = Table(columns, list(map(_row, history.runs)), "runs", first_to_go=_FIRST_TO_GO)
    older = f"{counted(history.older, 'older run')} not shown" if history.older else ""
    return [Section("runs", [table, *([Line(Text(older, QUIET))] if older else [])])]


def baselines_document(baselines: Mapping[str, Sequence[RunResult]]) -> list[Section]:
    """One line for each baseline; or how to make one."""
    if not baselines:
        return [Section("baselines", [Line(Text("No baselines here. To make one:")), Code(_HOW_TO_MAKE_ONE)])]
    rows = [_baseline_row(label, runs) for label, runs in sorted(baselines.items())]
    table = Table(_LIST_COLUMNS, rows, "baselines", first_to_go=("runs", "commit"))
    return [Section("baselines", [table])]


def baseline_document(label: str, runs: Sequence[RunResult]) -> list[Section]:
    """Where the runs of a baseline took place, and each of their operations."""
    rows = [row for run in runs for row in _rows_of(run)]
    table = Table(_RUN_COLUMNS, rows, "operations", first_to_go=_RUN_FIRST_TO_GO)
    return [
        Section("baseline", [Line(Text(), name(label, "bold")), Facts(_where(runs))]),
        Section("operations", [table]),
    ]


def saved_in_words(label: str, runs: Sequence[RunResult], path: Path, *, replaces: bool) -> str:
    """That a baseline was saved, of what, and where."""
    verb = "replaced" if replaces else "saved"
    engines = "; ".join(dict.fromkeys(map(engine_of, runs)))
    return (
        f"{verb} baseline {label}: {', '.join(one_line(run.title) for run in runs)} of {one_line(engines)}, in {path}"
    )


def _baseline_row(label: str, runs: Sequence[RunResult]) -> list[Text]:
    return [
        name(label, "bold"),
        Text(str(len(runs))),
        Text(max(map(_began_exactly, runs))),
        _commits(runs),
        name(", ".join(run.title for run in runs)),
    ]


def _commits(runs: Sequence[RunResult]) -> Text:
    words = (commit_word(run.commit, modified=run.engine_modified) for run in runs)
    commits = dict.fromkeys(filter(None, words))
    return name(", ".join(commits)) if commits else Text(UNKNOWN, QUIET)


def _where(runs: Sequence[RunResult]) -> list[tuple[str, Text]]:
    """What must be the same for a run to be compared with these."""
    facts: dict[str, dict[str, None]] = {"engine": dict.fromkeys(map(engine_of, runs))}
    for run in runs:
        at = run.environment
        facts.setdefault("machine", {})[f"{at.cpu_model or at.machine}, {cpus_in_words(at)}; {at.system}"] = None
        facts.setdefault("versions", {})[f"{at.python}, SQLite {at.sqlite}"] = None
    return [(label, name(" | ".join(values))) for label, values in facts.items()]


def _rows_of(run: RunResult) -> list[list[Text]]:
    kernel = figure(run.reference_ns, units.format_duration)
    heads = [verdict_word(run.verdict), name(run.title)]
    rows = []
    for operation in run.operations:
        latency = operation.latency
        times = (latency.p50_ns, latency.p99_ns) if latency else (None, None)
        row = [
            *heads,
            name(operation.name),
            figure(operation.ok, units.format_count),
            *(figure(ns, units.format_duration) for ns in times),
            figure(len(run.slices.get(operation.name, ())), units.format_count),
            kernel,
            Text(_began_exactly(run)),
        ]
        rows.append(row)
        heads, kernel = [Text(), Text()], Text()
    return rows or [[*heads, *(Text(UNKNOWN, QUIET) for _ in range(5)), kernel, Text(_began_exactly(run))]]


def _began_exactly(run: RunResult) -> str:
    return run.started_at[:19].replace("T", " ")


def began(started_at: str) -> str:
    """When a run began, to the minute."""
    return one_line(started_at[:16].replace("T", " "))


def _row(run: KeptRun) -> list[Text]:
    return [
        name(run.id),
        Text(began(run.started_at)),
        name(titled(run.scenario, run.variation), "bold"),
        version_cell(run.engine_version),
        commit_cell(run.commit, modified=run.engine_modified),
        verdict_word(run.verdict),
        figure(run.iterations_per_s, units.format_rate),
        hinted("p50", run.p50_ns, run.operations),
        hinted("p99", run.p99_ns, run.operations),
        figure(run.memory_growth_bytes, _GROWTH),
    ]
