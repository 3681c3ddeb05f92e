"""Fakes for whole runs without a clock, a process or an engine; part of the package, for tests of targets too.

A simulated run takes the true path (session, vus, recorder, frames, measurement, thresholds, result); only time,
threads and the engine are made up. It is deterministic: one vu moves at a time, in the order of simulated time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from pathlib import Path
from signal import Signals
from socket import SHUT_WR
from threading import Event, Thread

from perfcli.agent.channel import Channel
from perfcli.agent.inspection import EngineInspector
from perfcli.agent.session import Session
from perfcli.line import Line, open_line
from perfcli.measurement.spilled_samples import SpilledSamples
from perfcli.monitor import Reading
from perfcli.observer import Observer
from perfcli.plan import ExecutionPlan
from perfcli.pool.database import LocalDatabase, local_database
from perfcli.pool.protocol import EngineClock
from perfcli.recorder import BEGUN, Begun, begun_calls
from perfcli.results import Environment, RunResult
from perfcli.results.observed import MachineResult
from perfcli.run import StopRequest, run_scenario
from perfcli.testing.scripted_engine import Behaviour, Script, ScriptedTarget, SimulatedTime

__all__ = [
    "Behaviour",
    "Script",
    "ScriptedTarget",
    "SimulatedEngine",
    "SimulatedPool",
    "SimulatedTime",
    "simulate",
]


Rss = Callable[[int], int]
"""(operations done) → the memory of the process, in bytes."""


def _steady(operations: int) -> int:
    return 50_000_000


class SimulatedPool:
    """Runs the agent's session in a thread of this process, on a scripted target."""

    machines: Sequence[MachineResult] = ()
    environment: Environment | None = None

    def __init__(self, script: Script, time: SimulatedTime, rss: Rss = _steady) -> None:
        self._script = script
        self._time = time
        self._rss = rss
        self.target: ScriptedTarget | None = None

    def for_counting(self) -> SimulatedPool:
        """Refuse: nothing that a scripted engine does costs anything."""
        raise AssertionError

    def make_database(self) -> AbstractContextManager[LocalDatabase]:
        """A place for a database."""
        return local_database(Path())

    def start(self, plan: ExecutionPlan, database: LocalDatabase, process: int = 0) -> SimulatedEngine:
        """Start a session."""

        def begin(incarnation: int) -> _Thread:
            self.target = target = ScriptedTarget(plan, self._time, database.path, self._script)
            return _Thread(plan, process, incarnation, target, self._time)

        return SimulatedEngine(begin, database, self._time, self._rss)


class _Thread:
    """One session, in a thread of its own."""

    def __init__(
        self, plan: ExecutionPlan, process: int, incarnation: int, target: ScriptedTarget, time: SimulatedTime
    ) -> None:
        self.line, self._end = open_line()
        self._time = time
        self.target = target
        self.begun = target.database.parent.parent / f"{BEGUN}-{process}-{incarnation}"
        self.over, self._left = Event(), Event()
        self.thread = Thread(target=self._work, args=(Line(self._end), plan, process, incarnation, time))
        self.thread.start()

    def die(self) -> None:
        """End where it is: nothing that it says is heard from now on."""
        self._end.shutdown(SHUT_WR)
        self._time.die()

    def _work(self, line: Line, plan: ExecutionPlan, process: int, incarnation: int, time: SimulatedTime) -> None:
        # once the tool has left, as it leaves a process that it kills, there is nobody to talk to
        with closing(line), suppress(OSError):
            session = Session(
                plan,
                process,
                self.target.database,
                Channel(line, orphaned=self._left.set, now_ns=time.now_ns),
                time,
                time,
                incarnation=incarnation,
                begun=self.begun,
                make_inspector=partial(EngineInspector, is_real=False),
                # the garbage of this process is not the engine's
                collect=lambda: 0,
            )
            session.run(lambda: self.target)
            self.over.set()
            # the line is not to be closed while the channel still listens to it
            self._left.wait()
        self.over.set()


class SimulatedEngine:
    """What takes the place of an engine process."""

    def __init__(self, begin: Callable[[int], _Thread], database: LocalDatabase, time: SimulatedTime, rss: Rss) -> None:
        self._begin = begin
        self._time = time
        self._rss = rss
        self.database = database
        self.clock = EngineClock(is_shared=True, now_ns=self._now_ns)
        self.incarnation = 0
        self.lost = ""
        self._killed_by = 0
        self._is_known_dead = False
        self._thread = begin(0)

    @property
    def line(self) -> Line:
        """Brings its messages, and takes those of the tool."""
        return self._thread.line

    def _now_ns(self) -> int:
        """The simulated time, as the tool reads it."""
        self._time.look(nobody_moves=self._is_known_dead)
        return self._time.now_ns()

    def readings(self, *, whole: bool = False) -> Reading | None:
        """A reading at the simulated time; None if the session is over."""
        if self._thread.over.is_set():
            return None
        rss, now_ns = self._rss(self._thread.target.calls_done), self._time.now_ns()
        return Reading(at_ns=now_ns, rss=rss, uss=rss if whole else None, cpu_ns=now_ns // 2, threads=1, open_files=8)

    def lives_in(self, process: int | None) -> None:
        """Refuse: a simulated engine lives in the agent."""
        raise AssertionError(process)

    def note_children(self) -> None:
        """There are none."""

    def pin(self, cpus: Sequence[int]) -> None:
        """Threads of this process stay where they are."""

    def halt(self) -> None:
        """Have its session stand still, at a time that it was told; between two slices it does nothing."""
        self._time.is_halted = True

    def resume(self) -> None:
        """Let it go on."""
        self._time.resume()

    def end_by_signal(self, number: Signals) -> None:
        """End the session where it is."""
        self._killed_by = number
        self._thread.die()

    def begun_calls(self) -> Sequence[Begun]:
        """The calls that each vu of the plan had begun in its last load; empty unless it is to be killed."""
        return begun_calls(self._thread.begun)

    def is_stopped(self) -> bool:
        """Never."""
        return False

    def wait(self, timeout_s: float) -> int | None:
        """Once the session is over, 0 or the signal that it was killed by."""
        is_over = self._thread.over.wait(timeout_s)
        self._is_known_dead = is_over and self._killed_by != 0
        return -self._killed_by if is_over else None

    def bound_output(self) -> None:
        """It prints nothing."""

    def printed_bytes(self) -> int:
        """None."""
        return 0

    def output(self) -> str:
        """Nothing."""
        return ""

    def end(self) -> None:
        """End the session, as soon as it sends something."""
        self.line.close()
        self._thread.thread.join()

    def leftovers(self) -> Sequence[str]:
        """None."""
        return []

    def replace(self) -> None:
        """End the session, and start another one on the same database."""
        self.end()
        self.incarnation += 1
        self._killed_by, self._is_known_dead = 0, False
        self._time.revive()
        self._thread = self._begin(self.incarnation)


def simulate(
    plan: ExecutionPlan,
    script: Script = lambda label, call: Behaviour(),
    *,
    rss: Rss = _steady,
    stop: StopRequest | None = None,
    time: SimulatedTime | None = None,
    observer: Observer | None = None,
    spilled: SpilledSamples | None = None,
) -> RunResult:
    """Run a plan in simulated time against a scripted engine."""
    pool = SimulatedPool(script, time or SimulatedTime(), rss)
    return run_scenario(plan, pool=pool, stop=stop, observer=observer, spilled=spilled)
