"""What ends a load early: a threshold with `abort_on_fail`, or the last recovery if it is repeated for its faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from perfcli.executors.repeated import GIVES_UP_NS, Repeated
from perfcli.judgement import judge_thresholds, rules_of
from perfcli.measurement.assembly import partial_run, steady_state
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.parts import Wanted
from perfcli.plan import PlannedPhase
from perfcli.recorder import FLUSH_INTERVAL_NS
from perfcli.results import ThresholdResult
from perfcli.units import NS_PER_S

ABORT_INTERVAL_S: Final = 1.0
_REST: Final = 10
"""After each look it rests for so many times what that took."""


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
        self._next_s = elapsed_s + max(ABORT_INTERVAL_S, _REST * (time.monotonic() - began_s))
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


_STEADY_FOR_NS: Final = 2 * NS_PER_S
"""How long it must have been well: a recovery counts only if it lasts."""

_INTERVAL_S: Final = 0.2


class RecoveryWatch:
    """Looks at the phases of a plan that are repeated.

    Args:
        now_ns: the clock that samples are given in.
    """

    def __init__(self, measurement: Measurement, now_ns: Callable[[], int]) -> None:
        self._measurement = measurement
        self._now_ns = now_ns
        self._repeated = [(phase, phase.load) for phase in measurement.plan.phases if isinstance(phase.load, Repeated)]
        self._next_s = 0.0
        self.ended: set[int] = set()
        """The phases that were told to end."""

    def phases_to_end(self) -> Iterator[int]:
        """Those to be told now, each once."""
        if not self._repeated or time.monotonic() < self._next_s:
            return
        began_s, now_ns = time.monotonic(), self._now_ns()
        for phase, load in self._repeated:
            if phase.index not in self.ended and self._is_over(phase, load, now_ns):
                self.ended.add(phase.index)
                yield phase.index
        took_s = time.monotonic() - began_s
        self._next_s = began_s + max(_INTERVAL_S, _REST * took_s)

    def _is_over(self, phase: PlannedPhase, load: Repeated, now_ns: int) -> bool:
        measurement, faults = self._measurement, self._measurement.faults
        began_ns = measurement.phases[phase.index].began_ns
        if began_ns is None or faults is None or measurement.began_ns is None:
            return False
        over_ns = faults.over_ns(phase.index)
        if over_ns is None or measurement.iterations_of(phase) < load.least_iterations:
            return False
        if now_ns > over_ns + GIVES_UP_NS:
            return True
        # samples of the last moments may be on their way
        seen_ns = now_ns - 2 * FLUSH_INTERVAL_NS - measurement.began_ns
        ended_ns = over_ns - measurement.began_ns
        recovery_ns = steady_state(measurement).recovery_ns(ended_ns, seen_ns)
        return (
            recovery_ns is not None
            and seen_ns >= ended_ns + recovery_ns + _STEADY_FOR_NS
            and faults.activity.has_succeeded(seen_ns - NS_PER_S, seen_ns)
        )
