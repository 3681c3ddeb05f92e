"""The gaps an executor answers for are those of its own schedule, in every share of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfcli.executors import WHOLE, LoadSettings, Share

MS = 10**6
S = 1000 * MS

Make = Callable[..., LoadSettings]
Drive = Callable[..., list[Any]]

TARGETS = st.integers(0, 4)
LENGTHS = st.integers(0, 30)
STAGES = st.lists(st.tuples(TARGETS, LENGTHS), min_size=1, max_size=5).filter(lambda stages: sum(s for _, s in stages))


def gaps_ns(load: LoadSettings, drive: Drive, share: Share, takes_ns: int) -> Iterator[int]:
    """The times in which none of a share's iterations goes on, from the beginning to the end of the schedule."""
    busy_until_ns = 0
    for iteration in drive(load, lambda start_ns: start_ns + takes_ns, share):
        yield iteration.start_ns - busy_until_ns
        busy_until_ns = max(busy_until_ns, iteration.end_ns)
    yield load.longest_ns - busy_until_ns


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(stages=STAGES, start=TARGETS, processes=st.integers(1, 4), vus=st.integers(1, 6))
def test_gaps_of_arrivals_are_those_of_the_schedule(
    stages: list[tuple[int, int]], start: int, processes: int, vus: int, make: Make, drive: Drive
) -> None:
    written = [{"target": f"{target * 10}/m", "duration": f"{length}s"} for target, length in stages]
    try:
        load = make(executor="ramping-arrival-rate", start_rate=f"{start * 10}/m", stages=written, vus=vus)
    except ValueError:
        return  # nothing arrives
    for index in range(processes):
        share = Share(index, processes)
        expected = max(gaps_ns(load, drive, share, 0)) if index < vus else load.longest_ns
        assert load.largest_gap_ns(share) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(stages=STAGES, start=TARGETS, processes=st.integers(1, 4))
def test_gaps_of_ramping_vus_are_those_of_the_schedule(
    stages: list[tuple[int, int]], start: int, processes: int, make: Make, drive: Drive
) -> None:
    written = [{"target": target, "duration": f"{length}s"} for target, length in stages]
    if not start and not any(target for target, _ in stages):
        return
    load = make(executor="ramping-vus", start_vus=start, stages=written)
    for index in range(processes):
        share = Share(index, processes)
        step_ns = 50 * MS
        measured_ns = max(gaps_ns(load, drive, share, step_ns))
        # an iteration that has begun may go on into the gap, for as long as it takes
        assert load.largest_gap_ns(share) - step_ns <= max(0, measured_ns) <= load.largest_gap_ns(share)


@pytest.mark.parametrize(
    ("written", "share", "gap_ns"),
    [
        ({"executor": "constant-arrival-rate", "rate": "1/m", "duration": "10m"}, WHOLE, 60 * S),
        ({"executor": "constant-arrival-rate", "rate": "6/m", "duration": "10s"}, WHOLE, 10 * S),
        ({"executor": "constant-arrival-rate", "rate": "6/m", "duration": "60s"}, Share(3, 4), 30 * S),
        ({"executor": "constant-arrival-rate", "rate": "6/m", "duration": "60s", "vus": 2}, Share(3, 4), 60 * S),
        ({"executor": "constant-vus", "duration": "60s", "vus": 2}, Share(1, 2), 0),
        ({"executor": "constant-vus", "duration": "60s", "vus": 2}, Share(2, 3), 60 * S),
        ({"executor": "per-vu-iterations", "iterations": 5}, WHOLE, 0),
        ({"executor": "shared-iterations", "iterations": 5}, WHOLE, 0),
        (
            {
                "executor": "ramping-vus",
                "start_vus": 0,
                "stages": [{"target": 1, "duration": "31s"}, {"target": 1, "duration": "1s"}],
            },
            WHOLE,
            31 * S,
        ),
        (
            {
                "executor": "ramping-vus",
                "stages": [
                    {"target": 1, "duration": "1s"},
                    {"target": 0, "duration": "0s"},
                    {"target": 0, "duration": "90s"},
                    {"target": 1, "duration": "0s"},
                    {"target": 1, "duration": "1s"},
                ],
            },
            WHOLE,
            90 * S,
        ),
    ],
)
def test_gaps_of_slow_loads(written: dict[str, Any], share: Share, gap_ns: int, make: Make) -> None:
    assert make(**written).largest_gap_ns(share) == gap_ns


def test_a_rate_of_a_million_over_a_day_is_answered_at_once(make: Make) -> None:
    load = make(executor="constant-arrival-rate", rate="1000000/s", duration="24h")
    assert load.largest_gap_ns(Share(1, 4)) == 4_000


def test_only_iterations_leave_the_length_of_a_phase_open(make: Make) -> None:
    stages = [{"target": 1, "duration": "1s"}, {"target": 0, "duration": "0s"}, {"target": 0, "duration": "5s"}]
    rates = [{"target": "1/s", "duration": "1s"}, {"target": "0/s", "duration": "5s"}]
    planned = {
        "constant-vus": make(executor="constant-vus", duration="6s"),
        "ramping-vus": make(executor="ramping-vus", stages=stages),
        "constant-arrival-rate": make(executor="constant-arrival-rate", rate="1/m", duration="6s"),
        "ramping-arrival-rate": make(executor="ramping-arrival-rate", start_rate="1/s", stages=rates),
    }
    assert {name: load.planned_ns for name, load in planned.items()} == dict.fromkeys(planned, 6 * S)
    assert make(executor="shared-iterations", iterations=1).planned_ns is None
