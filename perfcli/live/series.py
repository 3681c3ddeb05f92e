"""The time line of a run as a page shows it: of any length, in a bounded number of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MOST_POINTS: Final = 480


@dataclass(frozen=True, slots=True)
class Point:
    """What a stretch of time showed. None is unknown."""

    at_s: float  # when it ended, since measuring began
    rate_per_s: float  # successful operations
    failed_per_s: float
    p95_ns: float | None
    vus: float
    rss_bytes: float
    cpu: float | None  # 1.0 for one core


class Series:
    """Points one after another. When there are too many, each two become one, which shows the worse of their times."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._each = 1
        self._waiting: list[Point] = []
        self.points: list[Point] = []

    def add(self, point: Point) -> None:
        """Take in the next stretch; all are of about one length."""
        self._waiting.append(point)
        if len(self._waiting) < self._each:
            return
        self.points.append(_one_of(self._waiting))
        self._waiting = []
        if len(self.points) >= self._most:
            self.points = [_one_of(self.points[start : start + 2]) for start in range(0, len(self.points), 2)]
            self._each *= 2


def _one_of(points: Sequence[Point]) -> Point:
    return Point(
        points[-1].at_s,
        _mean([each.rate_per_s for each in points]),
        _mean([each.failed_per_s for each in points]),
        max((each.p95_ns for each in points if each.p95_ns is not None), default=None),
        max(each.vus for each in points),
        max(each.rss_bytes for each in points),
        max((each.cpu for each in points if each.cpu is not None), default=None),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
