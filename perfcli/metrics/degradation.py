"""Does the engine get slower while it runs? The last fifth of the samples against the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

SMALLEST_FIFTH = 5


def degradation(latencies: Sequence[int]) -> float | None:
    """Median of the last fifth over median of the first fifth, less 1 (0.5 is 50 % slower).

    Medians, so that one hiccup of a shared machine is not taken for an engine that slows down.

    Args:
        latencies: in the order of their start.

    Returns:
        None where a fifth would hold fewer than 5 samples.
    """
    fifths = _fifths(latencies)
    return None if fifths is None else fifths[1] / fifths[0] - 1


def overall_degradation(latencies_by_operation: Mapping[str, Sequence[int]]) -> float | None:
    """The degradation of a whole mix, each operation weighted by its count.

    Operations are compared each with itself, so a mix that merely shifts towards a slower operation does not look
    like a slowdown (direct standardisation).
    """
    early = late = 0.0
    for latencies in latencies_by_operation.values():
        fifths = _fifths(latencies)
        if fifths is not None:
            early += fifths[0] * len(latencies)
            late += fifths[1] * len(latencies)
    return late / early - 1 if early else None


def _fifths(latencies: Sequence[int]) -> tuple[float, float] | None:
    size = len(latencies) // 5
    if size < SMALLEST_FIFTH:
        return None
    # a clock with coarse ticks can give 0 ns: a fifth is never taken for less than one tick of 1 ns
    return max(1.0, median(latencies[:size])), max(1.0, median(latencies[-size:]))
