"""How much was stored at any time of a phase: pets, or interactions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from perfcli.metrics.timeline import Timeline

_SLICES: Final = 100


@dataclass(frozen=True, slots=True)
class Stock:
    """What was stored when a phase began, and the times by which more was; in ns since then."""

    before: int
    edges_ns: list[int]
    counts: list[int]

    @classmethod
    def of(cls, before: int, timelines: Iterable[Timeline]) -> Stock:
        """From the timelines of the operations that store one each."""
        parts = sorted((part.end_ns, part.count) for timeline in timelines for part in timeline.slices(_SLICES))
        return cls(before, [end_ns for end_ns, _ in parts], list(accumulate(count for _, count in parts)))

    def at(self, at_ns: int) -> float:
        """How much there was at a time, in proportion between the times that are known; at least 1."""
        place = bisect_right(self.edges_ns, at_ns)
        known = self.counts[place - 1] if place else 0
        if place == len(self.edges_ns):
            return max(1.0, self.before + known)
        since_ns = self.edges_ns[place - 1] if place else 0
        share = (at_ns - since_ns) / max(1, self.edges_ns[place] - since_ns)
        return max(1.0, self.before + known + share * (self.counts[place] - known))
