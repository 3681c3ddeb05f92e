"""Thresholds that end a load as soon as they fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from perfcli.measurement.measured import Measurement
from perfcli.measurement.observations import Observations
from perfcli.measurement.verdict import judge_threshold
from perfcli.plan import PlannedPhase
from perfcli.recorder import FLUSH_INTERVAL_NS
from perfcli.results import ThresholdResult
from perfcli.scenario.models import ThresholdRule

INTERVAL_S: Final = 1.0


class AbortCheck:
    """Judges the thresholds with `abort_on_fail` once a second, while the load goes on."""

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        scenario, phases = measurement.plan.scenario, measurement.plan.phases
        rules: list[tuple[PlannedPhase | None, ThresholdRule]] = [(None, rule) for rule in scenario.judged_thresholds]
        rules += [(phase, rule) for phase in phases for rule in phase.phase.judged_thresholds]
        self._rules = [(phase, rule) for phase, rule in rules if rule.abort_on_fail]
        self._next_s = INTERVAL_S
        self._judged_until_ns: dict[int, int] = {}

    @property
    def elapsed_s(self) -> float:
        """How long the load has lasted."""
        began_ns = self._measurement.began_ns
        return 0.0 if began_ns is None else max(0, time.perf_counter_ns() - began_ns) / 1e9

    def postpone(self) -> None:
        """Judge nothing for a while, so that what has arrived is read first."""
        self._next_s = max(self._next_s, self.elapsed_s + INTERVAL_S)

    def failed_threshold(self) -> ThresholdResult | None:
        """The first that fails now; None for none, or where it is not yet time to look."""
        elapsed_s = self.elapsed_s
        if not self._rules or elapsed_s < self._next_s:
            return None
        began_s = time.monotonic()
        failure = next(self._failures(), None)
        # statistics take the longer, the more samples there are: never more than a tenth of the time
        self._next_s = elapsed_s + max(INTERVAL_S, 10 * (time.monotonic() - began_s))
        return failure

    def _failures(self) -> Iterator[ThresholdResult]:
        starved = bool(self._measurement.starved)
        for number, (phase, rule) in enumerate(self._rules):
            elapsed_ns = self._elapsed_ns(phase)
            if elapsed_ns is None or elapsed_ns < rule.delay_abort_eval_ns:
                continue
            since_ns = self._judged_until_ns.get(number, 0)
            self._judged_until_ns[number] = max(0, elapsed_ns - FLUSH_INTERVAL_NS)
            observations = Observations(self._measurement, phase, elapsed_ns=elapsed_ns, since_ns=since_ns)
            # early on a percentile has few samples beyond it: that is no failure yet
            result = judge_threshold(
                rule.model_copy(update={"allow_thin": True}), observations, phase.name if phase else "", starved=starved
            )
            if result.observed is not None and result.judged and not result.passed:
                yield result

    def _elapsed_ns(self, phase: PlannedPhase | None) -> int | None:
        """How long the load, or one phase of it, has lasted; None where it has not begun."""
        began_ns = self._measurement.began_ns if phase is None else self._measurement.phases[phase.index].began_ns
        if began_ns is None:
            return None
        now_ns = time.perf_counter_ns()
        return now_ns - began_ns if now_ns >= began_ns else None
