"""Ends loads that are repeated for their faults' sake, once the last fault has recovered or was given time enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from perfcli.executors.repeated import GIVES_UP_NS, Repeated
from perfcli.measurement.assembly import steady_state
from perfcli.measurement.measurement import Measurement
from perfcli.plan import PlannedPhase
from perfcli.recorder import FLUSH_INTERVAL_NS
from perfcli.units import NS_PER_S

_STEADY_FOR_NS: Final = 2 * NS_PER_S
"""How long it must have been well: a recovery counts only if it lasts."""

_INTERVAL_S: Final = 0.2
_REST: Final = 10
"""After each look it rests for so many times what that took."""


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
