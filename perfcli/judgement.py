"""Pass or fail: thresholds against a result, whole or partial, and the verdict of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from perfcli.errors import Verdict
from perfcli.figures import Spread, View, counters_of, percentile_of
from perfcli.figures.engine import COUNTERS
from perfcli.metrics.distribution import LEAST_BEYOND, beyond, is_thin
from perfcli.results import ExactCounters, FaultResult, PhaseResult, RunResult, ThresholdResult, UnjudgedRun
from perfcli.scenario.models import Scenario, ThresholdRule
from perfcli.thresholds import Threshold, parse_threshold
from perfcli.units import format_duration, format_quantity

NO_SAMPLES = "no samples"
LEAST_DELIVERY = 0.98
"""Achieved over offered rate, below which a load was not the one that was asked for."""

_OF_TIME = ("timeout", "busy")
"""The categories of failures that other processes on the machine can cause."""


class Rule(NamedTuple):
    """A threshold, and the phase that it judges; the whole run if that is empty."""

    phase: str
    rule: ThresholdRule

    @property
    def threshold(self) -> Threshold:
        """What must hold."""
        return self.rule.threshold

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from other rules of the run."""
        return self.phase, self.threshold.text

    def with_thin_samples(self) -> Rule:
        """The same rule, judged on however few samples."""
        return Rule(self.phase, self.rule.model_copy(update={"allow_thin": True}))


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run came to its end: by itself, or for one of the first five reasons."""

    error: str = ""  # the engine process died, hung or failed after the load
    setup_error: str = ""  # the engine could not be opened, or its set-up failed
    disturbed: str = ""  # the engine was stopped from outside
    interrupted: str = ""  # a signal ended the load
    aborted_by: ThresholdResult | None = None  # a threshold with abort_on_fail ended the load
    details: str = ""  # of an error: a traceback, or last output of the engine


def rules_of(scenario: Scenario) -> list[Rule]:
    """The thresholds of a scenario, then those of each phase that runs, each once."""
    return [
        *(Rule("", rule) for rule in scenario.judged_thresholds),
        *(Rule(phase.name, rule) for phase in scenario.phases_to_run for rule in phase.judged_thresholds),
    ]


def judge(run: UnjudgedRun, rules: Sequence[Rule], ending: Ending, notes: Sequence[str] = ()) -> RunResult:
    """The result with its verdict.

    Args:
        notes: what else to know; they join the verdict's reasons.
    """
    thresholds = judge_thresholds(run, rules) if run.duration_ns is not None or run.exact else []
    verdict, reasons = _verdict(run, ending, thresholds)
    # a copy, not a validation: a long run holds some 100,000 numbers
    return RunResult.model_construct(
        **{name: getattr(run, name) for name in type(run).model_fields},
        verdict=verdict,
        reasons=[*reasons, *notes],
        details=ending.details,
        thresholds=thresholds,
    )


def judge_thresholds(run: UnjudgedRun, rules: Sequence[Rule]) -> list[ThresholdResult]:
    """Each threshold against the result, in their order; those of phases that the result lacks are left out."""
    phases: Mapping[str, PhaseResult | None] = {"": None, **{phase.name: phase for phase in run.phases}}
    return [_judge(run, rule, phases[rule.phase]) for rule in rules if rule.phase in phases]


def _judge(run: UnjudgedRun, rule: Rule, phase: PhaseResult | None) -> ThresholdResult:
    """One threshold; one without samples, or with too few of them, fails and says so."""
    threshold, view = rule.threshold, View(run, phase, rule.threshold.operation)
    facts: dict[str, Any] = {
        "expr": threshold.text,
        "unit": threshold.metric.unit,
        "limit": threshold.limit,
        "strict": rule.rule.strict,
        "exit_code": rule.rule.exit_code,
        "phase": rule.phase,
    }
    if run.only_counted and threshold.metric.name not in COUNTERS:
        return ThresholdResult(**facts, passed=False, judged=False)
    observed = _observed(threshold, view)
    complaint = "" if rule.rule.allow_thin else _thin(threshold, view)
    if observed is None:
        complaint = ": ".join(filter(None, (NO_SAMPLES, threshold.metric.reason_missing(view))))
    judged = not (
        (run.starved and _depends_on_time(threshold, observed, view)) or (threshold.is_of_part and run.unsure_clocks)
    )
    return ThresholdResult(
        **facts,
        observed=observed,
        margin=None if observed is None else threshold.margin(observed),
        passed=judged and observed is not None and not complaint and threshold.holds(observed),
        judged=judged,
        reason=complaint if judged else "",
        abort_on_fail=rule.rule.abort_on_fail,
    )


def _observed(threshold: Threshold, view: View) -> float | None:
    if threshold.is_of_part:
        return view.part.windows.get(threshold.text)
    return threshold.metric.value(view, threshold.statistic)


def _depends_on_time(threshold: Threshold, observed: float | None, view: View) -> bool:
    """Whether a threshold may be missed, or kept, because other processes had the CPU."""
    if threshold.metric.depends_on_time != "partly" or observed is None:
        return threshold.metric.depends_on_time == "yes"
    operation = view.operation
    failures = operation.failures if operation else None
    if operation is None or not failures or not (of_time := sum(failures.get(each, 0) for each in _OF_TIME)):
        return False
    share = of_time / operation.attempts
    without = {"success_rate": observed + share, "error_rate": observed - share, "failed": observed - of_time}
    if threshold.is_of_part or threshold.metric.name not in without:
        return True  # which of the failures count in it is not known
    return threshold.holds(without[threshold.metric.name]) != threshold.holds(observed)


def _thin(threshold: Threshold, view: View) -> str:
    """Why a percentile says nothing: too few samples lie beyond it."""
    quantile, spread = percentile_of(threshold.statistic), threshold.metric.of(view)
    count = spread.count if isinstance(spread, Spread) else 0
    # a median is judged on however few samples
    if quantile is None or quantile == 0.5 or threshold.is_of_part:
        return ""
    if not count or not is_thin(threshold.statistic, count):
        return ""
    few = beyond(quantile, count)
    needed = math.ceil(LEAST_BEYOND / min(quantile, 1 - quantile))
    return (
        f"{few} of {count:,} samples lie beyond {threshold.statistic}, {LEAST_BEYOND} needed: "
        f"measure {needed:,}, or set allow_thin: true"
    )


def _verdict(run: UnjudgedRun, ending: Ending, thresholds: Sequence[ThresholdResult]) -> tuple[Verdict, list[str]]:
    """The verdict of a run, with its reasons.

    An error outranks everything, as what was measured is then unknown; a run in which nothing succeeded is invalid
    even if every threshold holds, so that nothing passes by doing nothing; and so is one whose load was not delivered,
    unless a threshold says how much of it may be missing.
    """
    starved = [run.starved] if run.starved else []
    if run.unsure_clocks and any(threshold.outcome == "not judged" for threshold in thresholds):
        starved.append(f"{run.unsure_clocks}: windows that join machines are not judged")
    exceeded = [describe_failure(threshold) for threshold in thresholds if threshold.outcome == "fail"]
    if ending.error:
        return Verdict.ERROR, [ending.error]
    if never_measured := ending.setup_error or ending.disturbed:
        return Verdict.INVALID, [never_measured]
    if ending.interrupted:
        return Verdict.INTERRUPTED, [ending.interrupted]
    if run.exact and run.duration_ns is None:
        return _verdict_on_counts(run.exact, exceeded)
    return _verdict_on_load(run, ending, thresholds, exceeded, starved)


def _verdict_on_load(
    run: UnjudgedRun,
    ending: Ending,
    thresholds: Sequence[ThresholdResult],
    exceeded: Sequence[str],
    starved: Sequence[str],
) -> tuple[Verdict, list[str]]:
    """The verdict of a load that came to its end, or that a threshold stopped."""
    if not run.performed_as_planned:
        return Verdict.ERROR, ["the operations differ from those the seed prescribes: please report this bug"]
    if not run.total.attempts:
        return Verdict.INVALID, ["nothing was measured: no operation was tried", *starved]
    by = ending.aborted_by
    stopped = [f"the load was stopped early by {describe_failure(by)}", *_broke(run)] if by else []
    if by and not _is_not_judged(by, thresholds):
        # also where the threshold holds again by the end: the load it was set for was not delivered
        return Verdict.FAIL, [*stopped, *exceeded, *starved]
    if pointless := list(_pointless_faults(run)):
        return Verdict.INVALID, [*pointless, *exceeded, *starved]
    if run.integrity and run.integrity.damaged:
        return Verdict.FAIL, [run.integrity.damaged, *exceeded, *starved]
    if exceeded:
        return Verdict.FAIL, [*exceeded, *starved]
    if not run.total.ok:
        errors = next((f": {kind}" for kind in run.total.errors), "")
        return Verdict.INVALID, [f"nothing was measured: every operation failed{errors}", *starved]
    # a load that was not delivered because others had the CPU needs no other advice
    invalid = [*starved, *stopped] or list(_undelivered(run, thresholds))
    return (Verdict.INVALID, invalid) if invalid else (Verdict.PASS, [])


def _broke(run: UnjudgedRun) -> Iterator[str]:
    """Where the ramps that were stopped had come to."""
    for phase in run.phases:
        if phase.broke:
            where = f"{phase.name} " if len(run.phases) > 1 else ""
            yield f"{where}broke at {phase.broke}"


def _pointless_faults(run: UnjudgedRun) -> Iterator[str]:
    """Why the faults say nothing of the engine; what others took from a load may have made it unsteady."""
    if run.unsteady and not run.starved:
        yield f"the load was not steady before the first fault: {run.unsteady}"
    by_problem: dict[str, list[FaultResult]] = {}
    for fault in run.faults:
        by_problem.setdefault(fault.problem, []).append(fault)
    for problem, faults in by_problem.items():
        if problem:
            times = f", {len(faults)} times" if len(faults) > 1 else ""
            yield f"{faults[0].name} at {format_duration(faults[0].at_ns)}{times}: {problem}"


def _verdict_on_counts(counters: ExactCounters, exceeded: Sequence[str]) -> tuple[Verdict, list[str]]:
    """The verdict of a run that only counted; what fails while it is counted costs something else."""
    if not counters.operations:
        why = sorted({*counters.not_counted.values()})
        return Verdict.INVALID, ["nothing was counted" + ("" if not why else f": {'; '.join(why)}")]
    failed = [
        f"{count:,} counted operation{'s' if count > 1 else ''} failed: {kind}"
        for kind, count in counters.failures.items()
    ]
    return (Verdict.FAIL if failed or exceeded else Verdict.PASS), [*exceeded, *failed]


def _is_not_judged(threshold: ThresholdResult, thresholds: Sequence[ThresholdResult]) -> bool:
    """Whether a threshold that ended the load turned out, at its end, to be one that the starved run cannot judge."""
    same = [each for each in thresholds if (each.expr, each.phase) == (threshold.expr, threshold.phase)]
    return any(each.outcome == "not judged" for each in same)


def _undelivered(run: UnjudgedRun, thresholds: Sequence[ThresholdResult]) -> Iterator[str]:
    """Why the load was not the one that was asked for."""
    counters = counters_of(run)
    judged = {threshold.phase for threshold in thresholds if _judges_delivery(threshold, counters)}
    for phase in run.phases:
        if judged & {"", phase.name}:
            continue
        where = f"{phase.name}: " if len(run.phases) > 1 else ""
        dropped, interrupted = phase.dropped_iterations, phase.interrupted_iterations
        offered, achieved = phase.offered_per_s, phase.achieved_per_s
        if offered and achieved is not None:
            if achieved / offered < LEAST_DELIVERY:
                yield (
                    f"{where}delivered {achieved:.1f} of {offered:.1f} iterations/s, dropped {dropped:,}: "
                    "add vus, lower the rate, or allow it by a threshold on dropped_iterations"
                )
        elif phase.planned_iterations and (left := dropped + interrupted):
            yield f"{where}{left:,} iterations were not done within max_duration: raise it, or lower iterations"


def _judges_delivery(threshold: ThresholdResult, counters: Mapping[str, str]) -> bool:
    metric = parse_threshold(threshold.expr, counters).metric
    return threshold.strict and metric.name in ("dropped_iterations", "delivery")


def describe_failure(threshold: ThresholdResult) -> str:
    """A threshold that does not hold, with what was observed."""
    where = f"{threshold.phase}: " if threshold.phase else ""
    if threshold.reason:
        return f"{where}{threshold.expr}: {threshold.reason}"
    return f"{where}{threshold.expr}: {format_quantity(threshold.unit, threshold.observed or 0.0)}"
