"""A glimpse of a run that goes on: percentiles so far, and thresholds at risk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from perfcli.judgement import Rule, describe_failure, judge_thresholds, rules_of
from perfcli.measurement.assembly import snapshot
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.parts import Wanted
from perfcli.observer import Glimpse, OperationSoFar
from perfcli.plan import PlannedPhase
from perfcli.results import OperationResult, ThresholdResult, UnjudgedRun
from perfcli.thresholds import Threshold

INTERVAL_S: Final = 0.5
_REST: Final = 20
"""After each look it rests for so many times what that took: at most a twentieth of one CPU is spent."""

_NEAR: Final = 0.1
"""A threshold that is closer to its limit than this share of it is at risk."""


class Glances:
    """Looks at a measurement now and then.

    Args:
        clock_s: what time it is, in seconds.
    """

    def __init__(self, measurement: Measurement, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._measurement = measurement
        self._clock_s = clock_s
        rules = rules_of(measurement.plan.scenario)
        # early on a percentile has few samples beyond it: that is no risk yet
        self._rules = [
            each.with_thin_samples() for each in rules if each.rule.strict and not each.threshold.metric.at_end
        ]
        self._next_s = 0.0
        self._latest = Glimpse()

    def latest(self, elapsed_ns: int) -> Glimpse:
        """What was seen last; looked at anew where it is time for that.

        Args:
            elapsed_ns: how long the load has lasted.
        """
        began_s = self._clock_s()
        if began_s >= self._next_s and self._measurement.began_ns is not None:
            self._latest = self._look(self._measurement.began_ns + elapsed_ns)
            ended_s = self._clock_s()
            self._next_s = ended_s + max(INTERVAL_S, _REST * (ended_s - began_s))
        return self._latest

    def _look(self, now_ns: int) -> Glimpse:
        """What is known now: the whole load, and the phases that have begun."""
        began = {phase.name for phase in self._measurement.plan.phases if self._has_begun(phase)}
        rules = [each for each in self._rules if not each.phase or each.phase in began]
        wanted = Wanted(
            [(each.phase, each.threshold) for each in rules],
            everything=False,
            latency_of=["", *self._measurement.samples.labels],
            now_ns=now_ns,
        )
        run = snapshot(self._measurement, wanted)
        p95_ns = run.total.latency.p95_ns if run.total.latency else None
        return Glimpse(tuple(map(_so_far, run.operations)), tuple(_at_risk(run, rules)), p95_ns)

    def _has_begun(self, phase: PlannedPhase) -> bool:
        return self._measurement.phases[phase.index].began_ns is not None


def _so_far(operation: OperationResult) -> OperationSoFar:
    latency = operation.latency
    percentiles = [latency.statistic(name) if latency else None for name in ("p50", "p95", "p99")]
    return OperationSoFar(operation.name, operation.ok, operation.failed, *percentiles)


def _at_risk(run: UnjudgedRun, rules: Sequence[Rule]) -> Iterator[str]:
    if run.starved:
        yield f"times are not judged: {run.starved}"
    for rule, judged in zip(rules, judge_thresholds(run, rules), strict=True):
        if judged.observed is not None and judged.judged and _is_near(rule.threshold, judged):
            yield describe_failure(judged)


def _is_near(threshold: Threshold, judged: ThresholdResult) -> bool:
    if not judged.passed:
        return not _may_yet_hold(threshold, judged.observed or 0.0)
    if threshold.metric.counts_up:
        return False  # one that rises comes near its limit in any load
    # a share of 95 % has no room of a tenth above it
    return threshold.op in ("<", "<=") and judged.margin is not None and judged.margin < _NEAR


def _may_yet_hold(threshold: Threshold, observed: float) -> bool:
    """Whether a count on its way up has not come to a limit that it is to reach."""
    return threshold.metric.counts_up and threshold.op not in ("<", "<=") and observed <= threshold.limit
