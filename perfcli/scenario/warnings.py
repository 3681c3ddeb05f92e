"""What is no mistake in a scenario, but makes it check nothing, or fail whatever the engine does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from perfcli.executors import Load, RampingVus
from perfcli.executors.fields import duration_text
from perfcli.figures import Metric, percentile_of
from perfcli.figures.integrity import UNCHECKED
from perfcli.metrics.distribution import LEAST_BEYOND, is_thin
from perfcli.operations.base import Effects
from perfcli.operations.save_canaries import CanaryMode
from perfcli.scenario.canary_mode import canary_mode_of
from perfcli.scenario.fault_warnings import fault_warnings
from perfcli.scenario.models import Phase, Scenario, ThresholdRule
from perfcli.scenario.node import Node
from perfcli.scenario.problems import KeyPath, Problem
from perfcli.scenario.rules import LocatedRule, located_rules
from perfcli.thresholds import Threshold
from perfcli.units import Unit, format_quantity


def warnings(scenario: Scenario, root: Node) -> list[Problem]:
    """All of them, in the order of their places.

    Args:
        scenario: what was read from `root`, without a mistake.
    """
    found: list[Problem] = []
    for located in located_rules(scenario):
        messages = (_without_samples(located, scenario), _foregone(located, scenario))
        found += [root.problem(located.expr, message) for message in messages if message]
        if located.rule.abort_on_fail and located.rule.threshold.metric.at_end:
            message = f"has no effect: {located.rule.threshold.metric.name} is known only once the load is over"
            found.append(root.problem((*located.path, "abort_on_fail"), message, key=True))
    found += [*_repeated_thresholds(scenario, root), *_idle_ramps(scenario, root), *fault_warnings(scenario, root)]
    return sorted(found, key=lambda problem: (problem.line, problem.column))


def _without_samples(located: LocatedRule, scenario: Scenario) -> str:
    """Why a threshold cannot hold as the scenario stands: nothing to judge, or too little."""
    threshold, metric = located.rule.threshold, located.rule.threshold.metric.name
    # of a list of vus each number is judged by itself, and has as many iterations or more
    phases = _spelt_out(located.phase, scenario)[:1] if located.phase else scenario.phases_to_run
    return (
        _never_measured(metric, scenario, phases)
        or _unchecked_saves(metric, scenario)
        or _too_few_samples(threshold, located.rule, phases)
    )


def _spelt_out(phase: Phase | None, scenario: Scenario) -> Sequence[Phase]:
    """What a phase runs as, each judged by itself; nothing for the whole load."""
    return phase.spelt_out(flow=scenario.flow) if phase else []


def _never_measured(metric: str, scenario: Scenario, phases: Sequence[Phase]) -> str:
    """Why the load has nothing that a metric is of; the set-up's writes are no samples."""
    effects = _effects(scenario)
    why = ""
    if metric in ("lost_writes", "stale_reads", "duplicate_writes") and not any(each.is_write for each in effects):
        why = "no step of the load writes, and writes of the set-up do not count"
    elif metric in ("lost_writes", "stale_reads") and not any(each.is_always_checked for each in effects):
        why = f"its saves are unchecked: {UNCHECKED}" if canary_mode_of(scenario) is CanaryMode.NOTES_ONLY else ""
    elif metric == "lost_updates" and all(each.gains is None for each in effects):
        why = "it needs care actions, and no step is one"
    elif metric == "torn_reads":
        why = _never_torn(scenario, phases)
    elif metric.startswith("memory.leak") and all(isinstance(phase.load, RampingVus) for phase in phases):
        why = "vus come and go in every phase, and their memory is not a leak"
    return f"will fail without samples: {why}" if why else ""


def _unchecked_saves(metric: str, scenario: Scenario) -> str:
    """That only other writes are held against what is stored."""
    if metric != "lost_writes" or canary_mode_of(scenario) is not CanaryMode.NOTES_ONLY:
        return ""
    are_noted = all(each.leaves_note for each in _effects(scenario) if each.saves_pet)
    return "" if are_noted else f"leaves saves unchecked: {UNCHECKED}"


def _effects(scenario: Scenario) -> list[Effects]:
    """What each step of the load stores."""
    return [step.effects for phase in scenario.phases_to_run for step in phase.flow]


def _never_torn(scenario: Scenario, phases: Sequence[Phase]) -> str:
    if not any(step.reads for phase in phases for step in phase.flow):
        return "it needs load_pet or status, and no step is one"
    match canary_mode_of(scenario):
        case CanaryMode.NONE:
            return "no step saves a pet of the set-up, so no read can be checked"
        case CanaryMode.NOTES_ONLY:
            return "vus that share pets also talk to them or care for them, so saves leave no canaries in them"
    return ""


def _too_few_samples(threshold: Threshold, rule: ThresholdRule, phases: Sequence[Phase]) -> str:
    metric = threshold.metric
    if metric.needs_arrival_rate and not any(phase.load.is_open for phase in phases):
        return f"will fail without samples: {metric.name} needs an arrival rate, and no phase has one"
    counts = [_most_samples(threshold, phase) for phase in phases]
    if None in counts:
        return ""
    samples = math.floor(sum(filter(None, counts)))
    if samples < metric.least_samples:
        return f"will fail without samples: {_about(samples)}, and it needs {metric.least_samples}"
    if threshold.is_of_part or rule.allow_thin or threshold.statistic in ("", "median", "p50"):
        return ""
    return _too_thin(threshold.statistic, samples) if is_thin(threshold.statistic, samples) else ""


