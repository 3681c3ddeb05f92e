"""How a metric went from run to run, and where its level changed.

Times of work are held against the reference kernel, which ran beside them: value = time / kernel's time. They are told
at one pace, that of the median run, so that they still read as times. Operations that wait for the simulated AI, and
all other metrics, are taken as they were measured. Each metric is a series of its own, judged at alpha 0.01.

Exact counters have no noise: each run is held against the first on its level, by the rule that baselines have, and
whatever the machine is.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from math import isfinite
from statistics import median
from typing import Final, Literal

from pydantic import Field

from perfcli.errors import UsageError
from perfcli.figures import METRICS, Better
from perfcli.figures.count_changes import count_change
from perfcli.figures.engine import COUNTERS, KEPT
from perfcli.history.compare import waits_for_ai
from perfcli.history.kept_runs import Subject, comparable, observed, subject_of, variations_of
from perfcli.inference.change_point import Change, changes
from perfcli.results import ExactCounters, RunResult, Variation, value_text
from perfcli.results.observed import Record
from perfcli.units import Unit

TREND_SCHEMA_VERSION: Final = 1
_HASH_DIGITS: Final = 12
_HASH: Final = re.compile(r"[0-9a-f]{7,64}", re.ASCII)


class TrendPoint(Record):
    """One run."""

    run: int = Field(description="its place among the runs that are compared, from 0")
    started_at: str = Field(description="when the run began: UTC, ISO 8601")
    engine_version: str = Field(default="", description="digest of the engine's source files")
    commit: str = Field(description="commit with exactly these sources; empty if unknown")
    engine_modified: bool = Field(default=False, description="whether the sources differ from the checked-out commit")
    measured: float = Field(description="in the metric's base unit: ns, bytes, a fraction, per second or a count")
    reference_ns: float | None = Field(description="median time of the reference kernel in this run")
    value: float = Field(description="value compared, in the same unit; times of work are normalised to the median run")


class ChangePoint(Record):
    """Two stretches of runs on different levels."""

    index: int = Field(description="first point on the new level; for a drift, its last point")
    last_before: str = Field(description="commit of the last run on the old level; for a drift, of its first run")
    first_after: str = Field(description="commit of the first run on the new level; for a drift, of its last run")
    version_before: str = Field(default="", description="digest of the engine's sources in the run of `last_before`")
    version_after: str = Field(default="", description="digest of the engine's sources in the run of `first_after`")
    began_after: str = Field(description="when the former of these two runs began: UTC, ISO 8601")
    seen_at: str = Field(description="when the latter began: UTC, ISO 8601")
    before: float = Field(description="median of the runs before the change")
    after: float = Field(description="median of those after it")
    shift: float | None = Field(description="0.1 is 10% more; null if it was 0 before")
    gradual: bool = Field(description="whether it is a drift over many runs, not a step")
    is_worse: bool = Field(description="whether the new level is worse; false if neither direction is worse")
    confirm: str = Field(
        description="the `ab` command that compares the two commits; empty if a commit is unknown or both runs "
        "are of the same sources"
    )


class Incomparable(Record):
    """A run whose count cannot be held against those before."""

    index: int = Field(description="of its point")
    reason: str = Field(description="what differs")


class MetricTrend(Record):
    """One metric from run to run."""

    metric: str = Field(description="name, as in thresholds")
    unit: Unit = Field(description="kind of quantity, as in thresholds")
    better: Better = Field(description="which direction is an improvement")
    at_one_pace: bool = Field(description="whether values are normalised by the reference kernel")
    points: list[TrendPoint] = Field(description="each run that has it, oldest first")
    missing: int = Field(description="runs without this metric")
    changes: list[ChangePoint] = Field(description="where its level changed")
    exact: bool = Field(
        default=False,
        description="whether it is an exact counter: a change of more than 2% is one, of memory more than 5% and 64 B",
    )
    incomparable: list[Incomparable] = Field(default=[], description="points at which an exact counter starts anew")


class Trend(Record):
    """All that is known of how a scenario's metrics went; `trend --json` writes it."""

    kind: Literal["trend"] = Field(default="trend", description="identifies the kind of file")
    schema_version: Literal[1] = Field(
        default=TREND_SCHEMA_VERSION, description="version of the format; see docs/results.md#schema-version"
    )
    scenario: str = Field(description="the scenario's name")
    variation: Variation = Field(default={}, description="each key that `--sweep` varies, with its value in these runs")
    other_variations: list[str] = Field(
        default=[], description="variations of other saved runs, as `--variation` takes them; `none`: without a sweep"
    )
    runs: int = Field(description="saved runs of this scenario")
    left_out: dict[str, int] = Field(description="runs that cannot be compared with the newest, by reason")
    pace_ns: float | None = Field(description="time of the reference kernel in the median run")
    metrics: list[MetricTrend] = Field(description="each metric that was asked for")


