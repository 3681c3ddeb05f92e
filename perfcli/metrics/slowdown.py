"""How an engine slows down: while it runs, and with size.

**While it runs**: the last fifth of the operations against the first.

A machine gets slower too: others share it, and its clock follows its temperature. So the engine's own change is looked
at twice: in time, and in units of a reference kernel, a fixed piece of work without I/O that runs beside the engine
all the time. What is judged is the lesser of the two:

- Kernel and engine slow down alike (a busier machine): much in time, nothing in units. Nothing is judged.
- The kernel gets faster, while the engine waits for something that does not (a disk, the AI's 50 ms): nothing in time,
  much in units. Nothing is judged.
- The engine alone slows down: the same in both.

The price is an engine whose slowdown a machine made good that got faster meanwhile: it is missed, as this figure had
rather miss one in a strange hour than cry wolf.

**With size**: how cost grows with the pets that are stored, or with the length of a session.

The model is cost = a + c·sizeᵇ, with a fixed part a ≥ 0. Where a is 0, b is the slope of log cost over log size. With a
fixed part that slope is too low: 100 µs of fixed cost hide a linear search of 1 µs a pet until there are hundreds. So
several shares of the smallest cost are tried as a, and one is taken where it leaves less than a third of the error of
a = 0. Otherwise the figures do not tell a fixed part from noise, and the plain slope is given: of constant cost 0, of
growing cost the power with which it grew over the sizes that were seen.

Slopes are Theil–Sen's and the largest error is left out, so that one noisy decile changes little.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from perfcli.metrics.timeline import Slice, Timeline

FIFTHS = 5
SMALLEST_FIFTH = 5


@dataclass(frozen=True, slots=True)
class Fifths:
    """One operation: median latency in ns of its first fifth and of its last, and how many there were in all."""

    early_median_ns: float
    late_median_ns: float
    count: int

    @classmethod
    def of(cls, slices: Sequence[Slice]) -> Fifths | None:
        """From the operation's timeline, `timeline.slices(FIFTHS)`; None where a fifth has fewer than 5 samples."""
        if len(slices) < FIFTHS or min(slices[0].count, slices[-1].count) < SMALLEST_FIFTH:
            return None
        return cls(slices[0].median_ns, slices[-1].median_ns, sum(each.count for each in slices))


@dataclass(frozen=True, slots=True)
class Degradation:
    """How much slower the last fifth is than the first; 0.5 is 50 % slower, -0.5 takes half the time."""

    raw: float
    judged: float


def degradation(
    operations: Sequence[Fifths], early_reference_ns: float | None = None, late_reference_ns: float | None = None
) -> Degradation | None:
    """The degradation of one operation, or of a whole mix, each operation weighted by its count.

    Operations are compared each with itself, so a mix that merely shifts towards a slower operation does not look
    like a slowdown (direct standardisation). Medians, so that one hiccup of a shared machine does not either.

    Args:
        operations: those that had enough samples.
        early_reference_ns: median time of the reference kernel during the first fifth; None where it never ran.
        late_reference_ns: the same during the last fifth.

    Returns:
        None without an operation.
    """
    if not operations:
        return None
    # a clock with coarse ticks can give 0 ns: a median is never taken for less than one tick of 1 ns
    early = sum(max(1.0, each.early_median_ns) * each.count for each in operations)
    late = sum(max(1.0, each.late_median_ns) * each.count for each in operations)
    raw = late / early - 1
    if not early_reference_ns or not late_reference_ns:
        return Degradation(raw, raw)
    in_units = (late / late_reference_ns) / (early / early_reference_ns) - 1
    return Degradation(raw, min(raw, in_units))


Point = tuple[float, float]
"""A size, and the median cost (in ns) there."""

_LEAST_POINTS: Final = 5
_LEAST_SPAN: Final = 2.0
_FIXED_SHARES: Final = tuple(1 - 0.8**step for step in range(1, 31))  # 20 % to 99.9 %, denser towards all
_MUCH_BETTER: Final = 1 / 3


@dataclass(frozen=True, slots=True)
class Growth:
    """Cost at the largest sizes over cost at the smallest, and the exponent b; None where size hardly changed."""

    ratio: float
    exponent: float | None


def growth(points: Sequence[Point]) -> Growth | None:
    """The growth of cost over size.

    Args:
        points: in ascending order of size, one for each decile.

    Returns:
        None with fewer than 5 points of a size and a cost above 0. The exponent is None where the largest size is not
        at least twice the smallest: noise would decide it.
    """
    usable = [(size, cost) for size, cost in points if size > 0 and cost > 0]
    if len(usable) < _LEAST_POINTS:
        return None
    (smallest, first_cost), (largest, last_cost) = usable[0], usable[-1]
    exponent = _exponent(usable) if largest >= _LEAST_SPAN * smallest else None
    return Growth(last_cost / first_cost, exponent)


def _exponent(points: Sequence[Point]) -> float:
    lowest = min(cost for _, cost in points)
    plain_error, plain = _fit(points, 0.0)
    error, exponent = min(_fit(points, share * lowest) for share in _FIXED_SHARES)
    return exponent if error < _MUCH_BETTER * plain_error else plain


def _fit(points: Sequence[Point], fixed: float) -> tuple[float, float]:
    """The mean relative error of the model with that fixed part, its largest one left out, and the exponent."""
    # figures read this module's constants: `list` and `validate` are not to load what they never compute
    from statistics import median

    from perfcli.inference.estimates import theil_sen_slope

    logs = [(math.log(size), math.log(cost - fixed)) for size, cost in points]
    slope = theil_sen_slope(logs) or 0.0
    height = median(y - slope * x for x, y in logs)
    errors = sorted(
        abs(fixed + math.exp(height + slope * x) - cost) / cost for (x, _), (_, cost) in zip(logs, points, strict=True)
    )
    return sum(errors[:-1]) / (len(errors) - 1), slope


_SLICES: Final = 100


@dataclass(frozen=True, slots=True)
class SizeOverTime:
    """What was stored when a phase began, and the times by which more was; in ns since then."""

    before: int
    edges_ns: list[int]
    counts: list[int]

    @classmethod
    def of(cls, before: int, timelines: Iterable[Timeline]) -> SizeOverTime:
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
