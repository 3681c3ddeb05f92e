"""Reports on a console: blocks, one scenario in full, several in a table, all that are there in a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.report.blocks import (
    DOUBTFUL,
    QUIET,
    SPARK,
    Block,
    Chart,
    Code,
    Column,
    Facts,
    Line,
    Notes,
    Plot,
    Section,
    Table,
)
from perfcli.report.blocks import (
    Verdict as Answer,
)
from perfcli.report.compared import comparison_word, render_compared
from perfcli.report.figures import counted, figure, name, name_as_is, one_line, share, verdict_word
from perfcli.report.footnotes import render_footnotes
from perfcli.report.headline import render_headline
from perfcli.report.judgement import outcome, render_verdict, verdict_line
from perfcli.report.layout import INDENT, FittingTable, Hanging, labelled, listed
from perfcli.report.operations import is_open, render_errors, render_operations
from perfcli.report.phases import render_phases
from perfcli.report.plots import render_plots
from perfcli.report.resources import render_resources
from perfcli.report.sparkline import HEIGHTS, PLAIN_HEIGHTS
from perfcli.report.stability import render_stability
from perfcli.report.terminal import is_plain
from perfcli.report.thresholds import describe, limit_used, render_thresholds
from perfcli.results import RunResult
from perfcli.scenario.models import Scenario

_FAILED_FIRST: Final = (Verdict.FAIL, Verdict.ERROR, Verdict.INVALID, Verdict.INTERRUPTED, Verdict.PASS)
_SUMMARY_COLUMNS: Final = (
    Column("", "word"),
    Column("scenario", "prose", least=22),
    *map(Column, ("duration", "ok", "failed", "rate", "mean", "max")),
    Column("limit most used, or why not", "prose", least=28),
)
_SUMMARY_FIRST_TO_GO: Final = ("failed", "ok", "max", "rate", "mean", "duration")
_LONGEST_NAME: Final = 28
_TO_ASCII: Final = str.maketrans(HEIGHTS, PLAIN_HEIGHTS)


def render_result(result: RunResult, *, plots: bool = False) -> RenderableType:
    """All of one scenario: what ran, its operations, resources, thresholds, and last its verdict.

    Args:
        plots: whether the latency of each operation is drawn, too.
    """
    sections = [render_headline(result)]
    if result.duration_ns is not None or result.total.attempts:
        drawn = [render_plots(result)] if plots else []
        sections += [*_load(result), *drawn, render_resources(result), render_stability(result)]
    sections += [render_thresholds(result), render_compared(result), render_verdict(result)]
    return Group(*_spaced(sections))


def render_summary(results: Sequence[RunResult]) -> RenderableType:
    """One line for each scenario: what did not pass first, then the slowest by mean latency.

    The last column names the limit that is nearest. Upper limits only (times, memory, degradation): a success rate of
    100 % against 95 % looks close to its limit, and is perfect.
    """
    ordered = sorted(results, key=_concern)
    table = FittingTable(_SUMMARY_COLUMNS, list(map(_summary_row, ordered)), first_to_go=_SUMMARY_FIRST_TO_GO)
    order = Text("what did not pass first, then the slowest by mean latency", QUIET)
    return Group(table, Hanging(Text(INDENT), order), Text(), _tally(results))


def render_list(scenarios: Sequence[tuple[Scenario, str]]) -> RenderableType:
    """What can be run: name, description, what runs, tags."""
    if not scenarios:
        return Text("No scenarios here.")
    width = max((len(scenario.name) for scenario, _ in scenarios if len(scenario.name) <= _LONGEST_NAME), default=0)
    return Group(*(_listed_scenario(scenario, plan, width) for scenario, plan in scenarios))


def render_verdict_line(result: RunResult) -> RenderableType:
    """The verdict of one scenario on one line."""
    return verdict_line(result)


def render_retry(result: RunResult) -> RenderableType:
    """That a starved run is repeated, and why."""
    return Hanging(Text("again ", DOUBTFUL).append_text(name(result.name, "bold")).append(INDENT), name(result.starved))


def to_console(document: Iterable[Section], *, brief: bool = False) -> RenderableType:
    """A document on a console.

    Args:
        brief: whether sections show their brief forms, without blank lines between them.
    """
    return _Report(document, brief=brief)


class _Report:
    """Sections one below the other: all of them with blank lines between, or their brief forms without."""

    def __init__(self, sections: Iterable[Section], *, brief: bool) -> None:
        self._sections = list(sections)
        self._brief = brief

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What the sections show; a sign is explained where it is met first."""
        plain = is_plain(console) or options.ascii_only
        explained: set[str] = set()
        is_first = True
        for section in self._sections:
            parts: list[RenderableType] = []
            for block in section.on_console(brief=self._brief):
                if isinstance(block, Table):
                    parts += self._table(block, options.max_width, explained, plain=plain)
                else:
                    parts += _render(block)
            if parts and not is_first and not self._brief:
                yield Text()
            is_first = is_first and not parts
            yield from parts

    def _table(self, table: Table, width: int, explained: set[str], *, plain: bool) -> Iterator[RenderableType]:
        if not table.shown():
            return
        rows = [list(map(_ascii_spark, row)) for row in table.rows] if plain else table.rows
        fitting = FittingTable(
            table.columns, rows, first_to_go=table.first_to_go, totals=table.totals, ruled=not self._brief
        )
        yield fitting
        signs = [each for each in table.explained(fitting.places_that_fit(width)) if each[0] not in explained]
        explained.update(sign for sign, _ in signs)
        yield from labelled((sign, Text(meaning.plain, QUIET)) for sign, meaning in signs)


