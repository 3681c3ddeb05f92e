"""Does the engine get slower while it runs? The last fifth of the operations against the first.

A machine gets slower too: others share it, and its clock follows its temperature. So the engine's own change is looked
at twice: in time, and in units of a reference kernel, a fixed piece of work without I/O that runs beside the engine
all the time. What is judged is the lesser of the two:

- Kernel and engine slow down alike (a busier machine): much in time, nothing in units. Nothing is judged.
- The kernel gets faster, while the engine waits for something that does not (a disk, the AI's 50 ms): nothing in time,
  much in units. Nothing is judged.
- The engine alone slows down: the same in both.

The price is an engine whose slowdown a machine made good that got faster meanwhile: it is missed, as this figure had
rather miss one in a strange hour than cry wolf.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perfcli.metrics.timeline import Slice

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
    in_reference_units: float | None
    judged: float


def degradation(
    operations: Iterable[Fifths | None],
    early_reference_ns: float | None = None,
    late_reference_ns: float | None = None,
) -> Degradation | None:
    """The degradation of one operation, or of a whole mix, each operation weighted by its count.

    Operations are compared each with itself, so a mix that merely shifts towards a slower operation does not look
    like a slowdown (direct standardisation). Medians, so that one hiccup of a shared machine does not either.

    Args:
        operations: those that are None, as they had too few samples, are left out.
        early_reference_ns: median time of the reference kernel during the first fifth; None where it never ran.
        late_reference_ns: the same during the last fifth.

    Returns:
        None where no operation had enough samples.
    """
    compared = [each for each in operations if each is not None]
    if not compared:
        return None
    # a clock with coarse ticks can give 0 ns: a median is never taken for less than one tick of 1 ns
    early = sum(max(1.0, each.early_median_ns) * each.count for each in compared)
    late = sum(max(1.0, each.late_median_ns) * each.count for each in compared)
    raw = late / early - 1
    if not early_reference_ns or not late_reference_ns:
        return Degradation(raw, None, raw)
    in_units = (late / late_reference_ns) / (early / early_reference_ns) - 1
    return Degradation(raw, in_units, min(raw, in_units))
