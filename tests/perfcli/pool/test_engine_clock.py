"""What a time of an engine process is by the tool's clock."""

from __future__ import annotations

from array import array
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from perfcli.cpus import Scheduling, ThreadTime
from perfcli.monitor import Reading
from perfcli.pool.protocol import EngineClock
from perfcli.recorder import Frame
from perfcli.wire import Event, HeldUp, PhaseOver, Stage

_OFFSETS = st.integers(-(10**15), 10**15)
_TIMES = st.integers(0, 10**15)
_WAYS = st.integers(0, 10**9)


def compared(offset_ns: int, trips: list[tuple[int, int]]) -> EngineClock:
    """A clock whose offset is known from round trips: ns on the way there, and back."""
    clock = EngineClock(is_shared=False)
    asked_ns = 10**15
    clock.compare([(asked_ns, asked_ns + there + offset_ns, asked_ns + there + back) for there, back in trips])
    return clock


@given(_OFFSETS, st.lists(st.tuples(_WAYS, _WAYS), min_size=1, max_size=5))
def test_the_offset_is_off_by_the_bound_at_most(offset_ns: int, trips: list[tuple[int, int]]) -> None:
    clock = compared(offset_ns, trips)
    assert abs(clock.offset_ns - offset_ns) <= clock.bound_ns
    assert clock.bound_ns == min(-(-(there + back) // 2) for there, back in trips)


@given(_OFFSETS, _TIMES)
def test_ways_of_equal_length_give_the_offset_exactly(offset_ns: int, at_ns: int) -> None:
    clock = compared(offset_ns, [(30, 30)])
    assert clock.there(at_ns) == at_ns + offset_ns
    assert clock.here(PhaseOver(3, clock.there(at_ns), 7)) == PhaseOver(3, at_ns, 7)
    assert clock.here(HeldUp(clock.there(at_ns), clock.there(at_ns + 5))) == HeldUp(at_ns, at_ns + 5)
    assert clock.here(Stage("open")) == Stage("open")
    frame = clock.here(Frame(0, True, 1, array("q", [1]), array("q", [clock.there(at_ns)]), array("q", [9])))
    assert (list(frame.starts), list(frame.durations)) == ([at_ns], [9])


def test_every_time_that_an_engine_process_sends_is_declared_as_one() -> None:
    declared = {(kind, each.name): each.type for kind in Event.__subclasses__() for each in fields(kind)}
    # what it has used of a CPU is an amount, by no clock
    times = {key for key in declared if key[1].endswith("_ns") and key[1] != "cpu_ns"}
    assert times == {key for key, kind in declared.items() if kind == "EngineTime"}
    assert len(times) >= 5


def test_a_reading_whose_time_is_not_known_is_none() -> None:
    scheduling = Scheduling(at_ns=1_000, engine={1: ThreadTime(1, 2)}, harness={}, busy_ns=3, stolen_ns=0, cpus=2)
    reading = Reading(at_ns=2_000, rss=1, cpu_ns=1, threads=1, open_files=1, scheduling=scheduling)
    assert EngineClock(is_shared=True).reading_here(reading) is reading
    assert EngineClock(is_shared=False).reading_here(reading) is None
    here = compared(500, [(0, 0)]).reading_here(reading)
    assert here is not None
    assert here.scheduling is not None
    assert (here.at_ns, here.scheduling.at_ns) == (1_500, 500)
