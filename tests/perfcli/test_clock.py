"""Limits of time count only the time in which this process ran."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perfcli.clock import RunningTime, Stop, await_exit
from perfcli.measurement.starvation import disturbance

S = 10**9


class FakeClock:
    def __init__(self) -> None:
        self.now = 5 * S

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_it_counts_the_time_in_which_it_is_asked_often(clock: FakeClock) -> None:
    running = RunningTime(clock)
    for _ in range(50):
        clock.now += S // 10
        elapsed_s = running.elapsed_s()
    assert elapsed_s == pytest.approx(5)
    assert running.stops == []


def test_a_stop_counts_as_a_second_and_is_remembered(clock: FakeClock) -> None:
    running = RunningTime(clock)
    clock.now += S // 10
    running.elapsed_s()
    clock.now += 40 * S
    assert running.elapsed_s() == pytest.approx(1.1)
    assert running.stops == [Stop(5 * S + S // 10, 45 * S + S // 10)]


def test_a_process_that_ends_is_awaited() -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    assert await_exit(process, 60) == 3


def test_a_process_that_goes_on_is_not_awaited_for_ever() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert await_exit(process, 0.05) is None
    finally:
        process.kill()
        process.wait()


MEASURED = Stop(100 * S, 200 * S)


@pytest.mark.parametrize(
    ("tool", "held_up", "spoilt"),
    [
        ([], [], False),
        ([Stop(110 * S, 150 * S)], [], False),  # the vus went on
        ([], [Stop(110 * S, 150 * S)], False),  # no stop of the tool: the engine may have hung itself
        ([Stop(110 * S, 150 * S)], [Stop(110 * S, 150 * S)], True),
        ([Stop(110 * S, 150 * S)], [Stop(149 * S, 151 * S)], False),
        ([Stop(110 * S, 150 * S)], [Stop(120 * S, 150 * S)], True),  # the vus waited for the tool to read
        ([Stop(10 * S, 50 * S)], [Stop(10 * S, 50 * S)], False),  # in the set-up
        ([Stop(90 * S, 101 * S)], [Stop(90 * S, 101 * S)], False),
        ([Stop(90 * S, 103 * S)], [Stop(90 * S, 103 * S)], True),
        ([Stop(110 * S, 111 * S), Stop(120 * S, 160 * S)], [Stop(121 * S, 160 * S)], True),
    ],
)
def test_a_load_that_stood_still_with_the_tool_is_spoilt(tool: list[Stop], held_up: list[Stop], spoilt: bool) -> None:
    assert bool(disturbance(tool, held_up, MEASURED)) is spoilt


def test_the_longest_is_named() -> None:
    tool = [Stop(110 * S, 113 * S), Stop(120 * S, 160 * S)]
    assert disturbance(tool, tool, MEASURED).startswith(
        "the tool was stopped for 40.0 s, and the load stood still for 40.0 s of that (SIGSTOP"
    )
