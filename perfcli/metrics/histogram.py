"""A log-linear histogram: small, exact to 1 part in 256, and mergeable by adding counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

SUB_BUCKET_BITS: Final = 8


def bucket_floor(value: int) -> int:
    """The lower edge of the bucket that holds a whole number ≥ 0.

    Below 512 every value has its own bucket; above, the eight bits after the leading one are kept, so a bucket's
    width is at most 1/256 of its floor (the scheme of HdrHistogram with base-2 sub-buckets).
    """
    shift = max(0, value.bit_length() - SUB_BUCKET_BITS - 1)
    return (value >> shift) << shift


def bucket_width(floor: int) -> int:
    """The width of the bucket that starts at `floor`."""
    return 1 << max(0, floor.bit_length() - SUB_BUCKET_BITS - 1)


def histogram(samples: Iterable[int]) -> dict[int, int]:
    """Counts by bucket floor, in ascending order; merge two by adding the counts of equal floors."""
    counts = Counter(map(bucket_floor, samples))
    return dict(sorted(counts.items()))
