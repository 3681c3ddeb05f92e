"""A machine that is busy with other work is told from one that is merely shared."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from perfcli.measurement.starvation import ToolTime, starvation
from perfcli.monitor import ProcessProbe, Reading

S = 1_000_000_000


def reading(at_s: float, ran_s: float, waited_s: float | None, busy_s: float | None) -> Reading:
    waited_ns = None if waited_s is None else round(waited_s * S)
    busy_ns = None if busy_s is None else round(busy_s * S)
    return Reading(
        round(at_s * S), 0, round(ran_s * S), threads=1, open_files=1, waited_ns=waited_ns, machine_busy_ns=busy_ns
    )


START = reading(0, 5, 1, 100)


@pytest.mark.parametrize(
    ("after", "starved"),
    [
        (reading(10, 12, 9, 120), False),  # others had 12 of 20 s
        (reading(10, 7, 4, 120), True),
        (reading(10, 7, 2, 120), False),  # waited less than it ran
        (reading(10, 5.1, 1.5, 120), False),  # waited, but not for long
        (reading(10, 7, 4, 112), False),  # others used half of the machine
        (reading(10, 7, None, 120), False),
        (reading(10, 7, 4, None), False),
    ],
)
def test_only_plain_cases_are_called_starved(after: Reading, starved: bool) -> None:
    assert bool(starvation(START, after, ToolTime(0, 0), ToolTime(S, 0), cpus=2)) is starved


def test_the_reason_has_its_figures() -> None:
    reason = starvation(START, reading(10, 7, 4, 120), ToolTime(0, 0), ToolTime(S, 0), cpus=2)
    assert "85% of all CPU time" in reason
    assert "waited 3.0 s for a CPU in 10.0 s" in reason


def test_a_tool_that_is_starved_is_told_too() -> None:
    reason = starvation(START, reading(10, 7, 1, 120), ToolTime(0, 0), ToolTime(S, 3 * S), cpus=2)
    assert "the tool waited 3.0 s" in reason


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells how long threads wait")
def test_the_system_tells_what_it_is_judged_by() -> None:
    probe = ProcessProbe(os.getpid(), Path("none.db"), lambda: 0)
    before = probe.read(whole=True)
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    after = probe.read(whole=True)
    assert before is not None
    assert after is not None
    assert before.waited_ns is not None
    assert after.waited_ns is not None
    assert after.waited_ns >= before.waited_ns
    assert after.machine_busy_ns is not None
    assert before.machine_busy_ns is not None
    assert after.machine_busy_ns - before.machine_busy_ns >= 0
