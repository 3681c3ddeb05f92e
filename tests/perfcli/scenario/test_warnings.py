"""Scenarios that are valid and check nothing: thresholds with a foregone outcome, or twice; ramps without a vu."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.scenario.loader import load_scenario, load_with_warnings

Written = Callable[[str], Path]
TIMED = "load: {executor: constant-vus, duration: 10s}"
COUNTED = "load: {executor: shared-iterations, iterations: 2_000}"


def told(written: Written, thresholds: str, load: str = TIMED) -> list[str]:
    path = written(f"name: a\nsetup: {{pets: 1}}\nflow: [load_pet]\n{load}\nthresholds: [{thresholds}]\n")
    return [warning.message for warning in load_with_warnings(path)[1]]


@pytest.mark.parametrize(
    ("threshold", "warning"),
    [
        ("success_rate > 100%", "can never hold: success_rate is never above 100%"),
        ("success_rate <= 100%", "can never fail: success_rate is never above 100%"),
        ("success_rate >= 0%", "can never fail: success_rate is never below 0%"),
        ("success_rate < 0% within 2s", "can never hold: success_rate is never below 0%"),
        ("error_rate >= 0%", "can never fail: error_rate is never below 0%"),
        ("error_rate < 0%", "can never hold: error_rate is never below 0%"),
        ("load_pet.error_rate > 100%", "can never hold: error_rate is never above 100%"),
        ("latency.p50 < 0ms", "can never hold: latency is always above 0 ns"),
        ("latency.max <= 0s", "can never hold: latency is always above 0 ns"),
        ("service_time.mean > 0ms", "can never fail: service_time is always above 0 ns"),
        ("latency.stddev < 0ms", "can never hold: latency is never below 0 ns"),
        ("timeouts < 0", "can never hold: timeouts is never below 0"),
        ("timeouts >= 0", "can never fail: timeouts is never below 0"),
        ("throughput < 0/s", "can never hold: throughput is never below 0"),
        ("engine.files_left < 0", "can never hold: engine.files_left is never below 0"),
        ("cpu.mean < 0%", "can never hold: cpu.mean is never below 0%"),
        ("duration < 10s", "can never hold: the plan lasts 10s"),
        ("duration >= 10s", "can never fail: the plan lasts 10s"),
    ],
)
def test_a_foregone_threshold_is_told(threshold: str, warning: str, written: Written) -> None:
    assert told(written, threshold) == [warning]


@pytest.mark.parametrize(
    ("name", "limit", "has_effect"),
    [
        ("dropped_iterations", "< 5", False),
        ("stray_output", "< 5MB", False),
        ("memory.after_cleanup", "< 5MB", False),
        ("memory.growth", "< 5MB", True),
        ("failed", "< 5", True),
        ("duration", "< 50s", True),
    ],
)
def test_what_is_known_only_at_the_end_can_end_no_load(
    name: str, limit: str, has_effect: bool, written: Written
) -> None:
    warnings = told(written, f"{{expr: {name} {limit}, abort_on_fail: true}}")
    assert warnings == ([] if has_effect else [f"has no effect: {name} is known only once the load is over"])


@pytest.mark.parametrize(
    "threshold",
    [
        "success_rate >= 100%",
        "success_rate == 100%",
        "success_rate > 99%",
        "error_rate <= 0%",
        "error_rate == 0%",
        "error_rate != 0%",
        "latency.p50 < 1ns",
        "latency.stddev <= 0ms",
        "timeouts == 0",
        "timeouts <= 0",
        "throughput > 0/s",
        "memory.growth < 0B",
        "memory.slope <= 0B/op",
        "degradation < 0%",
        "duration < 11s",
        "duration <= 10s",
        "iterations > 5",
        "dropped_iterations == 0",
    ],
)
def test_a_threshold_that_depends_on_the_engine_is_not(threshold: str, written: Written) -> None:
    assert told(written, threshold) == []


@pytest.mark.parametrize(
    ("threshold", "warning"),
    [
        ("iterations > 2000", "can never hold: the load consists of 2,000 iterations"),
        ("dropped_iterations <= 2000", "can never fail: the load consists of 2,000 iterations"),
        ("iterations < 2000", None),
        ("duration < 10s", None),
    ],
)
def test_the_planned_iterations_bound_what_is_counted(threshold: str, warning: str | None, written: Written) -> None:
    assert told(written, threshold, COUNTED) == ([warning] if warning else [])


def test_delivery_has_a_top(written: Written) -> None:
    load = "load: {executor: constant-arrival-rate, rate: 10/s, duration: 10s}"
    assert told(written, "delivery > 100%", load) == ["can never hold: delivery is never above 100%"]
    assert told(written, "delivery >= 100%", load) == []


PHASES = """name: a
setup: {pets: 1}
flow: [load_pet]
phases:
  - name: one
    load: {executor: constant-vus, duration: 4s}
    thresholds: [duration < 4s, success_rate >= 95%]
  - name: two
    load: {executor: per-vu-iterations, iterations: 10, vus: [1, 4]}
    thresholds: [iterations > 40, iterations > 39, success_rate >= 95%, success_rate >= 95.0%]
