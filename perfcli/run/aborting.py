"""Thresholds that end a load as soon as they fail."""

from __future__ import annotations

import time
from typing import Final

from perfcli.judgement import judge_thresholds, rules_of
from perfcli.measurement.assembly import snapshot
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.parts import Wanted
from perfcli.recorder import FLUSH_INTERVAL_NS
from perfcli.results import ThresholdResult

INTERVAL_S: Final = 1.0


class AbortCheck:
    """Judges the thresholds with `abort_on_fail` once a second, while the load goes on."""

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        self._began_at = {phase.name: measurement.phases[phase.index] for phase in measurement.plan.phases}
        # early on a percentile has few samples beyond it: that is no failure yet
        self._rules = [
            each.with_thin_samples() for each in rules_of(measurement.plan.scenario) if each.rule.abort_on_fail
        ]
        self._next_s = INTERVAL_S
        self._judged_until_ns: dict[tuple[str, str], int] = {}

    @property
    def elapsed_s(self) -> float:
        """How long the load has lasted."""
        began_ns = self._measurement.began_ns
        return 0.0 if began_ns is None else max(0, time.perf_counter_ns() - began_ns) / 1e9

    def postpone(self) -> None:
        """Judge nothing for a while, so that what has arrived is read first."""
        self._next_s = max(self._next_s, self.elapsed_s + INTERVAL_S)

    def failed_threshold(self) -> ThresholdResult | None:
        """The first that fails now; None for none, or if it is not yet time to look."""
        elapsed_s = self.elapsed_s
        if not self._rules or elapsed_s < self._next_s:
            return None
        began_s = time.monotonic()
        failure = self._failure(time.perf_counter_ns())
        # statistics take the longer, the more samples there are: never more than a tenth of the time
        self._next_s = elapsed_s + max(INTERVAL_S, 10 * (time.monotonic() - began_s))
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
        judged = judge_thresholds(snapshot(self._measurement, wanted), [each for each, _ in due])
        failed = (each for each in judged if each.observed is not None and each.judged and not each.passed)
        return next(failed, None)

    def _elapsed_ns(self, phase: str, now_ns: int) -> int | None:
        """How long the load, or one phase of it, has lasted; None if it has not begun."""
        began_ns = self._began_at[phase].began_ns if phase else self._measurement.began_ns
        return now_ns - began_ns if began_ns is not None and now_ns >= began_ns else None
