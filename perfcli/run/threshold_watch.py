"""Thresholds while a load goes on: those that end it as soon as they fail, those at risk, and percentiles so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from perfcli.judgement import Rule, describe_failure, judge_thresholds, rules_of
from perfcli.measurement.assembly import partial_run
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.parts import Wanted
from perfcli.observer import AtRisk, OperationSoFar, Snapshot
from perfcli.plan import PlannedPhase
from perfcli.recorder import FLUSH_INTERVAL_NS
from perfcli.results import OperationResult, ThresholdResult, UnjudgedRun
from perfcli.thresholds import Threshold

ABORT_INTERVAL_S: Final = 1.0


class AbortCheck:
    """Judges the thresholds with `abort_on_fail` once a second, while the load goes on."""

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        self._began_at = {phase.name: measurement.phases[phase.index] for phase in measurement.plan.phases}
        # early on a percentile has few samples beyond it: that is no failure yet
        self._rules = [
            each.with_thin_samples() for each in rules_of(measurement.plan.scenario) if each.rule.abort_on_fail
        ]
        self._next_s = ABORT_INTERVAL_S
        self._judged_until_ns: dict[tuple[str, str], int] = {}

    @property
    def elapsed_s(self) -> float:
        """How long the load has lasted."""
        began_ns = self._measurement.began_ns
        return 0.0 if began_ns is None else max(0, time.perf_counter_ns() - began_ns) / 1e9

    def postpone(self) -> None:
        """Judge nothing for a while, so that what has arrived is read first."""
        self._next_s = max(self._next_s, self.elapsed_s + ABORT_INTERVAL_S)

    def failed_threshold(self) -> ThresholdResult | None:
        """The first that fails now; None for none, or if it is not yet time to look."""
        elapsed_s = self.elapsed_s
        if not self._rules or elapsed_s < self._next_s:
            return None
        began_s = time.monotonic()
        failure = self._failure(time.perf_counter_ns())
        # statistics take the longer, the more samples there are: never more than a tenth of the time
        self._next_s = elapsed_s + max(ABORT_INTERVAL_S, 10 * (time.monotonic() - began_s))
        return failure

    def _failure(self, now_ns: int) -> ThresholdResult | None:
        elapsed = [(each, self._elapsed_ns(each.phase, now_ns)) for each in self._rules]
        due = [(each, ns) for each, ns in elapsed if ns is not None and ns >= each.rule.delay_abort_eval_ns]
        wanted = Wanted(
            [(each.phase, each.threshold) for each, _ in due],
            everything=False,
            now_ns=now_ns,
            judged_until_ns=dict(self._judged_until_ns),
        )
        self._judged_until_ns |= {each.key: max(0, ns - FLUSH_INTERVAL_NS) for each, ns in due}
        judged = judge_thresholds(partial_run(self._measurement, wanted), [each for each, _ in due])
        failed = (each for each in judged if each.observed is not None and each.judged and not each.passed)
        return next(failed, None)

    def _elapsed_ns(self, phase: str, now_ns: int) -> int | None:
        """How long the load, or one phase of it, has lasted; None if it has not begun."""
        began_ns = self._began_at[phase].began_ns if phase else self._measurement.began_ns
        return now_ns - began_ns if began_ns is not None and now_ns >= began_ns else None


SNAPSHOT_INTERVAL_S: Final = 0.5
_REST: Final = 20
"""After each look it rests for so many times what that took: at most a twentieth of one CPU is spent."""

_NEAR: Final = 0.1
"""A threshold that is closer to its limit than this share of it is at risk."""


class Snapshots:
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
        self._latest = Snapshot()

    def latest(self, elapsed_ns: int) -> Snapshot:
        """What was seen last; looked at anew where it is time for that.

        Args:
            elapsed_ns: how long the load has lasted.
        """
        began_s = self._clock_s()
        if began_s >= self._next_s and self._measurement.began_ns is not None:
            self._latest = self._look(self._measurement.began_ns + elapsed_ns)
            ended_s = self._clock_s()
            self._next_s = ended_s + max(SNAPSHOT_INTERVAL_S, _REST * (ended_s - began_s))
        return self._latest

    def _look(self, now_ns: int) -> Snapshot:
        """What is known now: the whole load, and the phases that have begun."""
        began = {phase.name for phase in self._measurement.plan.phases if self._has_begun(phase)}
        rules = [each for each in self._rules if not each.phase or each.phase in began]
        wanted = Wanted(
            [(each.phase, each.threshold) for each in rules],
            everything=False,
            latency_of=["", *self._measurement.samples.labels],
            now_ns=now_ns,
        )
        run = partial_run(self._measurement, wanted)
        p95_ns = run.total.latency.p95_ns if run.total.latency else None
        return Snapshot(tuple(map(_so_far, run.operations)), tuple(_at_risk(run, rules)), p95_ns)

    def _has_begun(self, phase: PlannedPhase) -> bool:
        return self._measurement.phases[phase.index].began_ns is not None


def _so_far(operation: OperationResult) -> OperationSoFar:
    latency = operation.latency
    percentiles = [latency.statistic(name) if latency else None for name in ("p50", "p95", "p99")]
    return OperationSoFar(operation.name, operation.ok, operation.failed, *percentiles)


def _at_risk(run: UnjudgedRun, rules: Sequence[Rule]) -> Iterator[AtRisk]:
    if run.starved:
        yield AtRisk("", f"times are not judged: {run.starved}")
    for rule, judged in zip(rules, judge_thresholds(run, rules), strict=True):
        if judged.observed is not None and judged.judged and _is_near(rule.threshold, judged):
            phase = f"{judged.phase}: " if judged.phase else ""
            yield AtRisk(f"{phase}{judged.expr}", describe_failure(judged))


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