def trend(runs: Sequence[RunResult], metric: str = "", *, phase: str = "", reference: str = "") -> Trend:
    """The trend of one metric, or of the p50 of each operation and of all, and of each exact counter that changed.

    Args:
        runs: of one scenario, oldest first, at least one.
        metric: as a threshold names it.
        phase: the phase it is of; the whole run if that is empty.
        reference: how the scenario is named to other commands, where not by its name.

    Raises:
        UsageError: no run came to an end, the metric is none, or the newest run's scenario cannot be understood.
    """
    scenario = runs[-1].name
    series, counted = comparable(runs), comparable(runs, on_any_machine=True)
    if not series.runs:
        counts = ", ".join(f"{reason} ({count})" for reason, count in series.left_out.items())
        raise UsageError(
            f"no saved run of {scenario} finished: {counts}", hint=f"list them: digipal-perf history {scenario}"
        )
    newest = series.runs[-1]
    if phase and not metric:
        raise UsageError(f"--phase {phase} needs a metric", hint="add one, e.g. --metric latency.p50")
    timed = next((run for run in reversed(series.runs) if not run.only_counted), None)
    by_default = [*(_p50s(timed) if timed else ()), *_counters(newest)]
    subjects = [subject_of(metric, newest, phase)] if metric else by_default
    waiting = waits_for_ai(newest)
    paces = [run.reference_ns for run in series.runs if run.reference_ns]
    pace_ns = median(paces) if paces else None
    work = [reference or scenario, *_set_options(newest.variation)]
    compared = {id(run) for run in series.runs}
    metrics = [
        _of_counter(subject, counted.runs, work)
        if subject.metric.name in COUNTERS
        else _of_metric(
            subject,
            [(at, run) for at, run in enumerate(counted.runs) if id(run) in compared],
            pace_ns if _is_of_work(subject, waiting) else None,
            work,
        )
        for subject in subjects
    ]
    if not metric and timed:
        metrics = [each for each in metrics if not each.exact or each.changes]
    return Trend(
        scenario=scenario,
        variation=newest.variation,
        other_variations=variations_of([run for run in runs if run.series != newest.series]),
        runs=len(runs),
        left_out=(counted if all(each.exact for each in metrics) else series).left_out,
        pace_ns=pace_ns,
        metrics=metrics,
    )


def _set_options(variation: Variation) -> Iterator[str]:
    """What makes a command that does not sweep do the same work."""
    for key, value in variation.items():
        yield from ("--set", f"{key}={value_text(value)}")


def _p50s(run: RunResult) -> list[Subject]:
    """Of each operation, and of all where there are several."""
    operations = [operation.name for operation in run.operations]
    whole = [""] if len(operations) != 1 else []
    return [Subject(METRICS["latency"], operation, "p50") for operation in [*whole, *operations]]


def _counters(run: RunResult) -> Iterator[Subject]:
    """Each exact counter of each operation."""
    for metric in COUNTERS if run.exact else ():
        labels = [""] if metric == KEPT else run.exact.operations if run.exact else ()
        yield from (Subject(METRICS[metric], label) for label in labels)


