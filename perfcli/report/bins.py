"""Where the bars of a histogram begin: at round numbers, evenly spaced, or of a wide range by equal factors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final

MOST_BINS: Final = 14
_WIDE: Final = 10
"""From this ratio of the largest to the smallest value on, bars grow by a factor."""

_SERIES: Final[Sequence[Sequence[float]]] = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5))
"""Within each power of ten, the finest first."""


def edges(smallest: int, largest: int) -> list[int]:
    """The edges of at most 14 bars, ascending; the first is at most `smallest`, the last more than `largest`.

    Both are whole numbers ≥ 0.
    """
    is_wide = largest >= _WIDE * max(1, smallest)
    finest_first = _growing(smallest, largest) if is_wide else _even(smallest, largest)
    return next(found for found in finest_first if len(found) <= MOST_BINS + 1)


def _even(smallest: int, largest: int) -> Iterator[list[int]]:
    for power in count():
        for digit in (1, 2, 5):
            step = digit * 10**power
            first = smallest // step
            wanted = range(first, min(largest // step, first + MOST_BINS + 1) + 2)
            yield [step * number for number in wanted]


def _growing(smallest: int, largest: int) -> Iterator[list[int]]:
    digits = len(str(largest))
    for series in _SERIES:
        rounded = {round(each * 10**power) for power in range(digits + 1) for each in series}
        yield _needed(sorted({0, *rounded}), smallest, largest)
    for stride in count(1):
        yield _needed([0, *(10**power for power in range(0, digits + stride, stride))], smallest, largest)


def _needed(found: Sequence[int], smallest: int, largest: int) -> list[int]:
    """Those from the last one at or below `smallest` to the first one above `largest`."""
    first = max(edge for edge in found if edge <= smallest)
    last = min(edge for edge in found if edge > largest)
    return [edge for edge in found if first <= edge <= last]
