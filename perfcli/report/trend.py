"""How a scenario's metrics went from run to run, as blocks: what changed, a sparkline of each, the newest runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.figures import Better
from perfcli.figures.count_changes import MARGIN
from perfcli.history.trend import ChangePoint, MetricTrend, Trend, TrendPoint
from perfcli.inference.change_point import LEAST_SEGMENT
from perfcli.report.blocks import BAD, GOOD, QUIET, Block, Code, Column, Line, Plot, Section, Table
from perfcli.report.drawings import MARK, Sparkline
from perfcli.report.history import began
from perfcli.report.layout import INDENT
from perfcli.report.wording import (
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
from perfcli.results import titled

_MOST_ROWS: Final = 20
_MOST_VARIATIONS: Final = 10
_LEAST_RUNS: Final = 2 * LEAST_SEGMENT
_SHIFT: Final = signed(share)


def trend_document(trend: Trend) -> list[Section]:
    """What became of each metric, each with its changes, then the newest runs."""
    sections = [Section("trend", list(_headline(trend)))]
    sections += [Section(metric.metric, list(_metric(metric))) for metric in trend.metrics]
    if any(metric.points for metric in trend.metrics):
        sections.append(Section("runs", list(_figures(trend))))
    return sections


def _headline(trend: Trend) -> Iterator[Block]:
    left_out, title = sum(trend.left_out.values()), titled(trend.scenario, trend.variation)
    yield Line(Text.assemble(counted(trend.runs - left_out, "run"), "; ", _answer(trend)), name(title, "bold"))
    if left_out:
        why = ", ".join(f"{reason} ({count})" for reason, count in trend.left_out.items())
        yield Line(name(f"{left_out} of {counted(trend.runs, 'saved run')} skipped: {why}"))
    if trend.other_variations:
        shown = trend.other_variations[:_MOST_VARIATIONS]
        more = len(trend.other_variations) - len(shown)
        others = "; ".join([*shown, *([f"{more} more"] if more else [])])
        yield Line(Text.assemble("other variations, for --variation: ", name(others)))
    if trend.pace_ns and any(metric.at_one_pace for metric in trend.metrics):
        yield Line(Text(f"times are normalised by the reference kernel: {_ns(trend.pace_ns)}", QUIET))


def _answer(trend: Trend) -> Text:
    """The metrics by their newest change."""
    newest = [(metric, metric.changes[-1]) for metric in trend.metrics if metric.changes]
    parts = []
    for word in ("WORSE", "better", "changed"):
        judged = [(metric, _judged(metric, change)) for metric, change in newest]
        of_word = [name(metric.metric) for metric, text in judged if text.plain == word]
        if of_word:
            style = next(text.style for _, text in judged if text.plain == word)
            parts.append(Text.assemble((word, style), ": ", Text(", ").join(of_word)))
    return Text("; ").join(parts) if parts else Text("no metric changed", QUIET)


def _metric(metric: MetricTrend) -> Iterator[Block]:
    values = [point.value for point in metric.points]
    ends = (("min", min), ("median", median), ("max", max))
    span = ", ".join(f"{end} {_value(metric, of(values))}" for end, of in ends) if values else "nothing was measured"
    yield Line(Text.assemble(span, (_remarks(metric), QUIET)), Text.assemble(INDENT, name(metric.metric, "bold")))
    if not values:
        return
    yield Plot(Text(), Sparkline(values, [change.index for change in metric.changes]))
    if metric.exact:
        yield from _exactly(metric)
    elif len(values) < _LEAST_RUNS:
        needed = f"too few runs to find a change: {_LEAST_RUNS} needed, {len(values)} have this metric"
        yield Line(Text(needed, QUIET), Text(INDENT))
    elif not metric.changes:
        yield Line(Text("no change", QUIET), Text(INDENT))
    for change in metric.changes:
        yield from _change(metric, change)


def _exactly(metric: MetricTrend) -> Iterator[Block]:
    """That nothing changed, and the runs that were held against none before."""
    if not metric.changes:
        yield Line(Text(f"exact: no change of more than {units.format_percentage(MARGIN)}", QUIET), Text(INDENT))
    for each in metric.incomparable:
        point = metric.points[each.index]
        run = _run(point.commit, point.engine_version, point.started_at)
        yield Line(Text.assemble("not compared: ", run, f": {one_line(each.reason)}"), Text(INDENT * 2))


def _remarks(metric: MetricTrend) -> str:
    remarks = []
    if metric.unit is units.Unit.DURATION and not metric.at_one_pace:
        remarks.append("as measured, not normalised")
    if metric.missing:
        remarks.append(f"missing in {counted(metric.missing, 'run')}")
    return f"; {'; '.join(remarks)}" if remarks else ""


def _judged(metric: MetricTrend, change: ChangePoint) -> Text:
    if metric.better is Better.NEITHER:
        return Text("changed")
    return Text("WORSE", f"bold {BAD}") if change.is_worse else Text("better", GOOD)


def _change(metric: MetricTrend, change: ChangePoint) -> Iterator[Block]:
    levels = f"{_value(metric, change.before)} to {_value(metric, change.after)}"
    moved = levels if change.shift is None else f"{_SHIFT(change.shift)} ({levels})"
    where = "a drift, between" if change.gradual else "between"
    text = Text.assemble(
        _judged(metric, change),
        f": {moved}, {where} ",
        _run(change.last_before, change.version_before, change.began_after),
        " and ",
        _run(change.first_after, change.version_after, change.seen_at),
    )
    yield Line(text, Text(f"{INDENT * 2}{MARK}"))
    if change.confirm:
        yield Code(one_line(change.confirm), "to confirm it", command=True)
    if why := _why_unsure(change):
        yield Line(Text(why, QUIET), Text(INDENT * 2))


def _run(commit: str, version: str, started_at: str) -> Text:
    engine = engine_words("", version, commit, modified=False) or "an unknown engine"
    return name(engine).append(f" ({began(started_at)})")


def _why_unsure(change: ChangePoint) -> str:
    """Why no command can confirm a change."""
    if change.version_before and change.version_before == change.version_after:
        return "same sources on both sides: the engine is not the cause"
    if change.last_before and change.last_before == change.first_after:
        return "same commit, different sources: at least one run had uncommitted changes"
    return "" if change.confirm else "no command can confirm it: a run had uncommitted changes, or no git commit"


def _figures(trend: Trend) -> Iterator[Block]:
    """The newest runs: of one metric also what was measured, of several only what is compared."""
    runs = sorted({point.run for metric in trend.metrics for point in metric.points})
    only = trend.metrics[0] if len(trend.metrics) == 1 else None
    yield _table_of_one(only, runs[-_MOST_ROWS:]) if only else _table_of_several(trend.metrics, runs[-_MOST_ROWS:])
    if len(runs) > _MOST_ROWS:
        yield Line(Text(f"the newest {_MOST_ROWS} of {len(runs)} runs; --json FILE writes them all", QUIET))


def _table_of_one(metric: MetricTrend, runs: Sequence[int]) -> Table:
    columns = (*_WHICH_RUN, Column(metric.metric), *map(Column, ("measured", "kernel")))
    rows = []
    for point in metric.points:
        if point.run in runs:
            paced = metric.at_one_pace and point.reference_ns is not None
            measured = Text(_value(metric, point.measured)) if paced else Text()
            kernel = Text(_ns(point.reference_ns)) if paced and point.reference_ns else Text()
            rows.append([*_which_run(point), Text(_value(metric, point.value)), measured, kernel])
    return Table(columns, rows, "runs", first_to_go=("kernel", "measured", *_WHICH_TO_GO))


def _table_of_several(metrics: Sequence[MetricTrend], runs: Sequence[int]) -> Table:
    titles = [metric.metric.removesuffix(".latency.p50").replace("latency.p50", "all") for metric in metrics]
    which = {point.run: _which_run(point) for metric in metrics for point in metric.points}
    values = [{point.run: Text(_value(metric, point.value)) for point in metric.points} for metric in metrics]
    missing = Text(UNKNOWN, QUIET)
    rows = [[*which[run], *(each.get(run, missing) for each in values)] for run in runs]
    columns = (*_WHICH_RUN, *map(Column, titles))
    return Table(columns, rows, "runs", first_to_go=(*reversed(titles[1:]), *_WHICH_TO_GO))


_WHICH_RUN: Final = (Column("began (UTC)", "word"), VERSION, Column("commit", "word"))
_WHICH_TO_GO: Final = (VERSION.title, "commit")


def _which_run(point: TrendPoint) -> list[Text]:
    cells = version_cell(point.engine_version), commit_cell(point.commit, modified=point.engine_modified)
    return [Text(began(point.started_at)), *cells]


def _value(metric: MetricTrend, value: float) -> str:
    return units.format_quantity(metric.unit, value)


def _ns(value_ns: float) -> str:
    return units.format_duration(value_ns)
