"""Thresholds that cannot hold as the scenario stands, because nothing will be there to judge: told before it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from perfcli.figures import percentile_of
from perfcli.figures.integrity import UNCHECKED
from perfcli.metrics.degradation import FIFTHS, SMALLEST_FIFTH
from perfcli.metrics.statistics import LEAST_BEYOND, is_thin
from perfcli.scenario.marking import Marking, marking_of
from perfcli.scenario.models import Phase, Scenario, ThresholdRule
from perfcli.scenario.operation import NEEDS_ENERGY, CareSettings, CreationSettings, StepSettings, TalkSettings
from perfcli.scenario.outline import outline_of
from perfcli.scenario.problems import KeyPath, Problem
from perfcli.scenario.steps import LoadPet, SavePet, Sleep, Status
from perfcli.scenario.threshold_rules import readable_thresholds
from perfcli.scenario.written import Written
from perfcli.thresholds import Threshold

_WRITES: Final = (CreationSettings, SavePet, TalkSettings, CareSettings)
_OF_ARRIVALS: Final = ("delivery", "offered_rate", "achieved_rate", "schedule_lag")


def doubtful_thresholds(scenario: Scenario, root: Written) -> Iterator[Problem]:
    """The thresholds without samples, or with too few, each at its place.

    Args:
        scenario: what was read from `root`, without a mistake.
    """
    for read in readable_thresholds(outline_of(root)):
        rule, phases = _judged(scenario, read.path)
        metric = read.threshold.metric.name
        doubt = _without_writes(metric, scenario, phases) or _unchecked_saves(metric, scenario)
        doubt = doubt or _doubt(read.threshold, rule, phases)
        if doubt:
            yield read.place.problem(read.path, doubt)


def _judged(scenario: Scenario, path: KeyPath) -> tuple[ThresholdRule, Sequence[Phase]]:
    """The rule at a path, and the phases whose samples it is judged by."""
    index = path[path.index("thresholds") + 1]
    assert isinstance(index, int)
    if path[0] == "thresholds":
        return scenario.thresholds[index], scenario.phases_to_run
    at = path[1]
    assert isinstance(at, int)
    phase = scenario.phases[at]
    # of a list of vus each number is judged by itself, and has as many iterations or more
    return phase.thresholds[index], phase.spelt_out(flow=scenario.flow)[:1]


def _without_writes(metric: str, scenario: Scenario, phases: Sequence[Phase]) -> str:
    """Why no write of the load can be held against what is stored; the set-up's writes are no samples."""
    steps = [step for phase in scenario.phases_to_run for step in phase.flow]
    writes = [step for step in steps if isinstance(step, _WRITES)]
    why = ""
    if metric in ("lost_writes", "duplicate_writes") and not writes:
        why = "no step of the load writes, and the set-up's writes are no samples"
    elif metric == "lost_writes" and not any(map(_can_be_checked, writes)):
        why = f"its saves are unchecked, as {UNCHECKED}" if marking_of(scenario) is Marking.NOTES_ONLY else ""
    elif metric == "lost_updates" and not any(isinstance(step, CareSettings) for step in steps):
        why = "it is of care actions, and no step is one"
    elif metric == "torn_reads":
        why = _never_torn(scenario, phases)
    return f"will fail without samples: {why}" if why else ""


def _unchecked_saves(metric: str, scenario: Scenario) -> str:
    """That only other writes are held against what is stored."""
    if metric != "lost_writes" or marking_of(scenario) is not Marking.NOTES_ONLY:
        return ""
    saves = [step for phase in scenario.phases_to_run for step in phase.flow if isinstance(step, SavePet)]
    return "" if all(step.history for step in saves) else f"leaves saves unchecked: {UNCHECKED}"


def _can_be_checked(step: StepSettings) -> bool:
    """Whether what a step writes can be looked for even if vus share pets, talk to them and care for them."""
    if isinstance(step, SavePet):
        return step.history
    # a tired pet refuses some actions, and a refusal need not be stored
    return not (isinstance(step, CareSettings) and step.accept_refusal and NEEDS_ENERGY.issuperset(step.actions))


def _never_torn(scenario: Scenario, phases: Sequence[Phase]) -> str:
    if not any(isinstance(step, LoadPet | Status) for phase in phases for step in phase.flow):
        return "it is of load_pet and status, and no step is one"
    match marking_of(scenario):
        case Marking.NOTHING:
            return "no step saves a pet of the set-up, so no read can tell"
        case Marking.NOTES_ONLY:
            return "vus that share pets also talk to them or care for them, so saves cannot mark them"
    return ""


def _doubt(threshold: Threshold, rule: ThresholdRule, phases: Sequence[Phase]) -> str:
    metric = threshold.metric.name
    if metric in _OF_ARRIVALS and not any(phase.load.is_open for phase in phases):
        return f"will fail without samples: {metric} is of loads with an arrival rate, and here none has one"
    counts = [_most_samples(threshold, phase) for phase in phases]
    if None in counts:
        return ""
    samples = math.floor(sum(filter(None, counts)))
    if metric == "degradation" and samples < FIFTHS * SMALLEST_FIFTH:
        return f"will fail without samples: {_about(samples)}, and it needs {FIFTHS * SMALLEST_FIFTH}"
    if threshold.window or rule.allow_thin or threshold.statistic in ("", "median", "p50"):
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
    meant = [step for step in phase.flow if not isinstance(step, Sleep) and threshold.operation in ("", step.label)]
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
