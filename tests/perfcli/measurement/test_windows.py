"""Windows: which stretch of time decides, held against a plain look at every window."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.measurement.windows import worst_window
from perfcli.metrics.timeline import Timeline
from perfcli.thresholds import parse_threshold
from perfcli.units import NS_PER_S

MS = 1_000_000


def by_second(*latencies_ms: int | None) -> Timeline:
    """Ten operations in each second, all of one latency; none where it is None."""
    timeline = Timeline()
    for second, latency in enumerate(latencies_ms):
        if latency is not None:
            starts = array("q", range(second * NS_PER_S, (second + 1) * NS_PER_S, 100 * MS))
            timeline.add(starts, array("q", [latency * MS] * 10))
    return timeline


def failing(*failures: int) -> Timeline:
    """Ten operations in each second, so many of which fail."""
    timeline = Timeline()
    for second, failed in enumerate(failures):
        starts = array("q", range(second * NS_PER_S, (second + 1) * NS_PER_S, 100 * MS))
        timeline.add(starts[failed:], array("q", [MS] * (10 - failed)))
        timeline.add_failures(starts[:failed])
    return timeline


def decided(timeline: Timeline, text: str, seconds: float) -> tuple[float | None, bool | None]:
    threshold = parse_threshold(text)
    value = worst_window(timeline, threshold, round(seconds * NS_PER_S))
    return value, None if value is None else threshold.holds(value)


@pytest.mark.parametrize(
    ("latencies_ms", "text", "value_ms", "holds"),
    [
        ([10, 10, 90, 10, 10], "latency.max < 50ms within 2s", 90, False),
        ([10, 10, 90, 10, 10], "latency.median < 50ms within 3s", 10, True),
        ([10, 90, 90, 10, 10], "latency.median < 50ms within 3s", 90, False),
        ([10, 10, 90, 10, 10], "latency.min > 5ms within 2s", 10, True),
        ([10, 10, 10, 10, 90], "latency.max < 50ms within 1s", 90, False),
        ([10, 90], "latency.mean < 60ms within 30s", 50, True),
        ([None, None, 90, None], "latency.max < 50ms within 1s", 90, False),
        ([None, None], "latency.max < 50ms within 1s", None, None),
        ([10, 10, 20], "latency.max == 10ms within 1s", 20, False),
        ([10, 10, 10], "latency.max == 10ms within 1s", 10, True),
        ([90, 90, 10, 90, 90], "latency.max < 50ms for 3s", 10, True),
        ([10, 90, 80, 70, 10], "latency.max < 50ms for 3s", 70, False),
        ([10, 90, 80, 70, 10], "latency.max < 50ms for 4s", 10, True),
        ([10, 90, None, 70, 10], "latency.max < 50ms for 3s", 70, False),
        ([10, 90, None, None, 10], "latency.max < 50ms for 3s", 10, True),
        ([90, 70], "latency.max < 50ms for 30s", 70, False),
        ([90, 10], "latency.max < 50ms for 30s", 10, True),
        ([None, 90, None], "latency.max < 50ms for 2s", 90, False),
        ([None, None], "latency.max < 50ms for 1s", None, None),
        ([10, 20, 20, 10], "latency.max != 20ms for 2s", 20, False),
        ([10, 20, 10, 20], "latency.max != 20ms for 2s", 10, True),
    ],
)
def test_latencies(latencies_ms: list[int | None], text: str, value_ms: float | None, holds: bool | None) -> None:
    value = None if value_ms is None else value_ms * MS
    assert decided(by_second(*latencies_ms), text, len(latencies_ms)) == (value, holds)


@pytest.mark.parametrize(
    ("failures", "text", "value", "holds"),
    [
        ([0, 0, 5, 0, 0], "error_rate < 20% within 2s", 0.25, False),
        ([0, 0, 5, 0, 0], "error_rate < 20% within 5s", 0.1, True),
        ([0, 5, 5, 0, 0], "error_rate < 20% for 2s", 0.5, False),
        ([0, 5, 0, 5, 0], "error_rate < 20% for 2s", 0.0, True),
        ([0, 10, 10, 0], "success_rate > 50% for 2s", 0.0, False),
        ([0, 10, 10, 0], "success_rate > 50% within 4s", 0.5, False),
        ([0, 10, 4, 0], "throughput > 5/s for 2s", 6.0, True),
        ([0, 10, 4, 0], "throughput > 5/s within 2s", 3.0, False),
    ],
)
def test_shares_and_rates(failures: list[int], text: str, value: float, holds: bool) -> None:
    assert decided(failing(*failures), text, len(failures)) == (pytest.approx(value), holds)


def test_a_stall_shows_in_throughput_though_nothing_began() -> None:
    timeline = by_second(10, None, None, None, 10)
    assert decided(timeline, "throughput > 1/s for 3s", 5) == (0, False)
    assert decided(timeline, "throughput > 1/s for 4s", 5) == (10, True)
    assert decided(timeline, "throughput > 1/s within 3s", 5) == (0, False)


def test_a_last_part_of_a_second_is_not_judged_as_a_whole_one() -> None:
    timeline = by_second(10, 10)
    timeline.add(array("q", [2 * NS_PER_S]), array("q", [1]))
    assert decided(timeline, "throughput <= 11/s within 1s", 2.05) == (10, True)
    assert decided(timeline, "throughput >= 9/s within 1s", 2.05) == (10, True)
    assert decided(timeline, "throughput >= 10/s for 1s", 2.05) == (10, True)


def test_a_load_shorter_than_a_second_is_judged_all_the_same() -> None:
    timeline = Timeline()
    timeline.add(array("q", [0]), array("q", [90 * MS]))
    assert decided(timeline, "latency.max < 50ms for 10s", 0.2) == (90 * MS, False)
    assert decided(timeline, "throughput > 1/s for 10s", 0.2) == (5, True)


def test_while_the_load_goes_on_only_whole_and_new_windows_count() -> None:
    timeline = by_second(90, 10, 10, 90, 90, 90)
    for_2s, within_2s = parse_threshold("latency.max < 50ms for 2s"), parse_threshold("latency.max < 50ms within 2s")
    assert worst_window(timeline, for_2s, NS_PER_S, since_ns=0) is None
    assert worst_window(timeline, within_2s, NS_PER_S, since_ns=0) is None
    assert worst_window(timeline, for_2s, 4 * NS_PER_S, since_ns=3 * NS_PER_S) == 10 * MS
    assert worst_window(timeline, for_2s, 5 * NS_PER_S, since_ns=4 * NS_PER_S) == 90 * MS
    assert worst_window(timeline, within_2s, 3 * NS_PER_S, since_ns=3 * NS_PER_S) == 10 * MS
    assert worst_window(timeline, within_2s, 4 * NS_PER_S, since_ns=3 * NS_PER_S) == 90 * MS


def test_a_threshold_without_a_window_has_no_worst_one() -> None:
    with pytest.raises(ValueError, match="no window"):
        worst_window(by_second(10), parse_threshold("latency.max < 50ms"), NS_PER_S)


@given(
    st.lists(st.integers(1, 99), min_size=1, max_size=40),
    st.integers(1, 12),
    st.sampled_from(["latency.p90", "latency.mean", "latency.max", "latency.min"]),
)
def test_sliding_finds_what_a_look_at_every_window_finds(latencies: list[int], seconds: int, left: str) -> None:
    timeline = Timeline(interval_ns=NS_PER_S)
    timeline.add(array("q", range(0, len(latencies) * NS_PER_S, NS_PER_S)), array("q", latencies))
    width = min(seconds, len(latencies)) * NS_PER_S
    windows = [timeline.window(at * NS_PER_S, at * NS_PER_S + width) for at in range(len(latencies))]
    whole = windows[: len(latencies) - width // NS_PER_S + 1]
    expected = max(window.histogram.statistic(left.partition(".")[2]) for window in whole)
    value, _ = decided(timeline, f"{left} < 50ns within {seconds}s", len(latencies))
    assert value == pytest.approx(expected)
