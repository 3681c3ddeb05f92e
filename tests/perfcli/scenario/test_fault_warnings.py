"""Loads that hide an outage, or make it look longer than it is, are named before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.scenario.loader import load_with_warnings

Written = Callable[[str], Path]
CLOSED = (
    "each vu waits for its answer meanwhile, so few operations show the outage: use an arrival rate to see every "
    "operation due"
)
WAIT = "iterations may wait for its end, but there are"
OPEN = "{executor: constant-arrival-rate, rate: 100/s, vus: %d, duration: 10s}"


def told(written: Written, keys: str) -> list[str]:
    warnings = load_with_warnings(written(f"name: a\nsetup: {{pets: 1}}\n{keys}"))[1]
    assert all(warning.path.startswith("faults[0]") for warning in warnings)
    return [warning.message for warning in warnings]


@pytest.mark.parametrize(
    ("load", "fault", "flow", "beginning"),
    [
        ("{executor: constant-vus, vus: 50, duration: 10s}", "lock", "interact", CLOSED),
        ("{executor: constant-vus, vus: 50, duration: 10s}", "pause", "load_pet", CLOSED),
        ("{executor: constant-vus, vus: 50, duration: 10s}", "reader", "interact", None),
        ("{executor: constant-vus, vus: 50, duration: 10s}", "lock", "load_pet", None),
        (OPEN % 200, "lock", "interact", None),
        (OPEN % 199, "lock", "interact", f"200 {WAIT} 199 vus: other operations then"),
        (
            OPEN % 199,
            "pause",
            "load_pet",
            f"200 {WAIT} 199 vus: other operations then",
        ),
        (OPEN % 1, "reader", "interact", None),
        (OPEN % 1, "lock", "load_pet", None),
        (OPEN % 50, "lock", "{interact: {weight: 1}}, {load_pet: {weight: 3}}", None),
        (OPEN % 49, "lock", "{interact: {weight: 1}}, {load_pet: {weight: 3}}", f"50 {WAIT} 49 vus"),
        (OPEN % 49, "lock", "interact, load_pet", f"200 {WAIT} 49 vus"),
    ],
)
def test_a_load_that_fits_a_fault_ill(
    load: str, fault: str, flow: str, beginning: str | None, written: Written
) -> None:
    warnings = told(written, f"load: {load}\nflow: [{flow}]\nfaults: [{fault}: {{at: 3s, for: 2s}}]\n")
    assert [warning[: len(beginning or "")] for warning in warnings] == ([beginning] if beginning else [])


def test_the_remedy_is_named(written: Written) -> None:
    mix = "flow: [{interact: {weight: 1}}, {load_pet: {weight: 3}}]\nfaults: [lock: {at: 3s, for: 2s}]\n"
    (warning,) = told(written, f"load: {OPEN % 10}\n{mix}")
    assert warning.endswith("; give it 50 vus, and load_pet its own phase (start_after: 0s)")
    (warning,) = told(written, f"load: {OPEN % 10}\nflow: [interact]\nfaults: [pause: {{at: 3s, for: 2s}}]\n")
    assert warning.endswith("; give it 200 vus")
    many = "{executor: constant-arrival-rate, rate: 1000/s, vus: 1000, duration: 10s}"
    (warning,) = told(written, f"load: {many}\nflow: [interact]\nfaults: [pause: {{at: 3s, for: 2s}}]\n")
    assert warning.endswith("; lower the rate")


def test_the_worst_time_of_a_fault_counts(written: Written) -> None:
    stages = "{executor: ramping-arrival-rate, start_rate: 0/s, vus: 130, stages: [{target: 100/s, duration: 10s}]}"
    faults = "faults: [pause: {at: %s, for: 2s, every: 3s, times: 2}]\n"
    assert told(written, f"load: {stages}\nflow: [interact]\n{faults % '2s'}") == []
    (warning,) = told(written, f"load: {stages}\nflow: [interact]\n{faults % '4s'}")
    assert warning.startswith("160 iterations")


@pytest.mark.parametrize(
    ("fault", "warnings"),
    [
        ("pause: {at: 3s, for: 1s}", []),
        ("lock: {at: 3s, for: 1s}", [CLOSED]),
        ("pause: {at: 6s, for: 1s}", [CLOSED]),
        ("pause: {at: 1s, for: 1s, phase: alone}", [CLOSED]),
        ("pause: {at: 1s, for: 2s, phase: beside}", ["200 iterations may wait for its end, but beside has 150 vus"]),
    ],
)
def test_only_what_runs_meanwhile_counts(fault: str, warnings: list[str], written: Written) -> None:
    phases = """phases:
  - {name: writes, load: {executor: constant-vus, duration: 10s}, flow: [interact]}
  - name: beside
    load: {executor: constant-arrival-rate, rate: 100/s, vus: 150, duration: 4s, start_after: 1s}
    flow: [load_pet]
  - {name: alone, load: {executor: constant-vus, duration: 10s}, flow: [interact]}
"""
    found = told(written, f"{phases}faults: [{fault}]\n")
    assert [warning[: len(each)] for warning, each in zip(found, warnings, strict=True)] == warnings
