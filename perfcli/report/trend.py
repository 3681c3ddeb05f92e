"""How a scenario's metrics went from run to run: a picture of each, its changes, and the newest runs in figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from perfcli import units
from perfcli.figures import Better
from perfcli.inference.change_point import LEAST_SEGMENT
from perfcli.regression.trend import ChangePoint, MetricTrend, Trend, TrendPoint
from perfcli.report.blocks import BAD, GOOD, QUIET, Column
from perfcli.report.drawings import MARK, Sparkline
from perfcli.report.figures import (
    UNKNOWN,
    VERSION,
    commit_cell,
    counted,
    engine_words,
    name,
    one_line,
    share,
    signed,
    version_cell,
)
from perfcli.report.history import began
from perfcli.report.layout import INDENT, FittingTable, Hanging

_MOST_ROWS: Final = 20
_LEAST_RUNS: Final = 2 * LEAST_SEGMENT
_SHIFT: Final = signed(share)


def render_trend(trend: Trend) -> RenderableType:
    """Each metric with its changes, then the newest runs."""
    parts: list[RenderableType] = list(_headline(trend))
    for metric in trend.metrics:
        parts += [Text(), *_section(metric)]
    if any(metric.points for metric in trend.metrics):
        parts += [Text(), *_figures(trend)]
    return Group(*parts)


def _headline(trend: Trend) -> Iterator[RenderableType]:
    left_out = sum(trend.left_out.values())
    yield Hanging(name(trend.scenario, "bold").append(INDENT), Text(counted(trend.runs - left_out, "run")))
    if left_out:
        why = ", ".join(f"{reason} ({count})" for reason, count in trend.left_out.items())
        yield Hanging(Text(INDENT), Text(f"{left_out} of {counted(trend.runs, 'kept run')} left out: {why}"))
    if trend.pace_ns and any(metric.at_one_pace for metric in trend.metrics):
        pace = f"times are told at one pace of the machine: the reference kernel in {_ns(trend.pace_ns)}"
        yield Hanging(Text(INDENT), Text(pace, QUIET))


def _section(metric: MetricTrend) -> Iterator[RenderableType]:
    values = [point.value for point in metric.points]
    ends = (("min", min), ("median", median), ("max", max))
    span = ", ".join(f"{end} {_value(metric, of(values))}" for end, of in ends) if values else "nothing was measured"
    yield Hanging(Text(INDENT), Text.assemble(name(metric.metric, "bold"), INDENT, span, (_remarks(metric), QUIET)))
    if not values:
        return
    yield Sparkline(values, [change.index for change in metric.changes])
    if len(values) < _LEAST_RUNS:
        needed = f"a change cannot be told yet: {_LEAST_RUNS} runs are needed, {len(values)} measured this"
        yield Hanging(Text(INDENT * 2), Text(needed, QUIET))
    elif not metric.changes:
        yield Text(f"{INDENT * 2}no change of level", QUIET)
    for change in metric.changes:
        yield from _change(metric, change)


def _remarks(metric: MetricTrend) -> str:
    told = []
    if metric.unit is units.Unit.DURATION and not metric.at_one_pace:
        told.append("as it was timed: it does not follow the machine's pace")
    if metric.missing:
        told.append(f"{counted(metric.missing, 'run')} without it")
    return f"; {'; '.join(told)}" if told else ""


def _change(metric: MetricTrend, change: ChangePoint) -> Iterator[RenderableType]:
    levels = f"{_value(metric, change.before)} to {_value(metric, change.after)}"
    moved = levels if change.shift is None else f"{_SHIFT(change.shift)} ({levels})"
    judged = Text("WORSE", f"bold {BAD}") if change.is_worse else Text("better", GOOD)
    if metric.better is Better.NEITHER:
        judged = Text("changed")
    where = "a drift, somewhere between" if change.gradual else "between"
    yield Hanging(
        Text(f"{INDENT * 2}{MARK} "),
        Text.assemble(
            judged,
            f": {moved}, {where} ",
            _run(change.last_before, change.version_before, change.began_after),
            " and ",
            _run(change.first_after, change.version_after, change.seen_at),
        ),
    )
    if change.confirm:
        yield _Command(change.confirm)
    if why := _why_unsure(change):
        yield Hanging(Text(INDENT * 3), Text(why, QUIET))


def _run(commit: str, version: str, started_at: str) -> Text:
    engine = engine_words("", version, commit, modified=False) or "an unknown engine"
    return name(engine).append(f" ({began(started_at)})")


class _Command:
    """A command to be copied; where it does not fit, it is broken as a shell takes it."""

    def __init__(self, command: str) -> None:
        self._command = one_line(command)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The command on one line, or on one for each option."""
        fits = len(INDENT * 3) + cell_len(self._command) <= options.max_width
        yield Text(INDENT * 3 + (self._command if fits else self._command.replace(" --", f" \\\n{INDENT * 4}--")))


