"""The time line: the right interval for each sample, bounded memory, and parts in the order of time."""

from __future__ import annotations

from array import array
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.metrics import timeline as timeline_module
from perfcli.metrics.distribution import EXACT_MOST
from perfcli.metrics.timeline import Interval, Slice, Timeline

MS = 1_000_000
STARTS = st.lists(st.integers(0, 50_000), max_size=100).map(sorted)


def of(starts: list[int], latencies: list[int] | None = None, **settings: int) -> Timeline:
    timeline = Timeline(**settings)
    timeline.add(array("q", starts), array("q", latencies or [1] * len(starts)))
    return timeline


def told(interval: Interval) -> tuple[object, ...]:
    latencies = interval.histogram
    return interval.ok, interval.failed, latencies.total, latencies.max, latencies.to_counts()


def test_each_sample_belongs_to_the_interval_of_its_start() -> None:
    timeline = of([0, 99 * MS, 100 * MS, 350 * MS], [5, 7, 11, 13])
    timeline.add_failures(array("q", [100 * MS, 199 * MS, 500 * MS]))
    assert [(start // MS, *told(interval)) for start, interval in timeline.intervals()] == [
        (0, 2, 0, 12, 7, {5: 1, 7: 1}),
        (100, 1, 2, 11, 11, {11: 1}),
        (300, 1, 0, 13, 13, {13: 1}),
        (500, 0, 1, 0, 0, {}),
    ]


def test_what_began_a_moment_early_counts_to_the_first_interval() -> None:
    ((start, interval),) = of([-5, 3]).intervals()
    assert (start, interval.ok) == (0, 2)


def test_a_window_holds_the_intervals_it_touches() -> None:
    timeline = of([0, 100 * MS, 200 * MS, 900 * MS])
    assert timeline.window(0, 100 * MS).ok == 1
    assert timeline.window(50 * MS, 250 * MS).ok == 3
    assert timeline.window(300 * MS, 900 * MS).ok == 0
    assert timeline.window(0, 10**12).ok == 4
    assert timeline.window(0, 100 * MS).ok == 1, "a look changes nothing"


@given(STARTS, STARTS, st.integers(1, 40))
def test_however_often_it_doubles_nothing_is_lost(starts: list[int], failures: list[int], most: int) -> None:
    timeline = Timeline(interval_ns=10, most=most)
    latencies = [start % 97 for start in starts]
    for start, latency in zip(starts, latencies, strict=True):
        timeline.add(array("q", [start]), array("q", [latency]))
    timeline.add_failures(array("q", failures))
    intervals = timeline.intervals()
    assert len(intervals) <= most
    assert all(start % timeline.interval_ns == 0 and start < most * timeline.interval_ns for start, _ in intervals)
    for start, interval in intervals:
        inside = [x for s, x in zip(starts, latencies, strict=True) if start <= s < start + timeline.interval_ns]
        assert (interval.ok, interval.histogram.total) == (len(inside), sum(inside))
        assert interval.failed == sum(start <= failure < start + timeline.interval_ns for failure in failures)


def test_an_interval_far_away_is_reached_at_once() -> None:
    timeline = of([0, 2**62])
    assert [interval.ok for _, interval in timeline.intervals()] == [1, 1]


def test_a_late_frame_finds_its_interval_packed_and_adds_to_it() -> None:
    timeline = of(list(range(0, 5_000 * MS, 10 * MS)))
    timeline.add(array("q", [5 * MS]), array("q", [9]))
    assert told(timeline.window(0, 100 * MS)) == (11, 0, 19, 9, {1: 10, 9: 1})


@given(STARTS, STARTS, st.integers(1, 30), st.integers(1, 30))
def test_merging_is_adding_both(one: list[int], other: list[int], most: int, most_of_other: int) -> None:
    merged = of(one, interval_ns=10, most=most)
    second = of(other, interval_ns=10, most=most_of_other)
    merged.merge(second)
    assert sum(interval.ok for _, interval in merged.intervals()) == len(one) + len(other)
    assert len(merged.intervals()) <= most
    for start, interval in merged.intervals():
        assert interval.ok == sum(start <= s < start + merged.interval_ns for s in one + other)


def test_seconds_are_a_second_long_while_intervals_are_shorter() -> None:
    timeline = of([0, 999 * MS, 1_000 * MS, 3_500 * MS])
    assert timeline.second_ns == 1_000 * MS
    assert [(start // MS, second.ok) for start, second in timeline.seconds()] == [(0, 2), (1_000, 1), (3_000, 1)]


def test_seconds_of_a_long_run_are_whole_intervals() -> None:
    timeline = of([0, 100_000 * MS, 480_000 * MS - 1])
    assert (timeline.interval_ns, timeline.second_ns) == (400 * MS, 1_200 * MS)
    assert sum(second.ok for _, second in timeline.seconds()) == 3


def test_slices_of_few_samples_are_exact_in_the_order_of_start() -> None:
    timeline = of([0, 2, 4, 6, 8], [10, 20, 30, 40, 50])
    timeline.add(array("q", [1, 3, 5, 7, 9]), array("q", [11, 21, 31, 41, 51]))
    assert timeline.slices(5) == [Slice(2 * i, 2 * i + 2, 2, 10.5 + 10 * i, 10.5 + 10 * i) for i in range(5)]


@given(STARTS, st.integers(1, 10))
def test_slices_are_nearly_equal_and_complete(starts: list[int], parts: int) -> None:
    slices = of(starts, [start * 3 for start in starts]).slices(parts)
    counts = [each.count for each in slices]
    assert sum(counts) == len(starts)
    assert not counts or max(counts) - min(counts) <= 1
    place = 0
    for each in slices:
        part = starts[place : place + each.count]
        assert (each.start_ns, each.end_ns) == (part[0], part[-1] + 1)
        assert each.median_ns == median(part) * 3
        place += each.count


def test_slices_of_many_samples_lie_between_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_module, "EXACT_MOST", 100)
    starts = list(range(0, 10_000 * MS, 10 * MS))
    timeline = of(starts, [start // MS for start in starts])
    slices = timeline.slices(5)
    assert [(each.start_ns // MS, each.end_ns // MS, each.count) for each in slices] == [
        (2_000 * i, 2_000 * i + 2_000, 200) for i in range(5)
    ]
    assert [each.median_ns for each in slices] == pytest.approx([995 + 2_000 * i for i in range(5)], rel=0.001)


def test_a_crowded_interval_leaves_fewer_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_module, "EXACT_MOST", 10)
    crowded = of([*range(90), *range(200 * MS, 200 * MS + 10)])
    assert [each.count for each in crowded.slices(5)] == [90, 10]


def test_memory_is_bounded_by_the_buckets_and_not_by_the_samples() -> None:
    timeline = Timeline()
    starts = array("q", range(0, 1_000 * MS, 20_000))
    for second in range(3):
        shifted = array("q", (start + second * 1_000 * MS for start in starts))
        timeline.add(shifted, array("q", [7] * len(shifted)))
    assert len(starts) * 3 > EXACT_MOST
    assert len(timeline.intervals()) == 30
    assert all(interval.histogram.to_counts() == {7: 5_000} for _, interval in timeline.intervals())


@pytest.mark.parametrize("kept", [1_000, 10])
def test_all_latencies_are_known_whenever_they_were(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(timeline_module, "EXACT_MOST", kept)
    timeline = of(list(range(0, 1_000 * MS, 10 * MS)), list(range(100)))
    distribution = timeline.distribution()
    assert distribution.is_exact == (kept == 1_000)
    assert [distribution.statistic(name) for name in ("min", "median", "max", "mean")] == [0, 49.5, 99, 49.5]
    assert len(distribution) == 100
