"""Where a run is, while it goes on: its phase, its vus, and how much of what is planned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perfcli.measurement.measurement import Measurement
from perfcli.observer import Progress, SilentObserver
from perfcli.plan import ExecutionPlan
from perfcli.run.progress import ProgressReporter

MakePlan = Callable[..., ExecutionPlan]
S = 1_000_000_000

TIMED = {"executor": "constant-vus", "vus": 3, "duration": "30s"}
RAMP = {"executor": "ramping-vus", "start_vus": 0, "stages": [{"target": 10, "duration": "10s"}], "start_after": "20s"}
COUNTED = {"executor": "shared-iterations", "vus": 2, "iterations": 500, "warmup": "2s"}


class Looking(SilentObserver):
    """Keeps what it is told."""

    told: Progress

    def update(self, progress: Progress) -> None:
        self.told = progress


def phased(make_plan: MakePlan) -> ExecutionPlan:
    """Two phases at the same time, then one."""
    loads = {"steady": TIMED, "rush": RAMP, "rest": COUNTED}
    phases: list[Any] = [{"name": name, "load": load, "flow": ["load_pet"]} for name, load in loads.items()]
    return make_plan([], phases=phases, setup={"pets": 1})


def seen(measurement: Measurement, at_ns: int, stage: str = "measuring") -> Progress:
    observer = Looking()
    ProgressReporter(measurement, now_ns=lambda: at_ns).report(observer, stage, 1.5)
    return observer.told


def test_the_phases_that_run_now_are_named_and_counted(make_plan: MakePlan) -> None:
    measurement = Measurement(phased(make_plan))
    measurement.begin_wave(0, 100 * S)
    alone, both = seen(measurement, 110 * S), seen(measurement, 125 * S)
    assert (alone.phase, alone.vus, alone.planned_vus, alone.elapsed_ns) == ("steady (1 of 3)", 3, 3, 10 * S)
    assert (both.phase, both.vus, both.planned_vus, both.elapsed_ns) == ("steady + rush (2 of 3)", 8, 13, 25 * S)
    assert (alone.planned_ns, both.planned_ns) == (30 * S, 30 * S)
    for index in (0, 1):
        measurement.end_phase(index, 130 * S, 0)
    between = seen(measurement, 130 * S)
    assert (between.phase, between.planned_iterations) == ("", None)  # "0 of 0 iterations" says nothing
    measurement.begin_wave(1, 131 * S)
    last = seen(measurement, 132 * S)
    assert (last.phase, last.vus, last.planned_vus, last.elapsed_ns) == ("rest (3 of 3)", 2, 2, S)
    assert (last.planned_ns, last.iterations, last.planned_iterations) == (None, 0, 500)
    assert last.share_done == pytest.approx(2 / 3)


def test_a_warm_up_says_of_what_and_for_how_long(make_plan: MakePlan) -> None:
    measurement = Measurement(phased(make_plan))
    measurement.begin_wave(0, 100 * S)
    for index in (0, 1):
        measurement.end_phase(index, 130 * S, 0)
    warming = seen(measurement, 131 * S, "warm-up")
    assert (warming.phase, warming.elapsed_ns, warming.planned_ns) == ("rest (3 of 3)", 1_500_000_000, 2 * S)


def test_a_sweep_names_the_variation_that_runs(make_plan: MakePlan) -> None:
    plan = make_plan(["load_pet"], setup={"pets": 1}).model_copy(update={"variation": {"setup.pets": 1}})
    assert seen(Measurement(plan), 0, "set-up").scenario == "test [setup.pets=1]"


def test_a_plain_load_has_no_name(make_plan: MakePlan) -> None:
    measurement = Measurement(make_plan(["load_pet"], load=TIMED, setup={"pets": 1}))
    assert seen(measurement, 0, "set-up") == Progress("test", "set-up", 1_500_000_000)
    measurement.begin_wave(0, S)
    assert (seen(measurement, 2 * S).phase, seen(measurement, 2 * S).vus) == ("", 3)
