"""Pass or fail: thresholds against what was observed, and the verdict of a whole run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perfcli.errors import Verdict
from perfcli.measurement.measured import Measurement
from perfcli.measurement.observations import Observations
from perfcli.metrics.catalog import percentile_of
from perfcli.metrics.statistics import LEAST_BEYOND
from perfcli.results import ThresholdResult
from perfcli.scenario.marking import UNCHECKED
from perfcli.scenario.models import ThresholdRule
from perfcli.thresholds import Threshold, parse_threshold
from perfcli.units import format_quantity

NO_SAMPLES = "no samples"
_WHY_NONE = {
    **dict.fromkeys(("delivery", "offered_rate", "achieved_rate", "schedule_lag"), "the load has no arrival rate"),
    **dict.fromkeys(("memory.slope", "memory.leak"), "too few readings, let it run for some seconds"),
    **dict.fromkeys(("growth.ratio", "growth.exponent"), "too few operations, or none of them stores anything"),
    "degradation": "a fifth of the operations has fewer than 5",
    "lost_updates": "no care was acknowledged whose effects only add",
    "torn_reads": "no pet is both saved with marks and read",
    "lost_writes": "no write of the load could be checked",
    "duplicate_writes": "the load wrote nothing, or not all answers are known",
    "fidelity.differences": "there was no pet to compare",
    "memory.per_pet": "no pet was in the engine's cache",
}
LEAST_DELIVERY = 0.98
"""Achieved over offered rate, below which a load was not the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run came to its end: by itself, or for one of the first five reasons."""

    error: str = ""  # the engine process died, hung or failed after the load
    setup_error: str = ""  # the engine could not be opened, or its set-up failed
    disturbed: str = ""  # the engine was stopped from outside
    interrupted: str = ""  # a signal ended the load
    aborted_by: ThresholdResult | None = None  # a threshold with abort_on_fail ended the load
    details: str = ""  # of an error: a traceback, or what the engine printed last


def judge_thresholds(measurement: Measurement) -> list[ThresholdResult]:
    """Every threshold of a scenario and its phases against what was observed."""
    scenario = measurement.plan.scenario
    whole, starved = Observations(measurement), bool(measurement.starved)
    results = [judge_threshold(rule, whole, starved=starved) for rule in scenario.judged_thresholds]
    for phase in measurement.plan.phases:
        seen = Observations(measurement, phase)
        results += [judge_threshold(rule, seen, phase.name, starved=starved) for rule in phase.phase.judged_thresholds]
    return results


def judge_threshold(
    rule: ThresholdRule, observations: Observations, phase: str = "", *, starved: bool = False
) -> ThresholdResult:
    """One threshold against what was observed; one without samples, or with too few of them, fails and says so.

    Args:
        starved: whether others had the CPU, so that what depends on time is not judged.
    """
    threshold = parse_threshold(rule.expr)
    observed = observations.observe(threshold)
    complaint = "" if rule.allow_thin else _thin(threshold, observations)
    if observed is None:
        complaint = ": ".join(filter(None, (NO_SAMPLES, _why_none(threshold, observations))))
    judged = not (starved and _depends_on_time(threshold, observed, observations))
    return ThresholdResult(
        expr=threshold.text,
        unit=threshold.metric.unit,
        observed=observed,
        limit=threshold.limit,
        margin=None if observed is None else threshold.margin(observed),
        passed=judged and observed is not None and not complaint and threshold.holds(observed),
        judged=judged,
        reason=complaint if judged else "",
        abort_on_fail=rule.abort_on_fail,
        strict=rule.strict,
        exit_code=rule.exit_code,
        phase=phase,
    )


def _depends_on_time(threshold: Threshold, observed: float | None, observations: Observations) -> bool:
    """Whether a threshold may be missed, or kept, because others had the CPU."""
    if threshold.metric.depends_on_time != "partly" or observed is None:
        return threshold.metric.depends_on_time == "yes"
    failures = (observations.failures_of(category, threshold.operation) or 0 for category in ("timeout", "busy"))
    if not (of_time := sum(failures)):
        return False
    if threshold.window is not None:
        return True  # when each failure was is known, but not its kind
    share = of_time / sum(each.ok + each.failed for each in observations.select(threshold.operation))
    without = observed + share if threshold.metric.name == "success_rate" else observed - share
    return threshold.holds(without) != threshold.holds(observed)


def _why_none(threshold: Threshold, observations: Observations) -> str:
    if threshold.metric.name == "io.fsyncs_per_op":
        return observations.inspection.fsyncs_not_told
    found = observations.integrity
    if threshold.metric.name == "lost_writes" and found and found.saves.unchecked:
        return f"{found.saves.unchecked:,} saves are unchecked: {UNCHECKED}"
    return _WHY_NONE.get(threshold.metric.name, "")


def _thin(threshold: Threshold, observations: Observations) -> str:
    """Why a percentile says nothing: too few samples lie beyond it."""
    quantile = percentile_of(threshold.statistic)
    if quantile is None or quantile in (0, 0.5, 1) or threshold.window is not None:
        return ""
    samples = observations.distribution(threshold.metric.name, threshold.operation)
    beyond = samples.beyond(quantile)
    if beyond >= LEAST_BEYOND or not len(samples):
        return ""
    needed = math.ceil(LEAST_BEYOND / min(quantile, 1 - quantile))
    return (
        f"not supported: {beyond} of {len(samples):,} samples lie beyond {threshold.statistic}, {LEAST_BEYOND} are "
        f"needed; measure {needed:,}, or say allow_thin: true"
    )


def reach_verdict(
    measurement: Measurement, ending: Ending, thresholds: Sequence[ThresholdResult], *, as_planned: bool
) -> tuple[Verdict, list[str]]:
    """The verdict of a run, with its reasons.

    An error outranks everything, as what was measured is then unknown; a run in which nothing succeeded is invalid
    even if every threshold holds, so that nothing passes by doing nothing; and so is one whose load was not delivered,
    unless a threshold says how much of it may be missing.
    """
    ok, failed = measurement.samples.ok, measurement.samples.failed
    starved = [measurement.starved] if measurement.starved else []
    exceeded = [describe_failure(threshold) for threshold in thresholds if threshold.outcome == "fail"]
    if ending.error:
        return Verdict.ERROR, [ending.error]
    if never_measured := ending.setup_error or ending.disturbed:
        return Verdict.INVALID, [never_measured]
    if ending.interrupted:
        return Verdict.INTERRUPTED, [ending.interrupted]
    if not as_planned:
        return Verdict.ERROR, ["the operations performed are not those the seed prescribes: please report this"]
    if ok + failed == 0:
        return Verdict.INVALID, ["nothing was measured: no operation was tried", *starved]
    stopped = [f"the load was stopped early by {describe_failure(by)}"] if (by := ending.aborted_by) else []
    if by and not _is_not_judged(by, thresholds):
        # also where the threshold holds again by the end: the load it was set for was not delivered
        return Verdict.FAIL, [*stopped, *exceeded, *starved]
    if measurement.integrity and measurement.integrity.damaged:
        return Verdict.FAIL, [measurement.integrity.damaged, *exceeded, *starved]
    if exceeded:
        return Verdict.FAIL, [*exceeded, *starved]
    if ok == 0:
        return Verdict.INVALID, ["nothing was measured: every operation failed", *starved]
    # a load that was not delivered because others had the CPU needs no other advice
    doubts = [*starved, *stopped] or list(_undelivered(measurement, thresholds))
    return (Verdict.INVALID, doubts) if doubts else (Verdict.PASS, [])


def _is_not_judged(threshold: ThresholdResult, thresholds: Sequence[ThresholdResult]) -> bool:
    """Whether a threshold that ended the load turned out, at its end, to be one that the starved run cannot judge."""
    same = [each for each in thresholds if (each.expr, each.phase) == (threshold.expr, threshold.phase)]
    return any(each.outcome == "not judged" for each in same)


def _undelivered(measurement: Measurement, thresholds: Sequence[ThresholdResult]) -> Iterator[str]:
    """Why the load was not the one that was asked for."""
    judged = {threshold.phase for threshold in thresholds if _judges_delivery(threshold)}
    for phase in measurement.plan.phases:
        if judged & {"", phase.name}:
            continue
        where = f"{phase.name}: " if len(measurement.plan.phases) > 1 else ""
        dropped, interrupted = measurement.dropped_in(phase), measurement.phases[phase.index].interrupted
        seen = Observations(measurement, phase)
        delivery = seen.delivery()
        if delivery is not None and delivery < LEAST_DELIVERY:
            yield (
                f"{where}{seen.achieved_rate():.1f} of {seen.offered_rate():.1f} iterations/s were delivered, "
                f"{dropped:,} dropped: give the load more vus or a lower rate, "
                "or say with a threshold on dropped_iterations how many may be missing"
            )
        elif delivery is None and phase.load.planned_iterations and (left := dropped + interrupted):
            yield f"{where}{left:,} iterations were not done within max_duration: give it more, or ask for fewer"


def _judges_delivery(threshold: ThresholdResult) -> bool:
    return threshold.strict and parse_threshold(threshold.expr).metric.name in ("dropped_iterations", "delivery")


def describe_failure(threshold: ThresholdResult) -> str:
    """A threshold that does not hold, with what was observed."""
    where = f"{threshold.phase}: " if threshold.phase else ""
    if threshold.reason:
        return f"{where}{threshold.expr}: {threshold.reason}"
    return f"{where}{threshold.expr}: {format_quantity(threshold.unit, threshold.observed or 0.0)}"
