"""What the page shows, and that eight hours of it take no more memory than some minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from perfcli.live.picture import DRAWINGS, MOST_POINTS, Picture, Point, Series
from perfcli.observer import AtRisk, OperationSoFar, Progress, Recent, Second, Snapshot
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult

MEASURING = Progress("test", "measuring", 0, planned_vus=2, vus=2, rss_bytes=10, cpu=0.5)


def point(at_s: float, rate: float = 1.0, p95_ns: float | None = None) -> Point:
    """A point of a series."""
    return Point(at_s, rate, 0.0, p95_ns, 1.0, 1.0, None)


class Clock:
    """Shows the time that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now_s


def test_a_series_of_any_length_keeps_its_mean_its_worst_and_its_end() -> None:
    series = Series(8)
    for second in range(1, 1_001):
        series.add(point(float(second), rate=float(second % 2), p95_ns=9.0 if second == 300 else 1.0))
    assert 4 <= len(series.points) <= 8
    assert series.points[-1].at_s > 1_000 - 256
    assert {each.rate_per_s for each in series.points} == {0.5}
    assert max(each.p95_ns or 0 for each in series.points) == 9.0


@pytest.mark.slow
def test_eight_hours_stay_bounded(make_plan: Callable[..., ExecutionPlan]) -> None:
    clock = Clock()
    picture = Picture(clock)
    picture.begin(make_plan(["load_pet"]), 1, 1)
    sizes = []
    for update in range(8 * 3_600 * 2):
        clock.now_s = update / 2
        picture.update(replace(MEASURING, ok=update, faults=["lock"] if update % 20 == 0 else []))
        if update % 3_600 == 3_599:
            sizes.append(len(str(picture.charts())))
    assert len(picture.series.points) <= MOST_POINTS
    assert max(sizes) < 2 * sizes[0]


def test_the_page_shows_what_goes_on_and_what_was_found(
    make_plan: Callable[..., ExecutionPlan], simulated: RunResult
) -> None:
    clock = Clock()
    picture = Picture(clock)
    picture.begin(make_plan(["load_pet"]), 2, 3)
    snapshot = Snapshot([OperationSoFar("load_pet", 5, 1, 1e6, 2e6, 3e6)], [AtRisk("a", "a < 1: 2")], 2e6)
    recent = Recent(seconds=[Second(10.0, 2e6)])
    for clock.now_s in (0.0, 1.0, 2.0):
        picture.update(replace(MEASURING, snapshot=snapshot, recent=recent, faults=["lock"], phases=["rush"]))
    shown = picture.article()
    for text in ("is running, 2 of 3", "measuring, rush", "load_pet", "2.00 ms", "a &lt; 1: 2", "lock"):
        assert text in shown
    charts = picture.charts()
    assert charts.keys() == DRAWINGS.keys()
    assert {shape["label"]["text"] for shape in charts["rate"]["layout"]["shapes"]} == {"rush", "lock"}
    result = simulated
    picture.end(result)
    assert f"{result.total.failed:,} failed" in picture.article()


@pytest.mark.parametrize("stage", ["starting", "set-up", "close"])
def test_there_is_something_to_see_before_and_after_the_load(
    make_plan: Callable[..., ExecutionPlan], stage: str
) -> None:
    picture = Picture(Clock())
    assert "digipal-perf" in picture.article()
    picture.begin(make_plan(["load_pet"]), 1, 1)
    picture.update(Progress("test", stage, 0))
    assert stage in picture.article()
    assert picture.charts() == {}
