"""The newest seconds of a load, as they are recorded."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import pytest

from perfcli.measurement.measurement import Measurement
from perfcli.metrics import timeline as timeline_module
from perfcli.observer import Second
from perfcli.plan import ExecutionPlan
from perfcli.run.progress import MOST, RecentSeconds

MakePlan = Callable[..., ExecutionPlan]
MS = 1_000_000
S = 1_000 * MS


@pytest.fixture
def measurement(make_plan: MakePlan) -> Measurement:
    """Of two phases, the second of which begins 2.5 s after the first."""
    load = {"executor": "constant-vus", "vus": 1, "duration": "10m"}
    phases = [
        {"name": "one", "load": load, "flow": ["load_pet", "status"]},
        {"name": "two", "load": load, "flow": ["status"]},
    ]
    measured = Measurement(make_plan([], phases=phases, setup={"pets": 1}))
    measured.begin_wave(0, 0)
    measured.begin_wave(1, 2_500 * MS)
    return measured


def add(measurement: Measurement, phase: int, label: str, starts_ms: list[int], latency: int = MS) -> None:
    (samples,) = measurement.samples.select(label, phase)
    starts = array("q", [start * MS for start in starts_ms])
    samples.add(starts, array("q", [latency] * len(starts)), array("q"), measurement.phases[phase].began_ns or 0)


def test_a_second_holds_all_that_began_in_it(measurement: Measurement) -> None:
    add(measurement, 0, "load_pet", [0, 999, 1_000], latency=2 * MS)
    add(measurement, 0, "status", [10])
    add(measurement, 1, "status", [2_500, 2_999, 3_000, 3_001])
    recent = RecentSeconds(measurement).newest(5 * S)
    assert recent.length_ns == S
    assert [second.rate_per_s for second in recent.seconds] == [3, 1, 2, 2]
    assert recent.seconds[1] == Second(1.0, pytest.approx(2 * MS, rel=0.001))
    assert RecentSeconds(measurement).newest(4_100 * MS).seconds == recent.seconds[:3]


def test_what_arrives_late_changes_its_second(measurement: Measurement) -> None:
    recent = RecentSeconds(measurement)
    assert recent.newest(3 * S).seconds[0] == Second(0.0, None)
    add(measurement, 0, "load_pet", [500], latency=4 * S)
    assert recent.newest(6 * S).seconds[0] == Second(1.0, pytest.approx(4 * S, rel=0.001))


def test_what_arrives_very_late_is_seen_soon(measurement: Measurement) -> None:
    recent = RecentSeconds(measurement)
    recent.newest(30 * S)
    add(measurement, 0, "load_pet", [500], latency=29 * S)
    assert 1.0 in [recent.newest(31 * S).seconds[0].rate_per_s for _ in range(20)]


def test_failures_are_no_successes(measurement: Measurement) -> None:
    (samples,) = measurement.samples.select("status", 1)
    samples.add_failures(array("q", [2_600 * MS]), [1], 2_500 * MS)
    assert RecentSeconds(measurement).newest(4 * S).seconds[2] == Second(0.0, None)


def test_of_a_long_load_the_newest_are_told_and_each_is_as_long_as_is_recorded(measurement: Measurement) -> None:
    add(measurement, 0, "status", [number * 500 for number in range(240)])
    assert [second.rate_per_s for second in RecentSeconds(measurement).newest(100 * S).seconds] == [2.0] * 99
    add(measurement, 0, "status", [number * 500 for number in range(240, 1_600)])
    recent = RecentSeconds(measurement).newest(700 * S)
    assert recent.length_ns == 1_600 * MS
    assert len(recent.seconds) == MOST
    assert recent.seconds[-1].rate_per_s == pytest.approx(2, rel=0.2)


def test_a_second_that_does_not_change_is_not_added_up_again(
    measurement: Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(measurement, 0, "status", [number * 100 for number in range(100)])
    recent = RecentSeconds(measurement)
    first = recent.newest(9 * S).seconds
    monkeypatch.setattr(timeline_module.Timeline, "between", None)
    assert recent.newest(9 * S).seconds == first
