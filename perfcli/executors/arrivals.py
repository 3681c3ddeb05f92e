"""When iterations arrive under a rate that is constant or changes linearly by stages: in closed form, in integers.

With integers no arrival drifts, however many there are, and every number of engine processes finds the same instants.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Final

from perfcli.executors.base import Share
from perfcli.units import NS_PER_S

LATE_START_NS: Final = 100_000_000
"""How long after its end an open load still begins what was due before: a timer that wakes late is no overload."""


@dataclass(frozen=True, slots=True)
class RateStage:
    """A time in which the rate goes linearly from one value to another, both in arrivals per second."""

    from_per_s: Fraction
    to_per_s: Fraction
    duration_ns: int


class Arrivals:
    """Arrival i is due as soon as the rate, added up over time, has come to i: the first where the rate begins.

    Rates are taken as whole numbers of 1/scale per second, and twice their integral over ns is what counts, so that
    the area under a stage is a whole number too. One arrival is an area of 2 · scale · 10⁹.
    """

    def __init__(self, stages: Sequence[RateStage]) -> None:
        scale = math.lcm(*(rate.denominator for stage in stages for rate in (stage.from_per_s, stage.to_per_s)))
        self._area_of_one = 2 * scale * NS_PER_S
        self._stages = []
        self._areas = []
        self.duration_ns = area = 0
        for stage in stages:
            begin, end = int(stage.from_per_s * scale), int(stage.to_per_s * scale)
            self._stages.append(_Stage(self.duration_ns, area, 2 * begin, end - begin, stage.duration_ns))
            self.duration_ns += stage.duration_ns
            area += (begin + end) * stage.duration_ns
            self._areas.append(area)

    def due_ns(self, arrival: int) -> int:
        """When an arrival, counted from 0, is due: whole ns since the phase began, what is beyond cut off.

        Raises:
            IndexError: it is never due.
        """
        area = self._area_of_one * arrival
        # the first stage that ends with more: those without arrivals are stepped over
        return self._stages[bisect_right(self._areas, area)].time_of(area)

    def due_before(self, elapsed_ns: int) -> int:
        """How many arrivals are due before a time."""
        area = max(stage.area_at(elapsed_ns) for stage in self._stages)
        # rounded up: an arrival is due where the area of those before it is full, not its own
        return math.ceil(area / self._area_of_one)

    def largest_gap_ns(self, tickets: range) -> int:
        """The longest time in which none of these arrivals is due, from the beginning to the end of the last stage.

        Within a stage gaps only grow or only shrink: the longest is its first, its last, or one across its border.
        """
        borders = [0, *(self.due_before(stage.start_ns + stage.length_ns) for stage in self._stages)]
        firsts = [bisect_left(tickets, border) for border in borders]
        near = {at for first in firsts for at in range(first - 2, first + 2) if 0 <= at < len(tickets)}
        due_ns = {at: self.due_ns(tickets[at]) for at in near}
        return max(
            due_ns.get(0, self.duration_ns),
            self.duration_ns - due_ns.get(len(tickets) - 1, 0),
            *(due_ns[at] - due_ns[at - 1] for at in near if at - 1 in near),
        )


@dataclass(frozen=True, slots=True)
class _Stage:
    """A stage in whole numbers: its rate is (doubled_begin / 2 + rise · x / length_ns) / scale after x ns."""

    start_ns: int
    area_before: int
    doubled_begin: int
    rise: int
    length_ns: int

    def time_of(self, area: int) -> int:
        """When the area has come to `area`, in whole ns, rounded down.

        That is x in rise / length · x² + 2 · begin · x = area; the root is rounded so that x is exact.
        """
        area, rise = area - self.area_before, self.rise
        if not rise:
            return self.start_ns + area // self.doubled_begin
        half = self.doubled_begin * self.length_ns // 2
        under_root = half * half + rise * self.length_ns * area
        if rise > 0:
            return self.start_ns + (math.isqrt(under_root) - half) // rise
        root = math.isqrt(under_root - 1) + 1 if under_root else 0
        return self.start_ns + (half - root) // -rise

    def area_at(self, elapsed_ns: int) -> Fraction:
        """The area up to a time, or to the end of the stage where that is sooner; 0 for a time before it."""
        time_ns = min(elapsed_ns - self.start_ns, self.length_ns)
        if time_ns < 0:
            return Fraction(0)
        bend = Fraction(self.rise * time_ns * time_ns, self.length_ns) if self.rise and time_ns else 0
        return Fraction(self.area_before + self.doubled_begin * time_ns) + bend


class ArrivalSchedule:
    """Deals out arrivals in order, to whoever is free.

    Args:
        since_ns: nothing that was due before is dealt out, in ns since the phase began.
    """

    def __init__(self, arrivals: Arrivals, share: Share, since_ns: int = 0) -> None:
        self._due_ns = arrivals.due_ns
        self._planned = arrivals.due_before(arrivals.duration_ns)
        self._latest_ns = arrivals.duration_ns + LATE_START_NS
        gone = len(share.part_of(arrivals.due_before(since_ns)))
        self._tickets = count(share.index + gone * share.of, share.of)

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """When the next arrival of all is due, or was; None when there is none, or it is too late for any."""
        if now_ns > self._latest_ns:
            return None
        # next() on itertools.count is one atomic step in CPython: no lock, no arrival twice
        ticket = next(self._tickets)
        return self._due_ns(ticket) if ticket < self._planned else None

    def back_to_back(self, vu: int) -> None:
        """None: each iteration has its time."""
