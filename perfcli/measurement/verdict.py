"""Pass or fail: thresholds against what was observed, and the verdict of a whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfcli.errors import Verdict
from perfcli.measurement.observations import Observations
from perfcli.results import ThresholdResult
from perfcli.scenario.models import Scenario, ThresholdRule
from perfcli.thresholds import parse_threshold
from perfcli.units import format_quantity

NO_SAMPLES = "no samples"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run came to its end: by itself, or for one of the first four reasons."""

    error: str = ""  # the engine process died, hung or failed after the load
    setup_error: str = ""  # the engine could not be opened, or its set-up failed
    interrupted: str = ""  # a signal ended the load
    aborted_by: str = ""  # a threshold with abort_on_fail ended the load
    details: str = ""  # of an error: a traceback, or what the engine printed last


def judge_thresholds(scenario: Scenario, observations: Observations) -> list[ThresholdResult]:
    """Every threshold of a scenario against what was observed; one without samples fails and says so."""
    return [judge_threshold(rule, observations) for rule in scenario.thresholds]


def judge_threshold(rule: ThresholdRule, observations: Observations) -> ThresholdResult:
    """One threshold against what was observed."""
    threshold = parse_threshold(rule.expr)
    observed = observations.observe(threshold)
    return ThresholdResult(
        expr=threshold.text,
        unit=threshold.metric.unit,
        observed=observed,
        limit=threshold.limit,
        margin=None if observed is None else threshold.margin(observed),
        passed=observed is not None and threshold.holds(observed),
        reason=NO_SAMPLES if observed is None else "",
        abort_on_fail=rule.abort_on_fail,
    )


def reach_verdict(
    ending: Ending,
    thresholds: Sequence[ThresholdResult],
    *,
    ok: int,
    failed: int,
    dropped_iterations: int,
    as_planned: bool,
) -> tuple[Verdict, list[str]]:
    """The verdict of a run, with its reasons.

    An error outranks everything, as what was measured is then unknown; a run in which nothing succeeded is invalid
    even if every threshold holds, so that nothing passes by doing nothing; and so is one whose load was not delivered,
    unless a threshold says how much of it may be missing.
    """
    exceeded = [describe_failure(threshold) for threshold in thresholds if not threshold.passed]
    if ending.error:
        return Verdict.ERROR, [ending.error]
    if ending.setup_error:
        return Verdict.INVALID, [ending.setup_error]
    if ending.interrupted:
        return Verdict.INTERRUPTED, [ending.interrupted]
    if not as_planned:
        return Verdict.ERROR, ["the operations performed are not those the seed prescribes: please report this"]
    if ok + failed == 0:
        return Verdict.INVALID, ["nothing was measured: no operation was tried"]
    if ending.aborted_by:
        # also where the threshold holds again by the end: the load it was set for was not delivered
        return Verdict.FAIL, [f"the load was stopped early by {ending.aborted_by}", *exceeded]
    if exceeded:
        return Verdict.FAIL, exceeded
    if ok == 0:
        return Verdict.INVALID, ["nothing was measured: every operation failed"]
    drops_are_judged = any(threshold.expr.startswith("dropped_iterations") for threshold in thresholds)
    if dropped_iterations and not drops_are_judged:
        return Verdict.INVALID, [
            f"{dropped_iterations:,} iterations were not begun within max_duration: give it more, or ask for fewer"
        ]
    return Verdict.PASS, []


def describe_failure(threshold: ThresholdResult) -> str:
    """A threshold that does not hold, with what was observed."""
    if threshold.observed is None:
        return f"{threshold.expr}: {threshold.reason}"
    return f"{threshold.expr}: {format_quantity(threshold.unit, threshold.observed)}"
