"""What a run relies on, of every pool: also of one whose messages take 30 ms and whose clock is an hour off."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

import pytest

from perfcli.ab.pairs import PairMaker
from perfcli.clock import RunningTime
from perfcli.cluster.machine import zipped
from perfcli.cluster.pool import ClusterPool
from perfcli.errors import Verdict
from perfcli.judgement import Ending
from perfcli.measurement.integrity import check_integrity
from perfcli.measurement.ledger import Ledger
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.spilled_samples import SpilledSamples
from perfcli.monitor import Reading
from perfcli.plan import INCARNATION, ExecutionPlan, Slices
from perfcli.pool.processes import LocalPool, forked
from perfcli.pool.protocol import Database, EngineHandle, WorkerPool
from perfcli.pool.template import Template
from perfcli.recorder import Frame
from perfcli.run import one_run, run_scenario
from perfcli.run.engine_client import EngineClient
from perfcli.run.time_limits import TimeLimits
from perfcli.testing import Behaviour, SimulatedPool, SimulatedTime
from perfcli.wire import HeldUp, Message
from tests.perfcli.cluster.plain_machine import PlainMachine
from tests.perfcli.pool.elsewhere import PoolElsewhere

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
_PATIENCE_S = 20.0
_HOUR_NS = 3_600_000_000_000
MS = 1_000_000
_DELAY_MS = 30.0
_UNSURE_NS = round(2 * _DELAY_MS * MS)
_OPEN_LOAD = {"executor": "constant-arrival-rate", "rate": "30/s", "duration": "600ms", "vus": 2}
_PLAN: dict[str, Any] = {
    "phases": [
        {"name": "first", "load": _OPEN_LOAD},
        {"name": "second", "load": {"executor": "constant-vus", "vus": 2, "duration": "300ms"}},
    ],
    "setup": {"pets": 3},
    "engine": {"ai": {"latency": "0ms"}},
    # how many arrivals a busy machine loses is not the pool's affair
    "thresholds": ["success_rate == 100%", "lost_writes == 0", "dropped_iterations < 100"],
}
_IDLING = {"executor": "constant-vus", "think_time": "3ms"}
"""A load that leaves the CPU to other tests."""
_FOREVER = {"executor": "constant-vus", "vus": 1, "duration": "700ms"}
_FLOW = ["create_pet", "interact", "load_pet"]


@dataclass
class Place:
    """A pool, and the clock that a run with it is measured by."""

    pool: WorkerPool[Any]
    is_real: bool = True
    now_ns: Callable[[], int] = time.perf_counter_ns


@contextmanager
def opened(name: str) -> Iterator[Place]:
    match name:
        case "fresh":
            yield Place(LocalPool(ROOT))
        case "forked":
            with Template() as template:
                yield Place(LocalPool(ROOT, forked(template)))
        case "cluster":
            machines: list[Any] = [PlainMachine()]
            yield Place(ClusterPool(machines, zipped(ROOT)))
        case "ahead":
            yield Place(PoolElsewhere(ROOT, delay_ms=_DELAY_MS, ahead_ns=_HOUR_NS))
        case "behind":
            # no clock is below zero
            ahead_ns = -min(_HOUR_NS, time.perf_counter_ns() // 2)
            yield Place(PoolElsewhere(ROOT, delay_ms=_DELAY_MS, ahead_ns=ahead_ns))
        case _:
            simulated = SimulatedTime()
            yield Place(SimulatedPool(lambda label, call: Behaviour(), simulated), False, simulated.now_ns)


# "behind" starts its processes in the same way
FRESH = pytest.param("fresh", marks=pytest.mark.nightly)
FAR = pytest.param("ahead", marks=pytest.mark.nightly)
REAL = [
    FRESH,
    "forked",
    pytest.param("cluster", marks=pytest.mark.nightly),
    FAR,
    "behind",
]


on_a_cluster_too = pytest.mark.parametrize(
    "place", [FRESH, "forked", "cluster", FAR, "behind", "scripted"], indirect=True, scope="module"
)
"""Of short tests: those of whole runs leave the cluster to the night."""


@pytest.fixture(scope="module", params=[*REAL, "scripted"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with opened(request.param) as made:
        yield made


@pytest.fixture(scope="module", params=REAL)
def real_place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with opened(request.param) as made:
        yield made


class Followed:
    """An engine process that a client follows step by step, and what it said."""

    def __init__(self, plan: ExecutionPlan, handle: EngineHandle) -> None:
        self.messages: list[Message] = []
        self.client = EngineClient(handle, TimeLimits(plan), 0, self.messages.append, RunningTime())

    @property
    def frames(self) -> list[Frame]:
        return [message for message in self.messages if isinstance(message, Frame)]

    def until(self, is_reached: Callable[[], object]) -> None:
        """Let it go on from checkpoints, until something is so."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while not is_reached():
            assert self.client.ending is None, self.client.ending
            assert time.monotonic() < deadline_s
            if self.client.waits_at:
                self.client.go(0)
            self.client.listen(0.05)

    def until_checkpoint(self, name: str) -> None:
        self.until(lambda: self.client.waits_at == name)


