"""Results side by side: which runs belong together, what they differ in, and the figures of both; `compare` reads it.

The first result is the base. Runs belong together if they are of one scenario and one variation of it; a lone run of a
scenario on either side also meets a lone run of another variation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from perfcli.errors import ExitCode, UsageError, Verdict, nearest, worst
from perfcli.figures import METRICS, Group, Metric, View, in_group
from perfcli.history.baseline import baseline_of, one_of_each
from perfcli.history.compare import compare
from perfcli.history.store import Store, read_runs
from perfcli.metrics.distribution import is_thin
from perfcli.results import (
    TOTAL,
    BaselineComparison,
    Environment,
    RunResult,
    ThresholdResult,
    Variation,
    variation_text,
)
from perfcli.results.observed import Record
from perfcli.units import Unit

COMPARE_SCHEMA_VERSION: Final = 1
_STDIN: Final = Path("/dev/stdin")
_PERCENTILES: Final = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True)
class Source:
    """Runs, by what the user typed to have them."""

    name: str
    runs: tuple[RunResult, ...]


class ComparedRun(Record):
    """One of two runs."""

    source: str = Field(description="file, baseline or saved run it was read from")
    label: str = Field(
        description="how it differs from the other run: engine, commit, sources, variation, source, time"
    )
    started_at: str = Field(description="when the run began: UTC, ISO 8601")
    verdict: Verdict = Field(description="how the run ended")
    environment: Environment = Field(description="machine and versions of the run")


class Difference(Record):
    """What two runs differ in, though it may leave them comparable."""

    what: str = Field(description="e.g. engine, commit, seed")
    base: str = Field(description="of the base; empty if it is not known")
    now: str = Field(description="of the other run")


class FigurePair(Record):
    """A figure of both runs, as it was measured; not judged."""

    operation: str = Field(description="the operation, or `all operations`; empty for a figure of the run")
    metric: str = Field(description="name, as in thresholds")
    unit: Unit = Field(description="kind of quantity, as in thresholds")
    base: float | None = Field(description="of the base, in the base unit; null: not measured")
    now: float | None = Field(description="of the other run")
    is_hint: bool = Field(default=False, description="whether either run has too few samples for this percentile")


class ThresholdPair(Record):
    """A threshold in both runs."""

    expr: str = Field(description="the threshold as written in the scenario")
    phase: str = Field(description="the phase it judges; empty for the whole run")
    base: ThresholdResult | None = Field(description="in the base; null if it has no such threshold")
    now: ThresholdResult | None = Field(description="in the other run")


class ResultPair(Record):
    """A run beside the base's run of the same scenario."""

    scenario: str = Field(description="the scenario's name")
    variation: Variation = Field(
        default={}, description="the swept keys and their values; empty without a sweep, or if the runs differ in them"
    )
    base: ComparedRun = Field(description="run compared with")
    now: ComparedRun = Field(description="run judged")
    differences: list[Difference] = Field(description="differences between the runs, comparable or not")
    comparison: BaselineComparison = Field(description="the run against the base, by the rules of baselines")
    figures: list[FigurePair] = Field(description="percentiles of each operation, and memory")
    thresholds: list[ThresholdPair] = Field(description="each threshold of either run")


class Unmatched(Record):
    """A run that nothing was compared with."""

    scenario: str = Field(description="the scenario's name")
    variation: Variation = Field(default={}, description="the swept keys and their values")
    held_by: str = Field(description="the source that has it")
    missing_in: str = Field(description="the source that does not")


class ResultsComparison(Record):
    """Results side by side; `compare --json` writes it."""

    kind: Literal["compare"] = Field(default="compare", description="identifies the kind of file")
    schema_version: Literal[1] = Field(
        default=COMPARE_SCHEMA_VERSION, description="version of the format; see docs/results.md#schema-version"
    )
    pairs: list[ResultPair] = Field(description="runs paired with the base's run of the same scenario and variation")
    unmatched: list[Unmatched] = Field(default=[], description="runs with nothing to compare with")
    strict: bool = Field(default=False, description="whether `--strict` was given")

    @property
    def exit_code(self) -> int:
        """The most severe of all pairs; with `strict` also 4 for a run without a partner."""
        lonely = ExitCode.INVALID if self.strict and self.unmatched else ExitCode.PASS
        return worst([lonely, *(pair.comparison.exit_code for pair in self.pairs)])


def read_source(text: str, store: Store) -> Source:
    """The runs of a file, of a baseline, or of a saved run by its id or the beginning of it.

    A text with a slash, or that ends in .json, is a file; `-` is stdin.

    Raises:
        UsageError: there is nothing of that name, it cannot be read, or it has several runs of one scenario.
    """
    name, path = _located(text, store)
    return Source(name, one_of_each(read_runs(path), path))


def side_by_side(sources: Sequence[Source], *, strict: bool = False) -> ResultsComparison:
    """Each source after the first against the first.

    Raises:
        UsageError: they have no scenario in common.
    """
    base, *others = sources
    pairs: list[ResultPair] = []
    unmatched: list[Unmatched] = []
    for other in others:
        partners = list(_matched(base.runs, other.runs))
        pairs += [_pair(base.name, then, other.name, now, strict=strict) for then, now in partners]
        met = {id(run) for both in partners for run in both}
        for held, missing in ((base, other), (other, base)):
            alone = [run for run in held.runs if id(run) not in met]
            unmatched += [
                Unmatched(scenario=run.name, variation=run.variation, held_by=held.name, missing_in=missing.name)
                for run in alone
            ]
    if not pairs:
        scenarios = "; ".join(
            f"{each.name} has {', '.join(dict.fromkeys(run.name for run in each.runs))}" for each in sources
        )
        raise UsageError(f"no scenario in common: {scenarios}", hint="compare results that hold the same scenario")
    return ResultsComparison(pairs=pairs, unmatched=unmatched, strict=strict)


