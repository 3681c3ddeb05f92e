"""Clocks of other machines: the estimate is never further off than its bound, whatever the way there and back takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.cluster.clocks import Clock, ClockHistory, estimate

MS = 1_000_000
HOUR = 3_600_000 * MS
DELAYS = st.tuples(st.integers(0, 500 * MS), st.integers(0, 500 * MS))


def reading(sent_ns: int, there_ns: int, back_ns: int, ahead_ns: int) -> tuple[int, int, int]:
    return sent_ns, sent_ns + there_ns + ahead_ns, sent_ns + there_ns + back_ns


@given(st.lists(DELAYS, min_size=1, max_size=20), st.integers(-HOUR, HOUR))
def test_the_truth_is_within_the_bound(delays: list[tuple[int, int]], ahead_ns: int) -> None:
    readings = [reading(number * MS, *delay, ahead_ns) for number, delay in enumerate(delays)]
    clock = estimate(readings)
    assert abs(clock.offset_ns - ahead_ns) <= clock.bound_ns
    assert clock.bound_ns <= min(sum(delay) for delay in delays) // 2 + 1


def test_the_round_trip_that_took_least_counts() -> None:
    assert estimate([reading(0, 9 * MS, MS, 500), reading(50 * MS, MS, MS, 500)]) == Clock(500, MS)


def test_a_way_there_of_2_ms_and_30_back_is_14_ms_off_and_bounded_by_16() -> None:
    clock = estimate([reading(0, 2 * MS, 30 * MS, 0)])
    assert (clock.offset_ns, clock.bound_ns) == (-14 * MS, 16 * MS)


def test_a_sure_estimate_holds_until_time_has_made_it_less_sure_than_a_new_one() -> None:
    history = ClockHistory()
    with pytest.raises(LookupError):
        history.now(0)
    history.add(0, Clock(100, MS))
    # 100 ppm of 5 s are half a millisecond
    assert history.add(5_000 * MS, Clock(700, 2 * MS)) == Clock(100, MS + MS // 2)
    assert history.add(20_000 * MS, Clock(800, 2 * MS)) == Clock(800, 2 * MS)


@given(st.floats(-90, 90), st.integers(3, 40))
def test_drift_is_the_slope_of_the_offsets(ppm: float, estimates: int) -> None:
    history = ClockHistory()
    for number in range(estimates):
        at_ns = number * 5_000 * MS
        history.add(at_ns, Clock(round(HOUR + at_ns * ppm / 1e6), MS))
    assert history.drift_ppm == pytest.approx(ppm, abs=0.01)


def test_drift_is_unknown_after_a_moment() -> None:
    history = ClockHistory()
    for at_ns in (0, 1_000 * MS):
        history.add(at_ns, Clock(0, MS))
    assert history.drift_ppm is None