@pytest.fixture
def plan(make_plan: Callable[..., ExecutionPlan]) -> ExecutionPlan:
    return make_plan(_FLOW, **_PLAN)


@contextmanager
def started(place: Place, plan: ExecutionPlan) -> Iterator[tuple[Followed, EngineHandle, Database]]:
    with place.pool.make_database() as database:
        handle = place.pool.start(plan, database)
        try:
            yield Followed(plan, handle), handle, database
        finally:
            handle.end()


class Witness(Measurement):
    """Keeps all times that it is given."""

    def __init__(self, plan: ExecutionPlan, spilled: SpilledSamples | None = None) -> None:
        super().__init__(plan, spilled)
        self.times_ns: list[tuple[str, int]] = []
        witnesses.append(self)

    def take(self, message: Message) -> None:
        name = type(message).__name__
        self.times_ns += [(name, getattr(message, each.name)) for each in fields(message) if each.name.endswith("_ns")]
        super().take(message)

    def add(self, frame: Frame) -> None:
        self.times_ns += [("Frame", start_ns) for start_ns in frame.starts]
        super().add(frame)


witnesses: list[Witness] = []


def test_a_run_is_measured_by_the_clock_of_the_tool(
    place: Place, plan: ExecutionPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_run, "Measurement", Witness)
    began_ns = place.now_ns()
    result = run_scenario(plan, pool=place.pool)
    ended_ns = place.now_ns()
    witness = witnesses.pop()

    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert {name for name, _ in witness.times_ns} == {"Wave", "PhaseOver", "LoadOver", "Frame"}
    readings = [*witness.readings, *witness.marks.values()]
    times_ns = [*witness.times_ns, *(("reading", reading.at_ns) for reading in readings)]
    times_ns += [("scheduling", reading.scheduling.at_ns) for reading in readings if reading.scheduling]
    # an offset is known as surely as half of the shortest round trip
    first_ns, last_ns = began_ns - _UNSURE_NS, ended_ns + _UNSURE_NS
    assert [(name, at_ns) for name, at_ns in times_ns if not first_ns <= at_ns <= last_ns] == []

    lasted_ns = last_ns - first_ns
    first, second = result.phases
    assert first.began_ns == 0
    assert (first.duration_ns or 0) >= 600 * MS
    assert (second.duration_ns or 0) >= 300 * MS
    assert 600 * MS - _UNSURE_NS <= (second.began_ns or 0) <= lasted_ns
    assert first.schedule_lag is not None
    assert 0 <= first.schedule_lag.max_ns <= lasted_ns
    assert sum(each.ok for each in result.seconds) == result.total.ok > 0
    assert all(0 <= each.second <= lasted_ns / 1e9 for each in result.seconds)
    assert all(abs(sample.at_ns) <= lasted_ns for sample in result.monitor)


def test_two_processes_share_a_database_that_a_new_one_reads_alike(
    real_place: Place, make_plan: Callable[..., ExecutionPlan]
) -> None:
    keys = {**_PLAN, "thresholds": [*_PLAN["thresholds"], "fidelity.differences == 0"]}
    result = run_scenario(make_plan(_FLOW, pool={"processes": 2}, **keys), pool=real_place.pool)
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])


@pytest.mark.parametrize("name", ["forked", "ahead"])
def test_an_engine_that_stands_still_is_held_up_in_the_tools_time(
    name: str, make_plan: Callable[..., ExecutionPlan]
) -> None:
    endless = make_plan(["status"], load={**_IDLING, "duration": "1m"}, setup={"pets": 1})
    with opened(name) as place, started(place, endless) as (followed, handle, _):
        followed.until_checkpoint("baseline")
        followed.until(lambda: followed.client.stage == "measuring")
        halted_ns = time.perf_counter_ns()
        handle.halt()
        time.sleep(2.5)
        handle.resume()
        resumed_ns = time.perf_counter_ns()
        followed.until(lambda: any(isinstance(message, HeldUp) for message in followed.messages))
        held_up = next(message for message in followed.messages if isinstance(message, HeldUp))
    # it looks at the clock twice a second
    assert halted_ns - 1_000_000_000 < held_up.began_ns < resumed_ns
    assert halted_ns < held_up.ended_ns < time.perf_counter_ns()


@on_a_cluster_too
def test_its_readings_are_by_the_clock_of_the_tool(place: Place, plan: ExecutionPlan) -> None:
    with started(place, plan) as (followed, handle, _):
        followed.until_checkpoint("baseline")
        before_ns = place.now_ns()
        reading = followed.client.readings(whole=True)
        after_ns = place.now_ns()
        assert isinstance(reading, Reading)
        assert reading.rss > 0
        assert before_ns - handle.clock.bound_ns <= reading.at_ns <= after_ns + handle.clock.bound_ns


