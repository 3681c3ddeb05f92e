"""Slices of a run: counts, places in time, and the reading of the machine's pace that is nearest to each."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import pytest

from perfcli.measurement.assembly import MOST_SLICES, cut_into_slices, median_reference_ns
from perfcli.measurement.measurement import Measurement
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame
from perfcli.workload import Workload

MakePlan = Callable[..., ExecutionPlan]
BEGAN_NS = 1_000_000


def frame(plan: ExecutionPlan, starts: list[int], durations: list[int], reference_ns: int = 0) -> Frame:
    """Samples of the first vu, which began so long after the measurement."""
    draws = [draw[3] for _ in starts for draw in next(Workload(plan.phases[0], 1, 0).iterations)]
    return Frame(
        vu=0,
        measured=True,
        iterations=len(starts),
        draws=array("q", draws),
        starts=array("q", [BEGAN_NS + start for start in starts]),
        durations=array("q", durations),
        reference_ns=reference_ns,
    )


def measured(plan: ExecutionPlan, *frames: Frame) -> Measurement:
    """A measurement that took in these."""
    measurement = Measurement(plan)
    measurement.begin_wave(0, BEGAN_NS)
    for each in frames:
        measurement.add(each)
    return measurement


@pytest.fixture
def plan(make_plan: MakePlan) -> ExecutionPlan:
    """One operation."""
    return make_plan(["load_pet"], setup={"pets": 1})


def test_a_short_run_has_a_slice_for_each_sample(plan: ExecutionPlan) -> None:
    slices = cut_into_slices(measured(plan, frame(plan, [0, 10, 20], [3, 5, 4], reference_ns=77)))["load_pet"]
    assert [(each.start_ns, each.count, each.mean_ns, each.median_ns) for each in slices] == [
        (0, 1, 3.0, 3.0),
        (10, 1, 5.0, 5.0),
        (20, 1, 4.0, 4.0),
    ]
    assert {each.reference_ns for each in slices} == {77.0}


def test_a_long_run_has_forty_with_the_mean_beside_the_median(plan: ExecutionPlan) -> None:
    slices = cut_into_slices(measured(plan, frame(plan, list(range(400)), [1, 1, 1, 1, 1, 1, 1, 1, 1, 11] * 40)))
    assert len(slices["load_pet"]) == MOST_SLICES
    assert {(each.count, each.median_ns, each.mean_ns) for each in slices["load_pet"]} == {(10, 1.0, 2.0)}


def test_each_has_the_reading_nearest_to_it(plan: ExecutionPlan) -> None:
    frames = [frame(plan, list(range(at, at + 40)), [5] * 40, reference_ns=ns) for at, ns in ((0, 10), (1_000, 30))]
    measurement = measured(plan, *frames)
    slices = cut_into_slices(measurement)["load_pet"]
    assert [each.reference_ns for each in slices] == [10.0] * 20 + [30.0] * 20
    assert median_reference_ns(measurement) == 20.0


def test_where_the_kernel_never_ran_there_is_no_reading(plan: ExecutionPlan) -> None:
    measurement = measured(plan, frame(plan, [0, 1], [5, 5]))
    assert {each.reference_ns for each in cut_into_slices(measurement)["load_pet"]} == {None}
    assert median_reference_ns(measurement) is None


def test_an_operation_without_samples_has_no_slices(plan: ExecutionPlan) -> None:
    assert cut_into_slices(measured(plan)) == {"load_pet": []}
