"""Saved runs and baselines as tables; a run against its baseline, and that verdict in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text

from perfcli import units
from perfcli.metrics.distribution import is_thin
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Block, Code, Column, Facts, Line, Notes, Section, Table
from perfcli.report.wording import (
    HINT,
    UNKNOWN,
    VERSION,
    commit_cell,
    commit_word,
    counted,
    cpus_in_words,
    engine_of,
    engine_words,
    figure,
    name,
    one_line,
    share,
    signed,
    verdict_word,
    version_cell,
)
from perfcli.results import TOTAL, BaselineComparison, OperationChange, RunResult

if TYPE_CHECKING:
    from perfcli.history.kept_runs import History, KeptRun

_CHANGE_COLUMNS: Final = (
    Column("", "word"),
    Column("operation", "prose", least=14),
    *map(Column, ("p50 then", "p50 now", "change", "p")),
)
_CHANGES_FIRST_TO_GO: Final = ("p", "p50 then", "p50 now")
_STYLES: Final = {"regression": f"bold {BAD}", "improvement": GOOD, "inconclusive": DOUBTFUL, "incomparable": DOUBTFUL}
_IN_TIME: Final = "~"
_UNITS: Final = "change in units of the reference kernel, which ran beside the load and took"
_TIMED: Final = "as timed: it waits for the simulated AI, whatever the machine's speed"


def baseline_section(result: RunResult) -> Section:
    """The comparison with a baseline; nothing for a run that was compared with none."""
    compared = result.baseline
    if compared is None:
        return Section("baseline", ())
    is_clear = compared.change == "no change" or (compared.change == "incomparable" and not compared.operations)
    return Section("baseline", list(_blocks(compared)), brief=() if is_clear else None)


def baseline_in_brief(result: RunResult) -> Iterator[tuple[str, Text]]:
    """The outcome on a line."""
    if baseline_section(result).brief is not None and result.baseline is not None:
        yield "baseline", comparison_word(result.baseline)


def comparison_word(compared: BaselineComparison) -> Text:
    """What became of it, with what is slower: `REGRESSION against main: create_pet +31%`."""
    slower = [f"{one_line(each.name)} {_change(each)}" for each in compared.operations if each.change == "regression"]
    more = {"regression": ", ".join(slower), "incomparable": one_line("; ".join(compared.reasons))}
    why = more.get(compared.change, "")
    return Text.assemble(_outcome(compared), f": {why}" if why else "")


def _outcome(compared: BaselineComparison) -> Text:
    relation = "with" if compared.change == "incomparable" else "against"
    return Text.assemble(_word(compared.change), f" {relation} {one_line(compared.name)}")


def _blocks(compared: BaselineComparison) -> Iterator[Block]:
    yield Facts([("baseline", _which(compared))])
    if compared.operations:
        totals = int(compared.operations[-1].name == TOTAL)
        rows = list(map(_change_row, compared.operations))
        timed = (_IN_TIME, Text(_TIMED))
        yield Table(_CHANGE_COLUMNS, rows, "baseline", totals=totals, first_to_go=_CHANGES_FIRST_TO_GO, legend=[timed])
        yield from _footnotes(compared)
    remarks = [*compared.reasons, *(f"{each.name}: {each.reason}" for each in compared.operations if each.reason)]
    if remarks:
        yield Notes([name(remark) for remark in remarks])


def _which(compared: BaselineComparison) -> Text:
    """The outcome, what the baseline was, and what the outcome means for the exit code if that is not plain."""
    engine = engine_words("", compared.engine_version, compared.commit, modified=False)
    margin = f"margin {units.format_percentage(compared.margin)}"
    forgiven = compared.change in ("incomparable", "inconclusive") and not compared.strict
    more = [compared.started_at, engine, margin, "--strict makes it fail" if forgiven else ""]
    return Text.assemble(_outcome(compared), (f"  ({', '.join(filter(None, more))})", QUIET))


def _change_row(operation: OperationChange) -> list[Text]:
    style = _STYLES.get(operation.change, "")
    label = "total" if operation.name == TOTAL else operation.name
    return [
        _word(operation.change),
        name(label),
        figure(operation.base_p50_ns, units.format_duration),
        figure(operation.p50_ns, units.format_duration),
        Text(_change(operation) if operation.ratio is not None else UNKNOWN, style),
        figure(operation.p_slower if _slows(operation) else operation.p_faster, _probability),
    ]


def _slows(operation: OperationChange) -> bool:
    return operation.ratio is None or operation.ratio >= 1


def _change(operation: OperationChange) -> str:
    if operation.ratio is None:
        return UNKNOWN
    return (_IN_TIME if operation.in_time else "") + signed(share)(operation.ratio - 1)


def _probability(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _word(change: str) -> Text:
    return Text(change.upper() if change == "regression" else change, _STYLES.get(change, ""))


def _footnotes(compared: BaselineComparison) -> Iterator[Block]:
    in_units = any(each.ratio is not None and not each.in_time for each in compared.operations)
    if compared.base_reference_ns and compared.reference_ns and in_units:
        then, now = map(units.format_duration, (compared.base_reference_ns, compared.reference_ns))
        yield Line(Text(f"{_UNITS} {then} then, {now} now", QUIET))


_HOW_TO_SAVE: Final = "digipal-perf run SCENARIO --save"
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
    table = Table(_COLUMNS, list(map(_row, history.runs)), "runs", first_to_go=_FIRST_TO_GO)
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
    return f"{verb} baseline {label}: {', '.join(one_line(run.name) for run in runs)} of {one_line(engines)}, in {path}"


def _baseline_row(label: str, runs: Sequence[RunResult]) -> list[Text]:
    return [
        name(label, "bold"),
        Text(str(len(runs))),
        Text(max(map(_began_exactly, runs))),
        _commits(runs),
        name(", ".join(run.name for run in runs)),
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
                Text(_began_exactly(run)),
            ]
        )
        heads, kernel = [Text(), Text()], Text()
    return rows or [[*heads, *(Text(UNKNOWN, QUIET) for _ in range(5)), kernel, Text(_began_exactly(run))]]


def _began_exactly(run: RunResult) -> str:
    return run.started_at[:19].replace("T", " ")


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
