"""Several runs in tables: a line for each scenario, and for each variation of a sweep; one run on a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from perfcli import units
from perfcli.errors import ExitCode, Verdict
from perfcli.figures import METRICS
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Column, Line, Section, Table
from perfcli.report.compared import ABOUT, OF_AN_OPERATION, comparison_word, count_cell
from perfcli.report.console import to_console
from perfcli.report.layout import INDENT, Hanging
from perfcli.report.operations import THIN, if_any, latency
from perfcli.report.run import outcome, run_document, verdict_line
from perfcli.report.thresholds import limit_used, nearest_limit, subject
from perfcli.report.wording import counted, figure, name, share, signed, verdict_word
from perfcli.results import RunResult, Variation, value_text

if TYPE_CHECKING:
    from perfcli.ab.result import AbResult

_FAILED_FIRST: Final = (Verdict.FAIL, Verdict.ERROR, Verdict.INVALID, Verdict.INTERRUPTED, Verdict.PASS)
STATISTICS: Final = ("p50", "p95", "p99")
_MEMORY: Final = ("peak RSS", "RSS growth")
_WHY: Final = "nearest limit, or reason"
_COLUMNS: Final = (
    Column("", "word"),
    Column("scenario", "prose", least=22),
    *map(Column, ("duration", "ok", "failed", "rate", *STATISTICS)),
    Column(_WHY, "prose", least=32),
)
_FIRST_TO_GO: Final = ("ok", "p50", "rate", "duration", "p99", "p95", "failed")
_SWEEP_FIRST_TO_GO: Final = ("RSS growth", "failed", _WHY, "p50", "rate")


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
    rows = list(map(_row, sorted(results, key=_concern)))
    table = Table(_COLUMNS, rows, "scenarios", first_to_go=_FIRST_TO_GO, legend=[THIN])
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


def _row(result: RunResult) -> list[Text]:
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


class SweptRuns(NamedTuple):
    """Runs of one scenario that vary the same keys."""

    scenario: str
    keys: tuple[str, ...]
    runs: Sequence[RunResult]

    @property
    def title(self) -> str:
        """ "sweep of pet_creation by setup.pets and load.vus"."""
        return f"sweep of {self.scenario} by {' and '.join(self.keys)}"


def sweeps_of(results: Sequence[RunResult]) -> list[SweptRuns]:
    """The results that have a variation, by scenario and keys; both in the order they ran."""
    groups: dict[tuple[str, frozenset[str]], list[RunResult]] = {}
    for result in results:
        if result.variation:
            groups.setdefault((result.name, frozenset(result.variation)), []).append(result)
    return [SweptRuns(runs[0].name, tuple(runs[0].variation), runs) for runs in groups.values()]


def sweep_sections(results: Sequence[RunResult]) -> list[Section]:
    """The tables of each sweep below its name; none for results without a variation."""
    sections = []
    for sweep in sweeps_of(results):
        first, *others = variations_tables(sweep)
        sections.append(Section(sweep.title, [Line(Text(sweep.title, "bold"), Text()), first]))
        sections += [Section(table.label, [table]) for table in others]
    return sections


def variations_tables(sweep: SweptRuns) -> list[Table]:
    """What was measured in each variation, and what was counted; the former is left out if every run only counted."""
    only_counted = all(run.only_counted for run in sweep.runs)
    measured = [] if only_counted else [_measured(sweep)]
    return [*measured, *([_counts(sweep)] if any(run.exact for run in sweep.runs) else [])]


def _measured(sweep: SweptRuns) -> Table:
    """A line for each variation."""
    columns = (
        *_which(sweep),
        *map(Column, (*STATISTICS, "rate", "failed", *_MEMORY)),
        Column(_WHY, "prose", least=24),
    )
    rows = [_row_of_variation(sweep, run) for run in sweep.runs]
    return Table(columns, rows, sweep.title, first_to_go=_SWEEP_FIRST_TO_GO, legend=[THIN])


def _counts(sweep: SweptRuns) -> Table:
    """A line for each variation, operation by operation."""
    labels = [METRICS[metric].label for metric in OF_AN_OPERATION]
    operations = dict.fromkeys(label for run in sweep.runs if run.exact for label in run.exact.operations)
    rows = [
        [*_variation(sweep, run), name(label), *(count_cell(run.exact, metric, label) for metric in OF_AN_OPERATION)]
        for label in operations
        for run in sweep.runs
        if run.exact and label in run.exact.operations
    ]
    columns = (*_which(sweep), Column("operation", "word"), *map(Column, labels))
    return Table(columns, rows, f"exact counters per operation, {sweep.title}", legend=[ABOUT])


def _which(sweep: SweptRuns) -> list[Column]:
    return [Column("", "word"), *key_columns([run.variation for run in sweep.runs])]


def key_columns(variations: Sequence[Variation]) -> Iterator[Column]:
    """A column for each swept key."""
    keys = list(variations[0])
    for key in keys:
        yield Column(_short(key, keys), "figure" if are_numbers(each[key] for each in variations) else "word")


def _variation(sweep: SweptRuns, run: RunResult) -> list[Text]:
    return [verdict_word(run.verdict), *(name(value_text(run.variation[key])) for key in sweep.keys)]


def _short(key: str, keys: Sequence[str]) -> str:
    """The last part of a key, or as many parts as tell it from the other keys, from metrics and from an index."""
    parts = key.split(".")
    for count in range(1, len(parts)):
        short = ".".join(parts[-count:])
        others = (each for each in keys if each != key)
        is_clear = not parts[-count].isdecimal() and short not in METRICS
        if is_clear and not any(f".{other}".endswith(f".{short}") for other in others):
            return short
    return key


def are_numbers(values: Iterable[object]) -> bool:
    """Whether all values of a key are numbers."""
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def why(result: RunResult) -> Text:
    """The first reason of a run that does not pass, or is slower than its baseline; else the limit that is nearest."""
    if result.verdict is not Verdict.PASS:
        first, *more = result.reasons or [outcome(result)]
        # what is said after a semicolon stands in the report of the run
        return name(first.partition("; ")[0] + (f" (and {len(more)} more)" if more else ""))
    if result.baseline is not None and result.exit_code != result.own_exit_code:
        return comparison_word(result.baseline)
    nearest = nearest_limit(result)
    used = None if nearest is None else limit_used(nearest)
    if nearest is None or used is None:
        return Text(outcome(result), QUIET)
    return Text.assemble(f"{share(used)} of ", subject(nearest))


def _row_of_variation(sweep: SweptRuns, run: RunResult) -> list[Text]:
    total = run.total
    return [
        *_variation(sweep, run),
        *(latency(statistic, total.latency, total.ok) for statistic in STATISTICS),
        figure(total.throughput_per_s if run.duration_ns else None, units.format_rate),
        if_any(total.failed, BAD),
        figure(run.memory.peak, units.format_size),
        figure(run.memory.growth, signed(units.format_size)),
        why(run),
    ]
