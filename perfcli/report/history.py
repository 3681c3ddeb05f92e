"""Kept runs, one line each."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from perfcli import units
from perfcli.metrics.statistics import is_thin
from perfcli.regression.history import History, KeptRun
from perfcli.report.blocks import QUIET, Column
from perfcli.report.figures import (
    HINT,
    VERSION,
    commit_cell,
    counted,
    figure,
    name,
    one_line,
    signed,
    verdict_word,
    version_cell,
)
from perfcli.report.layout import INDENT, FittingTable, Hanging

HOW_TO_KEEP: Final = "digipal-perf run SCENARIO --save"
_COLUMNS: Final = (
    Column("began (UTC)", "word"),
    Column("scenario", "prose", least=14),
    VERSION,
    Column("commit", "word"),
    Column("verdict", "word"),
    *map(Column, ("iterations", "p50", "p99", "memory growth")),
)
_FIRST_TO_GO: Final = ("memory growth", "iterations", "p99")
_GROWTH: Final = signed(units.format_size)


def render_history(history: History, where: str) -> RenderableType:
    """The table of runs, the newest last; or how to have some.

    Args:
        where: what they are kept in.
    """
    if not history.runs:
        return Hanging(Text(), Text(f"No runs are kept in {one_line(where)} yet. To keep them: {HOW_TO_KEEP}"))
    table = FittingTable(_COLUMNS, list(map(_row, history.runs)), first_to_go=_FIRST_TO_GO)
    if not history.older:
        return table
    return Group(table, Text(f"{INDENT}{counted(history.older, 'older run')} not shown", QUIET))


def began(started_at: str) -> str:
    """When a run began, to the minute."""
    return one_line(started_at[:16].replace("T", " "))


def _row(run: KeptRun) -> list[Text]:
    return [
        Text(began(run.started_at)),
        name(run.scenario, "bold"),
        version_cell(run.engine_version),
        commit_cell(run.commit, modified=run.engine_modified),
        verdict_word(run.verdict),
        figure(run.iterations_per_s, units.format_rate),
        _latency("p50", run.p50_ns, run.operations),
        _latency("p99", run.p99_ns, run.operations),
        figure(run.memory_growth_bytes, _GROWTH),
    ]


def _latency(statistic: str, value_ns: float | None, samples: int) -> Text:
    if value_ns is None or not is_thin(statistic, samples):
        return figure(value_ns, units.format_duration)
    return Text(HINT + units.format_duration(value_ns), QUIET)
