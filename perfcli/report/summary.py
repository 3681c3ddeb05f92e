"""Several scenarios in a table, one on a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.text import Text

from perfcli import units
from perfcli.errors import ExitCode, Verdict
from perfcli.report.blocks import BAD, DOUBTFUL, Column, Line, Section, Table
from perfcli.report.console import to_console
from perfcli.report.layout import INDENT, Hanging
from perfcli.report.operations import THIN, if_any, latency
from perfcli.report.run import run_document, verdict_line
from perfcli.report.variations import STATISTICS, sweep_sections, why
from perfcli.report.wording import counted, figure, name, verdict_word
from perfcli.results import RunResult

if TYPE_CHECKING:
    from perfcli.ab.result import AbResult

_FAILED_FIRST: Final = (Verdict.FAIL, Verdict.ERROR, Verdict.INVALID, Verdict.INTERRUPTED, Verdict.PASS)
_SUMMARY_COLUMNS: Final = (
    Column("", "word"),
    Column("scenario", "prose", least=22),
    *map(Column, ("duration", "ok", "failed", "rate", *STATISTICS)),
    Column("nearest limit, or reason", "prose", least=32),
)
_SUMMARY_FIRST_TO_GO: Final = ("ok", "p50", "rate", "duration", "p99", "p95", "failed")


def summary_document(results: Sequence[RunResult]) -> list[Section]:
    """One line for each scenario: failures first, then the slowest by p95; the variations of a sweep in their order.

    The last column names the limit that is nearest. Upper limits only (times, memory, degradation): a success rate of
    100 % against 95 % looks close to its limit, and is perfect. Runs that only counted have no figures for it: if all
    of them passed, there is no table.
    """
    single = [result for result in results if not result.variation]
    says_more = any(result.duration_ns is not None or result.exit_code for result in single)
    scenarios = [_scenarios(single)] if says_more else []
    return [*scenarios, *sweep_sections(results), Section("tally", [Line(_tally(results), Text())])]


def _scenarios(results: Sequence[RunResult]) -> Section:
    rows = list(map(_summary_row, sorted(results, key=_concern)))
    table = Table(_SUMMARY_COLUMNS, rows, "scenarios", first_to_go=_SUMMARY_FIRST_TO_GO, legend=[THIN])
    return Section("scenarios", [table])


def render_run(result: RunResult, *, short: bool = False, verbose: bool = False, plot: bool = False) -> RenderableType:
    """The report of a scenario, and a blank line.

    Args:
        short: whether one that passes has but a line; for one of several, of which a summary follows.
        verbose: whether everything is printed.
        plot: whether the latency of each operation is drawn.
    """
    if short and takes_a_line(result):
        return render_verdict_line(result)
    return Group(to_console(run_document(result, plot=plot), brief=not verbose), Text())


def takes_a_line(result: RunResult | AbResult) -> bool:
    """Whether a short report of several has but a line of it."""
    return isinstance(result, RunResult) and result.exit_code == ExitCode.PASS


def render_verdict_line(result: RunResult) -> RenderableType:
    """The verdict of one scenario on one line."""
    return to_console([Section("verdict", [verdict_line(result)])])


def render_retry(result: RunResult) -> RenderableType:
    """That a starved run is repeated, and why."""
    return Hanging(
        Text("again ", DOUBTFUL).append_text(name(result.title, "bold")).append(INDENT), name(result.starved)
    )


def _concern(result: RunResult) -> tuple[float, float]:
    summary = result.total.latency
    fails = result.verdict is Verdict.PASS and result.exit_code != result.own_exit_code
    return _FAILED_FIRST.index(result.verdict) - fails / 2, -(summary.p95_ns if summary else 0.0)


def _summary_row(result: RunResult) -> list[Text]:
    total = result.total
    return [
        verdict_word(result.verdict),
        name(result.name),
        figure(result.duration_ns, units.format_duration),
        figure(total.ok, units.format_count),
        if_any(total.failed, BAD),
        figure(total.throughput_per_s if result.duration_ns else None, units.format_rate),
        *(latency(statistic, total.latency, total.ok) for statistic in STATISTICS),
        why(result),
    ]


def _tally(results: Sequence[RunResult]) -> Text:
    counts = [(verdict, sum(result.verdict is verdict for result in results)) for verdict in Verdict]
    said = [Text.assemble(units.format_count(count), " ", verdict_word(verdict)) for verdict, count in counts if count]
    swept = sum(bool(result.variation) for result in results)
    noun = "variation" if swept == len(results) else "run" if swept else "scenario"
    return Text.assemble(counted(len(results), noun), ": ", Text(", ").join(said))
