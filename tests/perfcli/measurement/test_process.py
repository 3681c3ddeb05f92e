"""Metrics from readings of the engine processes: what is too little to tell is not told."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.measurement.measurement import Measurement
from perfcli.measurement.process import ProcessFigures
from perfcli.monitor import Reading, cpu_use, highest_cpu_use

MS = 1_000_000


def reading(at_ms: int, *, cpu_ms: int = 0, rss: int = 0, operations: int = 0) -> Reading:
    return Reading(at_ms * MS, rss, cpu_ms * MS, threads=1, open_files=1, operations=operations)


def observed(plan: Any, readings: list[Reading]) -> ProcessFigures:
    measurement = Measurement(plan)
    measurement.follow(readings, [])
    measurement.marks = {"harness": reading(-1), "opened": readings[0], "baseline": readings[0], "end": readings[-1]}
    return ProcessFigures(measurement)


def test_a_leak_has_a_slope(make_plan: Any) -> None:
    readings = [reading(100 * n, rss=64 * 1000 * n, operations=1000 * n) for n in range(20)]
    assert observed(make_plan(["create_pet"]), readings).memory_slope() == 64


def test_a_first_touch_is_no_slope(make_plan: Any) -> None:
    readings = [reading(100 * n, rss=500_000 if n else 0, operations=1000 * n) for n in range(20)]
    assert observed(make_plan(["create_pet"]), readings).memory_slope() == 0


def test_few_readings_have_no_slope(make_plan: Any) -> None:
    readings = [reading(100 * n, rss=64 * 1000 * n, operations=1000 * n) for n in range(10)]
    assert observed(make_plan(["create_pet"]), readings).memory_slope() is None


@pytest.mark.parametrize(
    ("lasted_ms", "operations", "per_operation_ns"), [(1000, 500, 1 * MS), (1000, 0, None), (50, 500, None)]
)
def test_cpu_time_of_an_operation(
    lasted_ms: int, operations: int, per_operation_ns: int | None, make_plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perfcli.measurement.samples.Samples.ok", operations)
    figures = observed(make_plan(["create_pet"]), [reading(0, cpu_ms=40), reading(lasted_ms, cpu_ms=540)])
    assert figures.resources().cpu_ns_per_operation == per_operation_ns


def test_the_busiest_process_that_only_generates_load_is_told(make_plan: Any) -> None:
    measurement = Measurement(make_plan(["create_pet"]))
    measurement.began_ns, measurement.ended_ns = 0, 1000 * MS
    assert ProcessFigures(measurement).resources().generator_cpu is None
    measurement.generators_cpu_ns = {
        0: {"baseline": 100 * MS, "end": 700 * MS},
        1: {"baseline": 50 * MS, "end": 900 * MS},
        2: {"baseline": 50 * MS},
    }
    assert ProcessFigures(measurement).resources().generator_cpu == pytest.approx(0.85)


def test_memory_of_each_mark(make_plan: Any) -> None:
    measurement = Measurement(make_plan(["create_pet"]))
    rss_of = {"harness": 30, "opened": 32, "baseline": 40, "end": 72, "cleanup": 45}
    measurement.marks = {name: reading(n, rss=rss) for n, (name, rss) in enumerate(rss_of.items())}
    measurement.follow([reading(2, rss=40), reading(2, rss=90), reading(3, rss=72), reading(4, rss=400)], [])
    measurement.active_pets = 10
    memory = ProcessFigures(measurement).memory()
    assert memory.growth == 32
    assert memory.per_pet == 4
    assert memory.after_cleanup == 5
    assert memory.peak == 60  # what came after the end is not the load's


def test_cpu_use_of_too_short_a_time_is_not_known() -> None:
    assert cpu_use(reading(0), reading(99, cpu_ms=99)) is None
    assert cpu_use(reading(0), reading(200, cpu_ms=100)) == 0.5


@pytest.mark.parametrize(
    ("readings", "highest"),
    [
        ([], None),
        ([reading(0)], None),
        ([reading(0), reading(200, cpu_ms=50)], 0.25),
        ([reading(100 * n, cpu_ms=10 * n if n < 10 else 90 + 100 * (n - 9)) for n in range(20)], 1.0),
        ([reading(100 * n, cpu_ms=100 if n > 5 else 0) for n in range(20)], 0.2),
    ],
)
def test_the_highest_cpu_use_is_that_of_half_a_second(readings: list[Reading], highest: float | None) -> None:
    assert highest_cpu_use(readings) == highest