def _why_unsure(change: ChangePoint) -> str:
    """Why no command can confirm a change."""
    if change.version_before and change.version_before == change.version_after:
        return "the same sources on both sides: not the engine's doing"
    if change.last_before and change.last_before == change.first_after:
        return "one commit, two versions: one of them, at least, is not what the commit holds"
    return "" if change.confirm else "no command can confirm it: a commit is known of sources that it holds, unmodified"


def _figures(trend: Trend) -> Iterator[RenderableType]:
    """The newest runs: of one metric also what was measured, of several only what is compared."""
    runs = sorted({point.run for metric in trend.metrics for point in metric.points})
    only = trend.metrics[0] if len(trend.metrics) == 1 else None
    yield _table_of_one(only, runs[-_MOST_ROWS:]) if only else _table_of_several(trend.metrics, runs[-_MOST_ROWS:])
    if len(runs) > _MOST_ROWS:
        hidden = f"{INDENT}the newest {_MOST_ROWS} of {len(runs)} runs; --json FILE writes them all"
        yield Text(hidden, QUIET)


def _table_of_one(metric: MetricTrend, runs: Sequence[int]) -> FittingTable:
    columns = (*_WHICH_RUN, Column(metric.metric), *map(Column, ("measured", "kernel")))
    rows = []
    for point in metric.points:
        if point.run in runs:
            paced = metric.at_one_pace and point.reference_ns is not None
            measured = Text(_value(metric, point.measured)) if paced else Text()
            kernel = Text(_ns(point.reference_ns)) if paced and point.reference_ns else Text()
            rows.append([*_which_run(point), Text(_value(metric, point.value)), measured, kernel])
    return FittingTable(columns, rows, first_to_go=("kernel", "measured"))


def _table_of_several(metrics: Sequence[MetricTrend], runs: Sequence[int]) -> FittingTable:
    titles = [metric.metric.removesuffix(".latency.p50").replace("latency.p50", "all") for metric in metrics]
    which = {point.run: _which_run(point) for metric in metrics for point in metric.points}
    values = [{point.run: Text(_value(metric, point.value)) for point in metric.points} for metric in metrics]
    missing = Text(UNKNOWN, QUIET)
    rows = [[*which[run], *(each.get(run, missing) for each in values)] for run in runs]
    columns = (*_WHICH_RUN, *map(Column, titles))
    return FittingTable(columns, rows, first_to_go=list(reversed(titles[1:])))


_WHICH_RUN: Final = (Column("began (UTC)", "word"), VERSION, Column("commit", "word"))


def _which_run(point: TrendPoint) -> list[Text]:
    cells = version_cell(point.engine_version), commit_cell(point.commit, modified=point.engine_modified)
    return [Text(began(point.started_at)), *cells]


def _value(metric: MetricTrend, value: float) -> str:
    return units.format_quantity(metric.unit, value)


def _ns(value_ns: float) -> str:
    return units.format_duration(value_ns)