@on_a_cluster_too
def test_one_that_has_ended_is_gone_and_has_left_nothing(place: Place, plan: ExecutionPlan) -> None:
    with started(place, plan) as (followed, handle, _):
        followed.until_checkpoint("baseline")
        assert handle.wait(0) is None
        assert not handle.is_stopped()
        handle.end()
        assert handle.wait(0) is not None
        assert handle.readings() is None
        with pytest.raises(OSError, match="Bad file descriptor"):
            handle.line.poll(0)
        # none of these does harm
        handle.halt()
        handle.resume()
        handle.pin([0])
        handle.end()
        assert list(handle.leftovers()) == []
        assert (handle.printed_bytes(), handle.output()) == (0, "")


@on_a_cluster_too
def test_its_database_can_be_read_and_kept(place: Place, plan: ExecutionPlan, tmp_path: Path) -> None:
    with started(place, plan) as (followed, _, database):
        with pytest.raises(sqlite3.Error, match="does not exist"), database.reading():
            pass
        assert database.used_bytes() == 0
        followed.until(lambda: followed.client.ending == Ending())
        with database.reading() as query:
            ((pets,),) = query("SELECT COUNT(*) FROM digipals WHERE user_id IN ('user-0', 'user-1', 'user-2')")
        assert pets == 3
        assert database.used_bytes() > 0
        assert database.removed() == ""
        kept, complaint = database.keep(tmp_path, "pets")
        assert complaint == ""
        with closing(sqlite3.connect(kept)) as connection:
            assert connection.execute("SELECT COUNT(*) FROM digipals").fetchone()[0] >= 3


def test_two_take_turns(real_place: Place, make_plan: Callable[..., ExecutionPlan]) -> None:
    plan = make_plan(["load_pet"], load={"executor": "constant-vus", "duration": "1s"}, setup={"pets": 2})
    plan = plan.model_copy(update={"slices": Slices()})
    maker = PairMaker((plan, plan), [], 0, Random(1), lambda: False)
    pair = maker.make((real_place.pool, real_place.pool))
    assert pair.problem is None
    assert len(pair.slices) > 0


WRITES: dict[str, Any] = {
    "phases": [
        {"name": "creates", "flow": ["create_pet", "interact", "save_pet"], "load": _FOREVER},
        {"name": "saves", "flow": [{"care": {"actions": ["meat"]}}, "save_pet", "load_pet"], "load": _FOREVER},
    ],
    "engine": {"ai": {"latency": "0ms"}},
    "setup": {"pets": 2},
}


def test_the_next_incarnation_goes_on_with_the_database(place: Place, make_plan: Callable[..., ExecutionPlan]) -> None:
    plan = make_plan([], **WRITES)
    with started(place, plan) as (followed, handle, database):
        followed.until(lambda: {plan.phase_of(frame.vu).name for frame in followed.frames} == {"creates", "saves"})
        followed.client.replace()
        assert (handle.incarnation, followed.client.stage) == (1, "starting")
        followed.until(lambda: followed.client.ending == Ending())
        # the first phase was over
        assert {frame.vu for frame in followed.frames} == {0, 1, 1 + INCARNATION}

        ledger = Ledger(plan)
        for frame in followed.frames:
            ledger.add(frame)
        # samples that the first one had not sent are missing
        found = check_integrity(ledger, database, complete=False)
        assert (found.lost, found.stale_reads, found.damaged, found.examples) == (0, 0, "", [])
        assert found.saves.acknowledged > 0
        with database.reading() as query:
            assert list(query("SELECT user_id FROM digipals GROUP BY user_id HAVING COUNT(*) > 1")) == []
            assert list(query("SELECT COUNT(*) FROM digipals WHERE user_id LIKE 'user-%'")) == [(2,)]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_process_is_replaced_while_the_load_goes_on(
    processes: int, real_place: Place, make_plan: Callable[..., ExecutionPlan]
) -> None:
    load = {**_IDLING, "vus": 2, "duration": "5s"}
    flow = ["create_pet", "interact", "save_pet", "load_pet"]
    keys = {"setup": {"pets": 2}, "engine": {"ai": {"latency": "0ms"}}, "pool": {"processes": processes}}
    limits = ["success_rate == 100%", "lost_writes == 0", "duplicate_writes == 0"]
    # a busy machine takes up to 2 s to restart a process; the replacement needs time to work before the second kill
    faults = [{"kill": {"at": "1200ms", "process": processes - 1}}, {"kill": {"at": "3700ms", "process": 0}}]
    plan = make_plan(flow, load=load, thresholds=limits, faults=faults, **keys)
    result = run_scenario(plan, pool=real_place.pool)
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    first, second = result.restarts
    assert (first.process, second.process) == (processes - 1, 0)
    assert 1_200 * MS <= first.at_ns < 3_700 * MS <= second.at_ns
    assert first.down_ns is not None
    assert second.down_ns is not None
    assert result.performed_as_planned
    # on a busy machine the last one may rejoin when the load is over
    assert {work.incarnation for work in result.vus} >= {0, 1}
    assert result.inspection.shutdown_ns is not None
    assert result.inspection.processes_left == []