def _located(text: str, store: Store) -> tuple[str, Path]:
    if text == "-":
        return "stdin", _STDIN
    if "/" in text or text.endswith(".json"):
        return Path(text).name, Path(os.path.expanduser(text))
    if baseline := baseline_of(text, store):
        return text, baseline
    saved = store.saved(text)
    if len(saved) == 1:
        return text, saved[0]
    if saved:
        ids = ", ".join(store.run_id(path) for path in saved[:4])
        raise UsageError(f"{text} matches several saved runs: {ids}{' …' if len(saved) > 4 else ''}")
    baselines = sorted(path.stem for path in store.baselines.glob("[!.]*.json"))
    meant = nearest(text, baselines)
    hint = "digipal-perf history lists the ids of saved runs; write a file with its path: ./results.json"
    raise UsageError(
        f"{text}: neither a file, a baseline nor a saved run in {store.directory} "
        f"(baselines: {', '.join(baselines) or 'none'})",
        hint=f"did you mean {meant}?" if meant else hint,
    )


def _matched(base: Sequence[RunResult], now: Sequence[RunResult]) -> Iterator[tuple[RunResult, RunResult]]:
    of_base = {run.series: run for run in base}
    for run in now:
        then = of_base.get(run.series) or _lone(base, run.name) if _lone(now, run.name) else of_base.get(run.series)
        if then is not None:
            yield then, run


def _lone(runs: Sequence[RunResult], scenario: str) -> RunResult | None:
    """The run of a scenario, if there is but one."""
    found = [run for run in runs if run.name == scenario]
    return found[0] if len(found) == 1 else None


def _pair(base_name: str, base: RunResult, now_name: str, now: RunResult, *, strict: bool) -> ResultPair:
    differences = [
        Difference(what=what, base=then, now=here)
        for (what, then), (_, here) in zip(_identity(base), _identity(now), strict=True)
        if then != here
    ]
    labels = _labels(differences, (base_name, now_name), (base, now))
    return ResultPair(
        scenario=now.name,
        variation=now.variation if now.variation == base.variation else {},
        base=_compared_run(base_name, labels[0], base),
        now=_compared_run(now_name, labels[1], now),
        differences=differences,
        comparison=compare(base, now, name=labels[0], strict=strict),
        figures=list(_figures(base, now)),
        thresholds=_thresholds(base, now),
    )


def _identity(run: RunResult) -> list[tuple[str, str]]:
    """What a run can differ in; first what names it best."""
    where = run.environment
    return [
        ("engine", run.engine),
        ("commit", run.commit[:12] or ("modified" if run.engine_modified else "")),
        ("sources", where.engine_version),
        ("variation", variation_text(run.variation)),
        ("seed", str(run.seed)),
        ("digipal-perf", where.tool_version),
        ("processes", str(run.processes)),
    ]


_NAMING: Final = ("engine", "commit", "sources", "variation")


def _labels(
    differences: Sequence[Difference], names: tuple[str, str], runs: tuple[RunResult, RunResult]
) -> tuple[str, str]:
    """What tells two runs from one another, in a word each."""
    for difference in differences:
        if difference.what in _NAMING and difference.base and difference.now:
            return difference.base, difference.now
    times = runs[0].started_at, runs[1].started_at
    return times if names[0] == names[1] and times[0] != times[1] else names


def _compared_run(source: str, label: str, run: RunResult) -> ComparedRun:
    return ComparedRun(
        source=source,
        label=label,
        started_at=run.started_at,
        verdict=run.verdict,
        environment=run.environment,
    )


def _figures(base: RunResult, now: RunResult) -> Iterator[FigurePair]:
    labels = dict.fromkeys(each.name for run in (base, now) for each in run.operations)
    whole = [""] if len(labels) > 1 else []
    for label in [*labels, *whole]:
        views = View(base, label=label), View(now, label=label)
        samples = [view.operation.ok if view.operation else 0 for view in views]
        for statistic in _PERCENTILES:
            is_hint = any(is_thin(statistic, count) for count in samples)
            yield from _figure(METRICS["latency"], views, label or TOTAL, statistic, is_hint=is_hint)
    for metric in in_group(Group.MEMORY):
        yield from _figure(metric, (View(base), View(now)), "")


def _figure(
    metric: Metric, views: tuple[View, View], operation: str, statistic: str = "", *, is_hint: bool = False
) -> Iterator[FigurePair]:
    """The figure, if one of both has it."""
    then, here = (metric.value(view, statistic) for view in views)
    if then is not None or here is not None:
        name = ".".join(filter(None, (metric.name, statistic)))
        yield FigurePair(operation=operation, metric=name, unit=metric.unit, base=then, now=here, is_hint=is_hint)


def _thresholds(base: RunResult, now: RunResult) -> list[ThresholdPair]:
    then, here = ({(each.phase, each.expr): each for each in run.thresholds} for run in (base, now))
    return [
        ThresholdPair(expr=expr, phase=phase, base=then.get((phase, expr)), now=here.get((phase, expr)))
        for phase, expr in dict.fromkeys([*here, *then])
    ]
