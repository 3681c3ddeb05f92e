"""Outages and recoveries that are known beforehand are measured as long as they are."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.measurement.windows import Activity, SteadyState
from perfcli.metrics.timeline import Timeline
from perfcli.thresholds import parse_threshold

MS = 1_000_000
SECOND = 1_000 * MS


def at_100_per_s(until_ms: int, begins_ms: int, ends_ms: int, *, fail: bool) -> tuple[Activity, Timeline]:
    """Operations due every 10 ms; those due in the outage fail at once, or wait until it ends."""
    activity, timeline = Activity(), Timeline()
    for due_ns in range(0, until_ms * MS, 10 * MS):
        is_out = begins_ms * MS <= due_ns < ends_ms * MS
        took_ns = MS if fail or not is_out else ends_ms * MS - due_ns + MS
        ok = not (fail and is_out)
        activity.add(due_ns, due_ns + took_ns, ok=ok)
        if ok:
            timeline.add(array("q", [due_ns]), array("q", [took_ns]))
        else:
            timeline.add_failures(array("q", [due_ns]))
    return activity, timeline


def steady(activity: Activity, timeline: Timeline, *limits: str) -> SteadyState:
    written = limits or ("success_rate >= 99%",)
    return SteadyState([(parse_threshold(each), timeline) for each in written], activity)


@pytest.mark.parametrize("fail", [True, False])
def test_an_outage_of_a_second_is_measured_to_10_ms(fail: bool) -> None:
    activity, _ = at_100_per_s(6_000, 3_000, 4_000, fail=fail)
    assert activity.outage_ns(3_000 * MS, 4_000 * MS) == pytest.approx(SECOND, abs=10 * MS)


@given(begins_ms=st.integers(500, 3_000), length_ms=st.integers(20, 2_000), fail=st.booleans())
def test_any_outage_is_measured_to_10_ms_and_a_tick(begins_ms: int, length_ms: int, fail: bool) -> None:
    activity, _ = at_100_per_s(6_000, begins_ms, begins_ms + length_ms, fail=fail)
    outage_ns = activity.outage_ns(begins_ms * MS, (begins_ms + length_ms) * MS)
    assert outage_ns == pytest.approx(length_ms * MS, abs=12 * MS)


def test_an_outage_away_from_the_fault_is_none_of_its_own() -> None:
    activity, _ = at_100_per_s(6_000, 3_000, 4_000, fail=True)
    assert activity.outage_ns(1_000 * MS, 2_000 * MS) <= 10 * MS


def test_an_outage_without_an_end_lasts_until_the_last_operation() -> None:
    activity, _ = at_100_per_s(6_000, 3_000, 6_000, fail=True)
    assert activity.outage_ns(3_000 * MS, 4_000 * MS) == pytest.approx(3 * SECOND, abs=10 * MS)


def test_a_load_that_is_well_at_once_takes_no_time_to_recover() -> None:
    assert steady(*at_100_per_s(6_000, 3_000, 4_000, fail=True)).recovery_ns(4_000 * MS, 6_000 * MS) == 0


def test_recovery_counts_from_the_end_of_the_fault() -> None:
    # the fault is lifted at 3.5 s, and the engine goes on failing until 4.2 s
    state = steady(*at_100_per_s(6_000, 3_000, 4_200, fail=True))
    assert state.recovery_ns(3_500 * MS, 6_000 * MS) == 700 * MS


def test_a_load_that_is_not_well_to_the_end_has_not_recovered() -> None:
    activity, timeline = at_100_per_s(8_000, 6_500, 7_000, fail=True)
    assert steady(activity, timeline).recovery_ns(4_000 * MS, 6_400 * MS) == 0
    assert steady(activity, timeline).recovery_ns(4_000 * MS, 7_500 * MS) is None


def test_less_than_a_second_behind_the_fault_shows_no_recovery() -> None:
    assert steady(*at_100_per_s(6_000, 3_000, 4_000, fail=True)).recovery_ns(5_500 * MS, 6_000 * MS) is None


def test_a_second_in_which_vus_wait_and_nothing_succeeds_is_not_steady() -> None:
    activity, timeline = Activity(), Timeline()
    for second in (0, 1, 5, 6):
        activity.add(second * SECOND, second * SECOND + MS, ok=True)
        timeline.add(array("q", [second * SECOND]), array("q", [MS]))
    # nothing begins in it, as the one vu waits
    activity.add(2 * SECOND, 5 * SECOND - MS, ok=False)
    assert steady(activity, timeline).breach_before(4 * SECOND, SECOND) == "no operation succeeded"


def test_the_load_is_steady_before_the_fault_or_the_limit_is_named() -> None:
    activity, timeline = at_100_per_s(6_000, 3_000, 4_000, fail=False)
    assert steady(activity, timeline).breach_before(3 * SECOND, 2 * SECOND) == ""
    limit = "latency.p95 < 100us"
    assert steady(activity, timeline, limit).breach_before(3 * SECOND, 2 * SECOND) == limit
    assert steady(activity, timeline).breach_before(SECOND // 2, 2 * SECOND) == "the load had not run for 1 s"
