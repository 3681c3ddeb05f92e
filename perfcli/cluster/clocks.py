"""The clock of another machine: how far it is ahead, how surely that is known, and how it drifts. Pure.

No latency crosses machines: both ends of an operation are read on one. What crosses is when it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

ROUND_TRIPS: Final = 20
"""Of an estimate: a single one can be several milliseconds off on a busy machine."""

INTERVAL_S: Final = 5.0
"""How often a run estimates again, besides at its checkpoints."""

_WANDERS: Final = 1e-4
"""How much quartz clocks part in a second, at most: 100 ppm."""

_LEAST_SPAN_NS: Final = 2_000_000_000


class Clock(NamedTuple):
    """What a clock of another machine shows."""

    offset_ns: int
    """How far it is ahead of this machine's."""
    bound_ns: int
    """How far off that may be, at most: whatever the way there and the way back share of the round trip."""


def estimate(readings: Sequence[tuple[int, int, int]]) -> Clock:
    """The offset by the round trip that took least (Cristian 1989).

    Args:
        readings: when this machine asked, what the other clock showed, and when the answer was here; ns.
    """
    asked_ns, read_ns, answered_ns = min(readings, key=lambda reading: reading[2] - reading[0])
    return Clock(read_ns - (asked_ns + answered_ns) // 2, -(-(answered_ns - asked_ns) // 2))


class ClockHistory:
    """Estimates of one clock. The surest holds, and grows less sure with time."""

    def __init__(self) -> None:
        self._estimates: list[tuple[int, Clock]] = []
        self._best: tuple[int, Clock] | None = None

    def add(self, at_ns: int, clock: Clock) -> Clock:
        """Take in an estimate that was made at this time of this machine's clock; return what holds now."""
        self._estimates.append((at_ns, clock))
        if self._best is None or clock.bound_ns <= self.now(at_ns).bound_ns:
            self._best = at_ns, clock
        return self.now(at_ns)

    def now(self, at_ns: int) -> Clock:
        """What holds at a time of this machine's clock.

        Raises:
            LookupError: nothing was estimated yet.
        """
        if self._best is None:
            raise LookupError
        since_ns, clock = self._best
        return clock._replace(bound_ns=clock.bound_ns + round(_WANDERS * max(0, at_ns - since_ns)))

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the other clock runs, by a line through all estimates; None if they span too little time.

        Estimates weigh by how sure they are.
        """
        times = [at_ns for at_ns, _ in self._estimates]
        if not times or times[-1] - times[0] < _LEAST_SPAN_NS:
            return None
        weights = [1 / max(1, clock.bound_ns) ** 2 for _, clock in self._estimates]
        offsets = [clock.offset_ns - self._estimates[0][1].offset_ns for _, clock in self._estimates]
        xs, total = [at_ns - times[0] for at_ns in times], sum(weights)
        mean_x = sum(w * x for w, x in zip(weights, xs, strict=True)) / total
        mean_y = sum(w * y for w, y in zip(weights, offsets, strict=True)) / total
        covariance = sum(w * (x - mean_x) * (y - mean_y) for w, x, y in zip(weights, xs, offsets, strict=True))
        variance = sum(w * (x - mean_x) ** 2 for w, x in zip(weights, xs, strict=True))
        return 1e6 * covariance / variance if variance else None