def _render(block: Block) -> Iterator[RenderableType]:
    match block:
        case Facts(rows):
            yield from labelled((label, text) for label, text in rows if text)
        case Notes(items):
            yield from listed(items)
        case Line(text, lead):
            yield Hanging(Text(INDENT) if lead is None else Text.assemble(lead, INDENT), text)
        case Answer(word, named, text, reasons):
            yield Hanging(Text.assemble(word, INDENT), Text.assemble(named, INDENT, text))
            yield from listed(reasons)
        case Code(text):
            yield from (Text(INDENT * 2, QUIET).append_text(name_as_is(line)) for line in text.splitlines())
        case Plot(title, drawing):
            yield Hanging(Text(INDENT), title)
            yield drawing
        case Table() | Chart():
            pass


def _ascii_spark(text: Text) -> Text:
    return Text(text.plain.translate(_TO_ASCII)) if text.style == SPARK else text


def _spaced(sections: Sequence[Iterator[RenderableType]]) -> Iterator[RenderableType]:
    filled = [parts for parts in map(list, sections) if parts]
    for index, parts in enumerate(filled):
        if index:
            yield Text()
        yield from parts


def _load(result: RunResult) -> Iterator[Iterator[RenderableType]]:
    """Phases in tables of their own; a single one is the run itself."""
    arrives = any(map(is_open, result.phases))
    if len(result.phases) > 1:
        yield from render_phases(result.phases)
        yield render_footnotes(result.phases, from_due_time=arrives)
    else:
        table = render_operations(result, from_due_time=arrives)
        yield chain(table, render_footnotes([result], from_due_time=arrives))
    yield render_errors(result.operations)


def _concern(result: RunResult) -> tuple[float, float]:
    latency = result.total.latency
    fails = result.verdict is Verdict.PASS and result.exit_code != result.own_exit_code
    return _FAILED_FIRST.index(result.verdict) - fails / 2, -(latency.mean_ns if latency else 0.0)


def _nearest_limit(result: RunResult) -> tuple[float, str] | None:
    counting = [threshold for threshold in result.thresholds if threshold.strict]
    shares = [(used, describe(each)) for each in counting if (used := limit_used(each)) is not None]
    return max(shares, default=None)


def _summary_row(result: RunResult) -> list[Text]:
    total = result.total
    latency = total.latency
    return [
        verdict_word(result.verdict),
        name(result.name),
        figure(result.duration_ns, units.format_duration),
        figure(total.ok, units.format_count),
        figure(total.failed, units.format_count),
        figure(total.throughput_per_s if result.duration_ns else None, units.format_rate),
        figure(latency.mean_ns if latency else None, units.format_duration),
        figure(latency.max_ns if latency else None, units.format_duration),
        _why(result),
    ]


def _why(result: RunResult) -> Text:
    if result.verdict is not Verdict.PASS:
        first, *more = result.reasons or [outcome(result)]
        return name(f"{first} (and {len(more)} more)" if more else first)
    if result.baseline is not None and result.exit_code != result.own_exit_code:
        return comparison_word(result.baseline)
    nearest = _nearest_limit(result)
    if nearest is None:
        return Text(outcome(result), QUIET)
    used, expr = nearest
    return Text.assemble(f"{share(used)} of ", name(expr))


def _tally(results: Sequence[RunResult]) -> Text:
    counts = [(verdict, sum(result.verdict is verdict for result in results)) for verdict in Verdict]
    said = [Text.assemble(units.format_count(count), " ", verdict_word(verdict)) for verdict, count in counts if count]
    return Text.assemble(counted(len(results), "scenario"), ": ", Text(", ").join(said))


def _listed_scenario(scenario: Scenario, plan: str, width: int) -> Hanging:
    lines = [Text(one_line(scenario.description))] if scenario.description.strip() else []
    tags = f"  [{', '.join(scenario.tags)}]" if scenario.tags else ""
    lines.append(Text(one_line(plan) + tags, QUIET))
    return Hanging(Text(f"{scenario.name:<{width}}{INDENT}", "bold"), Text("\n").join(lines))
