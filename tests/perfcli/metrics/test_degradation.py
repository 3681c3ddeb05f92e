"""Degradation: the engine's own slowdown, and neither the machine's nor the mix's."""

from __future__ import annotations

from array import array

import pytest

from perfcli.metrics.slowdown import FIFTHS, Fifths, degradation
from perfcli.metrics.timeline import Timeline


def fifths(latencies: list[int]) -> Fifths | None:
    timeline = Timeline()
    timeline.add(array("q", range(len(latencies))), array("q", latencies))
    return Fifths.of(timeline.slices(FIFTHS))


def raw(*operations: list[int]) -> float | None:
    found = degradation([each for each in map(fifths, operations) if each])
    return None if found is None else found.raw


def test_twice_as_slow_at_the_end_is_one_hundred_percent() -> None:
    assert raw([10] * 50 + [20] * 50) == 1.0


def test_one_hiccup_is_no_degradation() -> None:
    assert raw([10] * 99 + [10_000]) == 0.0


def test_too_few_samples_tell_nothing() -> None:
    assert raw([1] * 24) is None
    assert raw([1] * 25) == 0.0
    assert raw() is None


def test_a_mix_that_shifts_to_its_slow_operation_has_not_degraded() -> None:
    assert raw([1] * 1_000, [100] * 30, [1] * 3) == 0.0


def test_a_mix_degrades_by_the_share_of_its_operations() -> None:
    assert raw([10] * 100, [10] * 50 + [30] * 50) == 1.0


def test_a_clock_of_coarse_ticks_is_no_division_by_zero() -> None:
    assert raw([0] * 25 + [3] * 25) == 2.0


@pytest.mark.parametrize(
    ("late_ns", "late_kernel_ns", "judged"),
    [
        pytest.param(200, 40, 0.0, id="the machine slows down, and the engine with it"),
        pytest.param(100, 10, 0.0, id="the machine speeds up, the engine sleeps as long as before"),
        pytest.param(200, 20, 1.0, id="the engine alone slows down"),
        pytest.param(400, 40, 1.0, id="both slow down, the engine more"),
        pytest.param(300, 10, 2.0, id="the engine slows down while the machine speeds up"),
        pytest.param(50, 20, -0.5, id="the engine speeds up"),
    ],
)
def test_the_lesser_of_time_and_reference_units_is_judged(late_ns: int, late_kernel_ns: int, judged: float) -> None:
    found = degradation([Fifths(100, late_ns, 50)], 20, late_kernel_ns)
    assert found is not None
    assert found.raw == late_ns / 100 - 1
    assert found.judged == pytest.approx(judged)


def test_without_the_kernel_time_itself_is_judged() -> None:
    found = degradation([Fifths(100, 150, 50)], None, 20)
    assert found is not None
    assert (found.raw, found.judged) == (0.5, 0.5)
