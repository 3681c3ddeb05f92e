"""A glimpse of a run that goes on: percentiles so far, and thresholds at risk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from perfcli.measurement.measured import Measurement
from perfcli.measurement.observations import Observations
from perfcli.measurement.verdict import describe_failure, judge_threshold
from perfcli.observer import Glimpse, OperationSoFar
from perfcli.results import ThresholdResult
from perfcli.thresholds import parse_threshold

INTERVAL_S: Final = 0.5
_REST: Final = 20
"""After each look it rests for so many times what that took: at most a twentieth of one CPU is spent."""

_NEAR: Final = 0.1
"""A threshold that is closer to its limit than this share of it is at risk."""

_KNOWN_AT_THE_END: Final = frozenset({"iterations", "dropped_iterations", "duration"})


class Glances:
    """Looks at a measurement now and then.

    Args:
        clock_s: what time it is, in seconds.
    """

    def __init__(self, measurement: Measurement, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._measurement = measurement
        self._clock_s = clock_s
        self._next_s = 0.0
        self._latest = Glimpse()

    def latest(self, elapsed_ns: int) -> Glimpse:
        """What was seen last; looked at anew where it is time for that.

        Args:
            elapsed_ns: how long the load has lasted.
        """
        began_s = self._clock_s()
        if began_s >= self._next_s and self._measurement.began_ns is not None:
            self._latest = self._look(elapsed_ns)
            ended_s = self._clock_s()
            self._next_s = ended_s + max(INTERVAL_S, _REST * (ended_s - began_s))
        return self._latest

    def _look(self, elapsed_ns: int) -> Glimpse:
        seen = Observations(self._measurement, elapsed_ns=elapsed_ns)
        return Glimpse(tuple(self._operations(seen)), tuple(self._at_risk(seen, elapsed_ns)))

    def _operations(self, seen: Observations) -> Iterator[OperationSoFar]:
        for label in self._measurement.samples.labels:
            chosen = seen.select(label)
            latency = seen.distribution("latency", label)
            percentiles = [latency.percentile(share) if len(latency) else None for share in (0.5, 0.95, 0.99)]
            yield OperationSoFar(
                label, sum(each.ok for each in chosen), sum(each.failed for each in chosen), *percentiles
            )

    def _at_risk(self, seen: Observations, elapsed_ns: int) -> Iterator[str]:
        rules = [(rule, seen, "") for rule in self._measurement.plan.scenario.judged_thresholds]
        for phase in self._measurement.plan.phases:
            if phase.phase.thresholds and self._measurement.phases[phase.index].began_ns is not None:
                of_phase = Observations(self._measurement, phase, elapsed_ns=elapsed_ns)
                rules += [(rule, of_phase, phase.name) for rule in phase.phase.judged_thresholds]
        starved = self._measurement.starved
        if starved:
            yield f"times are not judged: {starved}"
        for rule, observations, phase_name in rules:
            if not rule.strict or parse_threshold(rule.expr).metric.name in _KNOWN_AT_THE_END:
                continue
            # early on a percentile has few samples beyond it: that is no risk yet
            judged = judge_threshold(
                rule.model_copy(update={"allow_thin": True}), observations, phase_name, starved=bool(starved)
            )
            if judged.observed is not None and judged.judged and _is_near(judged):
                yield describe_failure(judged)


def _is_near(judged: ThresholdResult) -> bool:
    if not judged.passed:
        return True
    # a share of 95 % has no room of a tenth above it
    is_most = parse_threshold(judged.expr).op in ("<", "<=")
    return is_most and judged.margin is not None and judged.margin < _NEAR