def _is_of_work(subject: Subject, waiting: frozenset[str]) -> bool:
    """Whether a metric is a time that follows the machine's pace; the time of all does, where nothing waits."""
    waits = subject.operation in waiting if subject.operation else bool(waiting)
    return subject.metric.unit is Unit.DURATION and subject.metric.per_operation and not waits


def _of_counter(subject: Subject, runs: Sequence[RunResult], work: Sequence[str]) -> MetricTrend:
    """Each run against the first on its level, so that many small steps are found as well as a large one."""
    metric, label = subject.metric.name, subject.operation
    places = [(point, run.exact) for at, run in enumerate(runs) if (point := _point(at, run, subject, None))]
    points = [point for point, _ in places]
    steps: list[ChangePoint] = []
    incomparable: list[Incomparable] = []
    level: tuple[TrendPoint, ExactCounters] | None = None
    for index, (point, counters) in enumerate(places):
        if counters is None or not counters.is_exact(metric, label):
            incomparable.append(Incomparable(index=index, reason="it varies between counts"))
            continue
        if level is not None:
            change = count_change(level[1], counters, metric, label)
            if change.change == "no change":
                continue
            if change.change == "incomparable":
                incomparable.append(Incomparable(index=index, reason=change.reason))
            else:
                step = Change(index - 1, index, index + 1, level[0].value, point.value)
                steps.append(_change_point(step, points, work, subject.metric.better))
        level = point, counters
    return MetricTrend(
        metric=str(subject),
        unit=subject.metric.unit,
        better=subject.metric.better,
        at_one_pace=False,
        points=points,
        missing=len(runs) - len(points),
        changes=steps,
        exact=True,
        incomparable=incomparable,
    )


def _of_metric(
    subject: Subject, runs: Sequence[tuple[int, RunResult]], pace_ns: float | None, work: Sequence[str]
) -> MetricTrend:
    found = [_point(at, run, subject, pace_ns) for at, run in runs]
    points = [point for point in found if point is not None]
    return MetricTrend(
        metric=str(subject),
        unit=subject.metric.unit,
        better=subject.metric.better,
        at_one_pace=pace_ns is not None,
        points=points,
        missing=len(found) - len(points),
        changes=[
            _change_point(change, points, work, subject.metric.better)
            for change in changes([point.value for point in points])
        ],
    )


def _point(at: int, run: RunResult, subject: Subject, pace_ns: float | None) -> TrendPoint | None:
    measured = observed(run, subject)
    if measured is None or not isfinite(measured) or (pace_ns and not run.reference_ns):
        return None
    factor = pace_ns / run.reference_ns if pace_ns and run.reference_ns else 1.0
    return TrendPoint(
        run=at,
        started_at=run.started_at,
        engine_version=run.environment.engine_version,
        commit=run.commit,
        engine_modified=run.engine_modified,
        measured=measured,
        reference_ns=run.reference_ns,
        value=measured * factor,
    )


def _change_point(change: Change, points: Sequence[TrendPoint], work: Sequence[str], better: Better) -> ChangePoint:
    index = change.end - 1 if change.gradual else change.index
    old, new = points[change.begin if change.gradual else index - 1], points[index]
    return ChangePoint(
        index=index,
        last_before=old.commit,
        first_after=new.commit,
        version_before=old.engine_version,
        version_after=new.engine_version,
        began_after=old.started_at,
        seen_at=new.started_at,
        before=change.before,
        after=change.after,
        shift=change.shift if isfinite(change.shift) else None,
        gradual=change.gradual,
        is_worse=better is (Better.MORE if change.after < change.before else Better.LESS),
        confirm=_confirm(work, old, new),
    )


def _confirm(work: Sequence[str], base: TrendPoint, candidate: TrendPoint) -> str:
    """The command that would show the change again; "" if a commit is not known, or both have the same sources."""
    hashes = [_HASH.fullmatch(point.commit) for point in (base, candidate)]
    old, new = (found[0][:_HASH_DIGITS] if found else "" for found in hashes)
    same_sources = base.engine_version == candidate.engine_version != ""
    if not old or not new or old == new or same_sources:
        return ""
    return shlex.join(["digipal-perf", "ab", *work, "--base", old, "--candidate", new])