thresholds: [duration < 4s, duration < 5s, success_rate >= 95%]
"""


def test_a_phase_is_bound_by_its_own_plan(written: Written) -> None:
    warnings = [(warning.line, warning.path, warning.message) for warning in load_with_warnings(written(PHASES))[1]]
    same = "repeats 'success_rate >= 95%' on line 10, and is judged once: remove one of them"
    assert warnings == [
        (7, "phases[0].thresholds[0]", "can never hold: the plan lasts 4s"),
        (10, "phases[1].thresholds[0]", "can never hold: the load consists of 40 iterations"),
        (10, "phases[1].thresholds[3]", same),
        (11, "thresholds[0]", "can never hold: the plan lasts 4s"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("latency.p99 < 100ms", "latency.p99 < 100ms", True),
        ("latency.p99 < 100ms", "latency.p99<0.1s", True),
        ("latency.median < 1s", "latency.p50 < 1s", True),
        ("{expr: latency.max < 1s, strict: false}", "latency.max < 1s", True),
        ("latency.p99 < 100ms", "latency.p99 <= 100ms", False),
        ("latency.p99 < 100ms", "load_pet.latency.p99 < 100ms", False),
        ("latency.p99 < 100ms", "latency.p99 < 100ms within 2s", False),
        ("latency.p99 < 100ms", "service_time.p99 < 100ms", False),
    ],
)
def test_a_threshold_that_is_written_twice_is_told(first: str, second: str, same: bool, written: Written) -> None:
    warnings = [message for message in told(written, f"{first}, {second}") if "repeats" in message]
    assert len(warnings) == same


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        ("strict: false", "", {"strict": True, "abort_on_fail": False}),
        ("allow_thin: true", "", {"allow_thin": False}),
        ("strict: false, allow_thin: true", "allow_thin: true", {"strict": True, "allow_thin": True}),
        ("exit_code: 20", "exit_code: 30", {"exit_code": 20}),
        ("", "exit_code: 30", {"exit_code": 30}),
        (
            "abort_on_fail: true, delay_abort_eval: 9s",
            "abort_on_fail: true, delay_abort_eval: 2s",
            {"abort_on_fail": True, "delay_abort_eval": "2s"},
        ),
    ],
)
def test_of_settings_that_differ_the_stricter_holds(
    first: str, second: str, merged: dict[str, object], written: Written
) -> None:
    rules = ", ".join(f"{{expr: success_rate >= 95%, {more}}}" for more in (first, second)).replace(", }", "}")
    scenario = load_scenario(
        written(f"name: a\nsetup: {{pets: 1}}\nflow: [load_pet]\n{TIMED}\nthresholds: [{rules}]\n")
    )
    (rule,) = scenario.judged_thresholds
    assert {key: getattr(rule, key) for key in merged} == merged


@pytest.mark.parametrize(
    ("start", "stages", "idle"),
    [
        (0, "{target: 1, duration: 31s}", True),
        (0, "{target: 1, duration: 31s}, {target: 0, duration: 0s}", True),
        (5, "{target: 0, duration: 0s}, {target: 0, duration: 10s}", True),
        (0, "{target: 5, duration: 0s}, {target: 0, duration: 0s}, {target: 0, duration: 9s}", True),
        (0, "{target: 1, duration: 31s}, {target: 1, duration: 1s}", False),
        (0, "{target: 2, duration: 10s}", False),
        (1, "{target: 0, duration: 1s}", False),
    ],
)
def test_a_ramp_in_which_no_vu_starts_is_told(start: int, stages: str, idle: bool, written: Written) -> None:
    load = f"{{executor: ramping-vus, start_vus: {start}, stages: [{stages}]}}"
    alone = written(f"name: a\nsetup: {{pets: 1}}\nflow: [load_pet]\nload: {load}\n")
    warnings = [(warning.line, warning.path) for warning in load_with_warnings(alone)[1]]
    assert warnings == ([(4, "load")] if idle else [])
    phases = f"phases:\n  - {{name: one, {TIMED}}}\n  - {{name: two, load: {load}}}\n"
    in_phases = written(f"name: a\nsetup: {{pets: 1}}\nflow: [load_pet]\n{phases}")
    warnings = [(warning.line, warning.path) for warning in load_with_warnings(in_phases)[1]]
    assert warnings == ([(6, "phases[1].load")] if idle else [])
