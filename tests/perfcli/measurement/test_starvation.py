"""A machine that is busy with other work is told from one that is merely shared."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from perfcli.cpus import Scheduling, ThreadTime, Throttling, harness_of, read_scheduling
from perfcli.measurement.starvation import starvation
from perfcli.monitor import Monitor, Reading, joined
from perfcli.pool.probe import ProcessProbe

MS = 1_000_000
S = 1_000 * MS


def scheduling(
    at_s: float,
    *engine: tuple[float, float],
    busy_s: float = 0.0,
    harness: tuple[float, float] = (0.0, 0.0),
    stolen_s: float = 0.0,
    cpus: int = 2,
    throttling: Throttling | None = None,
    processes: int = 1,
    elsewhere_s: float = 0.0,
) -> Scheduling:
    """Counters from 0 on; of each engine thread how long it ran and waited, in seconds."""

    def thread(spent_s: tuple[float, float]) -> ThreadTime:
        return ThreadTime(round(spent_s[0] * S), round(spent_s[1] * S))

    threads = dict(enumerate(map(thread, engine)))
    tool = {99: thread(harness)}
    return Scheduling(
        at_ns=round(at_s * S),
        engine=threads,
        harness=tool,
        busy_ns=round(busy_s * S),
        stolen_ns=round(stolen_s * S),
        cpus=cpus,
        throttling=throttling,
        processes=processes,
        elsewhere_ns=round(elsewhere_s * S),
    )


START = scheduling(0)


@pytest.mark.parametrize(
    ("after", "starved"),
    [
        (scheduling(10, (2, 3), busy_s=19), True),
        (scheduling(10, (2, 1), busy_s=19), False),  # it had a CPU for most of the time
        (scheduling(10, (0.1, 0.5), busy_s=20), False),  # waited, but not for long
        (scheduling(10, (2, 3), busy_s=14), False),  # others left 0.8 CPUs
        (scheduling(10, (2, 0), busy_s=20), False),
        (scheduling(10, *[(0.125, 0.25)] * 16, busy_s=20), True),  # each of many threads a little
        (scheduling(10, *[(1.2, 6)] * 16, busy_s=20), False),  # they waited for one another
        (scheduling(10, (4.8, 5.0), busy_s=9.9, cpus=1), True),  # one other process on the only CPU
        (scheduling(10, (7, 3), busy_s=10, cpus=1), False),
        (scheduling(10, (3, 7), busy_s=3.5, cpus=1), False),  # nobody else was there
        (scheduling(10, (3, 4), (3, 4), busy_s=18), False),
        (scheduling(10, (3, 4), (3, 4), busy_s=20, processes=2), True),  # two processes need two CPUs
    ],
)
def test_only_plain_cases_are_called_starved(after: Scheduling, starved: bool) -> None:
    assert bool(starvation(START, after)) is starved


def test_the_reason_has_its_figures() -> None:
    assert starvation(START, scheduling(10, (2, 3), busy_s=19)) == (
        "other processes used 85% of the CPU; the engine's threads waited 3.00 s for one and ran 2.00 s, in 10.0 s; "
        "try again on a quieter machine"
    )


def test_a_harness_that_is_starved_is_told_too() -> None:
    reason = starvation(START, scheduling(10, (2, 0), busy_s=19, harness=(1, 3)))
    assert "the harness's threads waited 3.00 s for one and ran 1.00 s" in reason
    assert starvation(START, scheduling(0.1, (0.02, 0), busy_s=0.2, harness=(0.01, 0.05))) == ""


@pytest.mark.parametrize(
    ("after", "starved"),
    [
        (scheduling(0.2, (0.02, 0.06), busy_s=0.39), True),
        (scheduling(0.2, (0.06, 0.12), busy_s=0.37), False),  # with two ticks less it would not be
        (scheduling(0.2, (0.12, 0.04), busy_s=0.4), False),
        (scheduling(0.04, (0.004, 0.033), busy_s=0.06), True),  # ticks say little, the waiting enough
        (scheduling(0.04, (0.015, 0.020), busy_s=0.07), False),  # one turn of another process
        (scheduling(0.04, (0.004, 0.033), (0.02, 0.0), busy_s=0.07), False),  # another thread of ours may have had it
        (scheduling(0.019, (0.001, 0.018), busy_s=0.04), False),  # too short to be told
    ],
)
def test_short_loads_need_surer_signs(after: Scheduling, starved: bool) -> None:
    assert bool(starvation(START, after)) is starved


def test_what_was_before_the_load_does_not_count() -> None:
    before = scheduling(0, (1, 50), busy_s=100)
    assert starvation(before, scheduling(10, (3, 50), busy_s=120)) == ""
    assert starvation(before, scheduling(10, (3, 50), (1, 9), busy_s=120)) != ""  # a thread that began meanwhile


def test_what_the_engine_starts_is_not_others() -> None:
    assert starvation(START, scheduling(10, (1, 8), busy_s=20)) != ""
    assert starvation(START, scheduling(10, (1, 8), busy_s=20, elsewhere_s=18.5)) == ""
    joint = scheduling(10, (1, 8), busy_s=20, elsewhere_s=6).joined(scheduling(10, (1, 8), busy_s=20, elsewhere_s=12))
    assert starvation(START, joint) == ""


def test_a_limit_on_cpu_time_starves_too() -> None:
    before = replace(START, throttling=Throttling(S, 10, 3))
    stopped = scheduling(10, (5, 5), busy_s=5, throttling=Throttling(6 * S, 110, 103))
    assert starvation(before, stopped) == (
        "the CPU limit of its control group stopped the run for 5.00 s in 10.0 s (100 of 100 periods); "
        "raise the limit, or lower the load"
    )
    assert starvation(before, replace(stopped, throttling=Throttling(2 * S, 110, 13))) == ""
    assert starvation(START, stopped) == ""


def test_so_does_the_host_of_a_virtual_machine() -> None:
    reason = starvation(START, scheduling(10, (4, 0), busy_s=14, stolen_s=9))
    assert reason.startswith("the host of this virtual machine took 8.96 s of CPU time, and the run had 4.00 s")
    assert starvation(START, scheduling(10, (4, 0), busy_s=14, stolen_s=2)) == ""
    assert starvation(START, scheduling(10, (1, 0), busy_s=20, stolen_s=9)) == ""  # most of it was taken from others


def test_several_processes_are_judged_together() -> None:
    def fixed(thread: int, ran_s: float, waited_s: float) -> Reading:
        own = scheduling(10, (ran_s, waited_s), busy_s=19, harness=(1, 0))
        return Reading(10 * S, 0, 0, threads=1, open_files=1, scheduling=replace(own, engine={thread: own.engine[0]}))

    joint = joined([fixed(1, 2, 1), fixed(2, 1, 4)])
    assert joint is not None
    assert joint.scheduling is not None
    assert starvation(START, joint.scheduling).startswith("other processes used 75% of the CPU")


LINUX = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells how long threads wait")


@LINUX
def test_the_system_tells_what_it_is_judged_by() -> None:
    probe = ProcessProbe(os.getpid(), Path("none.db"))
    readings = [probe.read(whole=True)]
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    readings.append(probe.read(whole=True))
    before, after = (reading.scheduling if reading else None for reading in readings)
    assert before is not None
    assert after is not None
    then, now = before.engine[os.getpid()], after.engine[os.getpid()]
    assert now.ran_ns - then.ran_ns >= 40 * MS
    assert now.waited_ns >= then.waited_ns
    assert after.cpus == len(os.sched_getaffinity(0))
    assert after.busy_ns >= before.busy_ns


@LINUX
def test_the_counters_are_read_once_a_second_between_whole_readings() -> None:
    probe = ProcessProbe(os.getpid(), Path("none.db"))
    told = [probe.read(whole=whole) for whole in (False, False, True)]
    assert [reading is not None and reading.scheduling is not None for reading in told] == [True, False, True]


@LINUX
def test_only_the_newest_counters_are_kept() -> None:
    monitor = Monitor(ProcessProbe(os.getpid(), Path("none.db")).read, lambda: 0)
    marks = [monitor.look(whole=whole) for whole in (True, False, True, False, True)]
    assert [reading.scheduling is not None for reading in monitor.readings] == [False, False, False, False, True]
    assert marks[0] is not None
    assert marks[0].scheduling is not None


@LINUX
def test_processes_between_the_tool_and_the_engine_are_the_harness() -> None:
    server = "import os; print(os.getpid(), flush=True); input()"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {server!r}])"
    agent = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with agent:
        assert agent.stdout is not None
        pid = int(agent.stdout.readline())
        assert harness_of(pid) == [agent.pid, os.getpid()]
        assert harness_of(agent.pid) == [os.getpid()]
        assert harness_of(1) == [os.getpid()]
        found = read_scheduling(pid, harness_of(pid))
        assert found is not None
        assert {agent.pid, os.getpid()} <= set(found.harness)
        assert set(found.engine) == {pid}
        agent.communicate("\n")
    assert read_scheduling(pid, [os.getpid()]) is None


@LINUX
@pytest.mark.slow
def test_the_time_of_what_the_engine_started_stays_when_it_ends() -> None:
    burn = "import time\nend = time.thread_time() + 0.1\nwhile time.thread_time() < end: pass"
    in_thread = f"import threading\nshort = threading.Thread(target=exec, args=({burn!r}, {{}}))"
    in_process = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    in_daemon = f"import os, sys, time\nif os.fork(): time.sleep(9)\n{burn}\nprint(flush=True)\nsys.stdin.readline()"
    code = "\n".join([in_thread, "short.start(); short.join()", in_process, in_daemon])
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine:
        assert engine.stdout is not None
        try:
            engine.stdout.readline()
            found = read_scheduling(engine.pid, harness_of(engine.pid))
        finally:
            engine.kill()
            engine.communicate()
    assert found is not None
    assert found.elsewhere_ns >= 0.24 * S  # of 0.3 s; the system counts this time in ticks