def _most_samples(threshold: Threshold, phase: Phase) -> float | None:
    """How many samples a phase will have, in the mean of a mix; None where only time ends it."""
    iterations = phase.load.planned_iterations
    if iterations is None:
        return None
    if threshold.metric.name == "schedule_lag":
        return iterations if phase.load.is_open else 0
    of_all = sum(step.weight or 0 for step in phase.flow)
    meant = [step for step in phase.flow if not step.is_pause and threshold.operation in ("", step.label)]
    return iterations * (sum(step.weight or 0 for step in meant) / of_all if phase.is_mix else len(meant))


def _too_thin(statistic: str, samples: int) -> str:
    quantile = percentile_of(statistic)
    assert quantile is not None, f"{statistic} is thin, and so a percentile"
    needed = math.ceil(round(LEAST_BEYOND / min(quantile, 1 - quantile), 6))
    return (
        f"will fail: {_about(samples)}, and {statistic} needs {needed:,}; plan more iterations, take a lower "
        "percentile, or write {expr: …, allow_thin: true}"
    )


def _about(samples: int) -> str:
    return f"there will be {samples:,} {'sample' if samples == 1 else 'samples'}"


class _Bound(NamedTuple):
    """A value that a metric never goes beyond, and why."""

    value: float
    why: str


def _foregone(located: LocatedRule, scenario: Scenario) -> str:
    """What is known of a threshold before anything runs."""
    threshold = located.rule.threshold
    least, most = _bounds(threshold, scenario, located.phase)
    outcome = _outcome(threshold, least.value, most.value)
    why = least.why if threshold.limit <= least.value else most.why
    return f"{outcome}: {why}" if outcome else ""


def _outcome(threshold: Threshold, least: float, most: float) -> str:
    """Whether a threshold holds for every value from `least` to `most`, or for none; "" if it depends."""
    limit = threshold.limit
    around = (limit, math.nextafter(limit, math.inf), math.nextafter(limit, -math.inf))
    holds = {threshold.holds(value) for value in (least, most, *around) if least <= value <= most}
    if len(holds) > 1:
        return ""
    return "can never fail" if holds == {True} else "can never hold"


def _bounds(threshold: Threshold, scenario: Scenario, phase: Phase | None) -> tuple[_Bound, _Bound]:
    metric = threshold.metric
    lowest = math.nextafter(metric.least, math.inf) if _is_above(threshold) else metric.least
    word = "always above" if _is_above(threshold) else "never below"
    least = _Bound(lowest, f"{metric.name} is {word} {_shown(metric, metric.least)}")
    most = _Bound(metric.most, f"{metric.name} is never above {_shown(metric, metric.most)}")
    if metric.name == "duration":
        return max(least, _planned_duration(scenario, phase)), most
    if metric.name in ("iterations", "dropped_iterations", "interrupted_iterations"):
        return least, min(most, _planned_iterations(scenario, phase))
    return least, most


def _is_above(threshold: Threshold) -> bool:
    """Whether the metric never is its least value itself: every call takes some time."""
    return threshold.metric.name in ("latency", "service_time", "duration") and threshold.statistic != "stddev"


def _shown(metric: Metric, value: float) -> str:
    return format_quantity(metric.unit, value) if metric.unit in (Unit.PERCENTAGE, Unit.DURATION) else f"{value:g}"


def _planned_duration(scenario: Scenario, phase: Phase | None) -> _Bound:
    """How long the load, or the phase that a threshold is of, lasts at least."""
    phases = _spelt_out(phase, scenario)
    if phases:
        planned_ns = min(phase.load.planned_ns or 0 for phase in phases)
    else:
        planned_ns = wave_ns = 0
        for phase in scenario.phases_to_run:
            if phase.load.start_after_ns is None:
                planned_ns, wave_ns = planned_ns + wave_ns, 0
            wave_ns = max(wave_ns, (phase.load.start_after_ns or 0) + (phase.load.planned_ns or 0))
        planned_ns += wave_ns
    return _Bound(planned_ns, f"the plan lasts {duration_text(planned_ns)}")


def _planned_iterations(scenario: Scenario, phase: Phase | None) -> _Bound:
    """How many iterations the load, or the phase that a threshold is of, consists of."""
    phases = _spelt_out(phase, scenario)
    counts = [phase.load.planned_iterations for phase in phases or scenario.phases_to_run]
    if None in counts:
        return _Bound(math.inf, "")
    known = [count for count in counts if count is not None]
    planned = max(known) if phases else sum(known)
    return _Bound(planned, f"the load consists of {planned:,} {'iteration' if planned == 1 else 'iterations'}")


def _repeated_thresholds(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Thresholds that are written twice, in other words perhaps; each is judged once."""
    first: dict[tuple[object, ...], LocatedRule] = {}
    for located in located_rules(scenario):
        before = first.setdefault((located.path[:-1], *located.rule.threshold.meaning), located)
        if before is not located:
            location, other = (root.trace(each.expr)[1].location for each in (located, before))
            where = f" on line {other.line}" if other.source == location.source else ""
            yield root.problem(
                located.expr, f"repeats {before.rule.threshold.text!r}{where}, and is judged once: remove one of them"
            )


def _idle_ramps(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Ramps that reach the first vu at their very end, or pass it in no time."""
    loads: list[tuple[KeyPath, Load | None]] = [
        *((("phases", index, "load"), phase.load) for index, phase in enumerate(scenario.phases)),
        (("load",), scenario.load),
    ]
    for path, load in loads:
        if isinstance(load, RampingVus) and not any(span for vu in range(load.vu_count) for span in load.spans(vu)):
            message = "no vu ever starts: the ramp reaches the first vu only at its end; add a stage that stays there"
            yield root.problem(path, message)
