"""What is no mistake in a scenario, but makes it check nothing, or fail whatever the engine does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from perfcli.executors import RampingVus
from perfcli.executors.durations import duration_text
from perfcli.figures import Metric
from perfcli.scenario.doubts import doubtful_thresholds
from perfcli.scenario.models import Phase, Scenario
from perfcli.scenario.outline import outline_of
from perfcli.scenario.problems import KeyPath, Problem
from perfcli.scenario.threshold_rules import ReadThreshold, readable_thresholds
from perfcli.scenario.written import Written
from perfcli.thresholds import Threshold
from perfcli.units import Unit, format_quantity


def warnings(scenario: Scenario, root: Written) -> list[Problem]:
    """All of them, in the order of their places.

    Args:
        scenario: what was read from `root`, without a mistake.
    """
    found = [
        *doubtful_thresholds(scenario, root),
        *_foregone_thresholds(scenario, root),
        *_repeated_thresholds(root),
        *_idle_ramps(scenario, root),
    ]
    return sorted(found, key=lambda problem: (problem.line, problem.column))


class _Bound(NamedTuple):
    """A value that a metric never goes beyond, and why."""

    value: float
    why: str


def _foregone_thresholds(scenario: Scenario, root: Written) -> Iterator[Problem]:
    """Thresholds whose outcome is known before anything runs."""
    for read in readable_thresholds(outline_of(root)):
        least, most = _bounds(read.threshold, scenario, read.path)
        outcome = _outcome(read.threshold, least.value, most.value)
        if outcome:
            why = least.why if read.threshold.limit <= least.value else most.why
            yield read.place.problem(read.path, f"{outcome}: {why}")


def _outcome(threshold: Threshold, least: float, most: float) -> str:
    """Whether a threshold holds for every value from `least` to `most`, or for none; "" if it depends."""
    limit = threshold.limit
    around = (limit, math.nextafter(limit, math.inf), math.nextafter(limit, -math.inf))
    holds = {threshold.holds(value) for value in (least, most, *around) if least <= value <= most}
    if len(holds) > 1:
        return ""
    return "can never fail" if holds == {True} else "can never hold"


def _bounds(threshold: Threshold, scenario: Scenario, path: KeyPath) -> tuple[_Bound, _Bound]:
    metric = threshold.metric
    lowest = math.nextafter(metric.least, math.inf) if _is_above(threshold) else metric.least
    word = "always above" if _is_above(threshold) else "never below"
    least = _Bound(lowest, f"{metric.name} is {word} {_shown(metric, metric.least)}")
    most = _Bound(metric.most, f"{metric.name} is never above {_shown(metric, metric.most)}")
    if metric.name == "duration":
        return max(least, _planned_duration(scenario, path)), most
    if metric.name in ("iterations", "dropped_iterations", "interrupted_iterations"):
        return least, min(most, _planned_iterations(scenario, path))
    return least, most


def _is_above(threshold: Threshold) -> bool:
    """Whether the metric never is its least value itself: every call takes some time."""
    return threshold.metric.name in ("latency", "service_time", "duration") and threshold.statistic != "stddev"


def _shown(metric: Metric, value: float) -> str:
    return format_quantity(metric.unit, value) if metric.unit in (Unit.PERCENTAGE, Unit.DURATION) else f"{value:g}"


def _planned_duration(scenario: Scenario, path: KeyPath) -> _Bound:
    """How long the load, or the phase that a threshold is of, lasts at least."""
    phases = _judged_phases(scenario, path)
    if phases:
        planned_ns = min(phase.load.planned_ns or 0 for phase in phases)
    else:
        planned_ns = wave_ns = 0
        for phase in scenario.phases_to_run:
            if phase.load.start_after_ns is None:
                planned_ns, wave_ns = planned_ns + wave_ns, 0
            wave_ns = max(wave_ns, (phase.load.start_after_ns or 0) + (phase.load.planned_ns or 0))
        planned_ns += wave_ns
    return _Bound(planned_ns, f"the plan alone lasts {duration_text(planned_ns)}")


def _planned_iterations(scenario: Scenario, path: KeyPath) -> _Bound:
    """How many iterations the load, or the phase that a threshold is of, consists of."""
    phases = _judged_phases(scenario, path)
    counts = [phase.load.planned_iterations for phase in phases or scenario.phases_to_run]
    if None in counts:
        return _Bound(math.inf, "")
    known = [count for count in counts if count is not None]
    planned = max(known) if phases else sum(known)
    return _Bound(planned, f"the load consists of {planned:,} {'iteration' if planned == 1 else 'iterations'}")


def _judged_phases(scenario: Scenario, path: KeyPath) -> Sequence[Phase]:
    """The phases that a threshold at this path judges, each by itself; none for one of the whole load."""
    if path[0] == "thresholds":
        return []
    at = path[1]
    assert isinstance(at, int)
    return scenario.phases[at].spelt_out(flow=scenario.flow)


def _repeated_thresholds(root: Written) -> Iterator[Problem]:
    """Thresholds that are written twice, in other words perhaps; each is judged once."""
    first: dict[tuple[object, ...], ReadThreshold] = {}
    for read in readable_thresholds(outline_of(root)):
        key = (read.phase.path if read.phase else (), *read.threshold.meaning)
        before = first.setdefault(key, read)
        if before is not read:
            where = f" on line {before.place.line}" if before.place.source == read.place.source else ""
            yield read.place.problem(read.path, f"repeats {before.threshold.text!r}{where}: it is judged once")


def _idle_ramps(scenario: Scenario, root: Written) -> Iterator[Problem]:
    """Ramps that reach the first vu at their very end, or pass it in no time."""
    outline = outline_of(root)
    ramps: Iterable[tuple[KeyPath, Written, object]] = (
        (
            ((*read.path, "load"), read.written.child("load") or read.written, phase.load)
            for read, phase in zip(outline.phases, scenario.phases, strict=True)
        )
        if scenario.phases
        else [(("load",), root.child("load") or root, scenario.load)]
    )
    for path, written, load in ramps:
        if isinstance(load, RampingVus) and not any(span for vu in range(load.vu_count) for span in load.spans(vu)):
            message = "no vu ever starts: the ramp reaches the first one when it ends; add a stage that stays there"
            yield written.place.problem(path, message)
