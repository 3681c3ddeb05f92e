"""Run one scenario: the library call behind `digipal-perf run`, pytest and CI."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from traceback import extract_tb, format_exc
from typing import Any, Final

from perfcli.clock import RunningTime
from perfcli.errors import UsageError, describe_error
from perfcli.figures import Needs
from perfcli.figures.counts import COUNTERS
from perfcli.judgement import Ending, judge, rules_of
from perfcli.measurement.assembly import Identity, assemble, notes_on
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.parts import Wanted
from perfcli.monitor import Monitor, Reading
from perfcli.observer import Observer, SilentObserver
from perfcli.plan import ExecutionPlan
from perfcli.pool.checkout import installed_engine
from perfcli.pool.identity import EngineSource
from perfcli.pool.processes import LocalPool
from perfcli.pool.protocol import Database, EngineHandle, WorkerPool
from perfcli.recorder import Frame
from perfcli.results import RunResult
from perfcli.results.findings import Findings
from perfcli.run.barrier import Barrier
from perfcli.run.engine_client import EngineClient
from perfcli.run.exact_counts import count_exactly, not_countable
from perfcli.run.fault_control import FaultControl
from perfcli.run.kills import Kills
from perfcli.run.messages import Inbox
from perfcli.run.progress import ProgressReporter
from perfcli.run.threshold_watch import AbortCheck
from perfcli.run.time_limits import TimeLimits
from perfcli.wire import LivesIn, Message, Rejoined, StopLoad

TICK_S: Final = 0.1
UPDATE_INTERVAL_S: Final = 0.25
_HOME: Final = Path(__file__).parents[1]


class Counting(StrEnum):
    """Whether a run counts what operations cost."""

    IF_ASKED = "if a threshold asks"
    ALSO = "after the load"
    ONLY = "instead of the load"


@dataclass(slots=True)
class StopRequest:
    """Asks a run to stop; may be set from a signal handler."""

    reason: str = ""


def run_scenario(
    plan: ExecutionPlan,
    *,
    pool: WorkerPool[Any] | None = None,
    observer: Observer | None = None,
    stop: StopRequest | None = None,
    keep_database_in: Path | None = None,
    engine: EngineSource | None = None,
    on_findings: Callable[[Findings], None] = lambda findings: None,
    counting: Counting = Counting.IF_ASKED,
) -> RunResult:
    """Run a plan in a fresh engine process on a fresh database, and say what happened.

    Whatever goes wrong with the engine is in the result, with what is known until then; nothing of the run is left
    behind, but the database where `keep_database_in` names a directory for it.

    Raises:
        UsageError: a file of own operations cannot be loaded.

    Args:
        engine: where to take the engine from; None for the one that `import digipal` finds.
        on_findings: receives what the plan's profiler found, if the run got that far.
        counting: whether operations are counted in processes of their own, once the load is over or instead of it.
    """
    started_at = datetime.now(UTC)
    measurement = Measurement(plan)
    if pool is None:
        engine = engine or installed_engine()
        pool = LocalPool(engine.path)
    run = _Run(measurement, pool, engine)
    stop = stop or StopRequest()
    try:
        if counting is not Counting.ONLY:
            run.go(observer or SilentObserver(), stop, keep_database_in)
        if counting is not Counting.IF_ASKED or any(map(plan.scenario.asks_for, COUNTERS)):
            run.count(stop)
    except UsageError:
        raise
    except Exception as error:
        # an engine can remove or break whatever the tool relies on: that ends its own run, and no other
        run.ending = Ending(error=_internal(error), details=format_exc())
    if measurement.findings is not None:
        on_findings(measurement.findings)
    try:
        return _result(measurement, run, started_at, run.whole_ending)
    except Exception as error:
        unusable = Ending(error=f"what was measured makes no sense: {_internal(error)}", details=format_exc())
        return _result(Measurement(plan), run, started_at, unusable)


def _result(measurement: Measurement, run: _Run, started_at: datetime, ending: Ending) -> RunResult:
    """What was measured, judged."""
    rules = rules_of(measurement.plan.scenario)
    wanted = Wanted([(rule.phase, rule.threshold) for rule in rules])
    whole = assemble(measurement, wanted, run.identity(started_at))
    return judge(whole, rules, ending, [*run.notes, *notes_on(measurement)])


def _internal(error: Exception) -> str:
    """An exception of the tool's own, with where it was raised."""
    here = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(_HOME)]
    where = f" ({Path(here[-1].filename).relative_to(_HOME.parent)}, line {here[-1].lineno})" if here else ""
    return f"{type(error).__name__}: {describe_error(error)}{where}"


class _Run:
    """One run, from its scratch directory to what is left of it."""

    def __init__(self, measurement: Measurement, pool: WorkerPool[Any], engine: EngineSource | None) -> None:
        self._measurement = measurement
        self._pool = pool
        self._engine = engine
        self.ending = Ending()
        self.kept_database = ""
        self.notes: list[str] = []
        self._removed = ""

    def go(self, observer: Observer, stop: StopRequest, keep_database_in: Path | None) -> None:
        """Run; whatever happens, the processes are ended and the database's place is removed."""
        measurement = self._measurement
        with self._pool.make_database() as database:
            try:
                self._follow(database, observer, stop)
                _look_at_what_is_left(measurement, database, complete=self.ending == Ending())
            finally:
                self._removed = database.removed()
                if keep_database_in:
                    name = measurement.plan.title
                    self.kept_database, complaint = database.keep(keep_database_in, name)
                    self.notes += filter(None, [complaint])
                if measurement.left_running:
                    names = ", ".join(measurement.left_running)
                    self.notes.append(f"the engine left processes running, which were ended: {names}")

    def count(self, stop: StopRequest) -> None:
        """Count what operations cost, unless the run ended before its time."""
        measurement, target = self._measurement, self._measurement.plan.scenario.target
        if self.ending != Ending():
            return
        if why_not := target.lacks.get(Needs.ENGINE, ""):
            measurement.exact = not_countable(measurement.plan, why_not)
        else:
            measurement.exact, self.ending = count_exactly(
                measurement.plan, self._pool, lambda: stop.reason, measurement.take
            )

    def identity(self, started_at: datetime) -> Identity:
        """Which engine ran; a server that ran before is none of the engines at hand."""
        url = self._measurement.plan.scenario.target.running_at
        version = self._measurement.engine_version
        engine = None if url else self._engine
        return Identity(
            started_at=started_at.isoformat(timespec="seconds"),
            engine=engine.name if engine else f"the server at {url}" if url else "",
            commit=engine.commit_of(version) if engine else "",
            engine_modified=engine is not None and engine.is_modified(version),
            kept_database=self.kept_database,
        )

    @property
    def whole_ending(self) -> Ending:
        """How the run ended, and what the engine did to it."""
        ending = self.ending
        if not self._removed:
            return ending
        what_else = ending.error or ending.setup_error
        return replace(ending, error="; ".join(filter(None, [self._removed, what_else])), setup_error="")

    def _follow(self, database: Database, observer: Observer, stop: StopRequest) -> None:
        measurement, plan = self._measurement, self._measurement.plan
        engines: list[EngineHandle] = []
        try:
            for process in range(plan.scenario.pool.processes):
                # one by one: if one does not start, those before it are ended
                engines.append(self._pool.start(plan, database, process))  # noqa: PERF401
            supervision = _Supervision(plan, engines, measurement, database)
            self.ending = supervision.follow(observer, stop)
        finally:
            for engine in engines:
                engine.end()
                measurement.leave_behind(engine.leftovers(), engine.printed_bytes())


def _look_at_what_is_left(measurement: Measurement, database: Database, *, complete: bool) -> None:
    """What a restart finds: the writes, where the engine died before they were looked for, and every pet."""
    if measurement.began_ns is None:
        return
    if measurement.integrity is None:
        measurement.check_integrity(database, complete=complete)
    if complete and measurement.answered:
        measurement.check_integrity(database)
        measurement.add_fidelity(database.compare(measurement.answers, measurement.answered))


class _Supervision:
    """Follows engine processes from their start to their end, within limits of time."""

    def __init__(
        self, plan: ExecutionPlan, engines: Sequence[EngineHandle], measurement: Measurement, database: Database
    ) -> None:
        self._measurement = measurement
        self._database = database
        self._samples = measurement.samples
        self._monitor = Monitor(self._read, lambda: self._samples.ok + self._samples.failed)
        self._running = RunningTime()
        measurement.follow(self._monitor.readings, self._running.stops)
        self._limits = TimeLimits(plan)
        self._clients = [
            EngineClient(engine, self._limits, number, self._take, self._running)
            for number, engine in enumerate(engines)
        ]
        self._barrier = Barrier(self._clients, self._look)
        self._stopped_at_s: float | None = None
        self._ending_of_stop = Ending()
        self._stops_seen = 0
        self._next_update_s = 0.0
        self._abort = AbortCheck(measurement)
        self._progress = ProgressReporter(measurement)
        self._inbox = Inbox([engine.line for engine in engines])
        self._kills = Kills(self._clients, self._inbox, measurement, database)
        self._faults = FaultControl(engines, measurement)

    def follow(self, observer: Observer, stop: StopRequest) -> Ending:
        """Receive until the processes are done, one died, or time ran out."""
        self._monitor.start()
        try:
            while not self._finished:
                self._receive()
                if stop.reason and not self._ending_of_stop.interrupted:
                    self._stop(Ending(interrupted=stop.reason))
                self._kills.look(stopped=self._stopped_at_s is not None)
                if self._kills.end_load and self._stopped_at_s is None:
                    self._stop(Ending())
                self._faults.look(stopped=self._stopped_at_s is not None)
                self._check_thresholds_that_abort()
                self._check_time()
                self._show(observer)
        finally:
            self._faults.lift_all()
            self._monitor.stop()
        self._measurement.end_unless_ended(time.perf_counter_ns())
        ending = next((client.ending for client in self._clients if client.ending not in (None, Ending())), None)
        if ending is None or self._ending_of_stop.interrupted:
            ending = self._ending_of_stop
        left = self._kills.not_inflicted
        return Ending(disturbed=left) if left and ending == Ending() else ending

    @property
    def _finished(self) -> bool:
        """Whether all processes have ended well, or one has not."""
        endings = [client.ending for client in self._clients]
        return None not in endings or any(ending not in (None, Ending()) for ending in endings)

    def _read(self, *, whole: bool) -> Reading | None:
        return self._kills.read(whole=whole)

    def _receive(self) -> None:
        for client in self._clients:
            client.engine.bound_output()
        received = self._inbox.take(self._faults.next_in_s(self._kills.next_in_s(TICK_S)))
        if received is None:
            for process, client in enumerate(self._clients):
                if not self._inbox.holds_from(process):
                    client.receive_nothing()
            return
        process, message = received
        client = self._clients[process]
        client.receive(message)
        if client.waits_at and client.is_away:
            self._let_rejoin(process)
        elif client.waits_at:
            self._barrier.release()

    def _let_rejoin(self, process: int) -> None:
        """Let a process go on that replaces one that was killed: nobody waits for it."""
        client = self._clients[process]
        if client.waits_at == "rejoin":
            self._kills.rejoin(process)
            self._measurement.end_outage(self._monitor.look())
        client.go(0)
        if self._stopped_at_s is not None and not client.is_away:
            client.send(StopLoad())

    def _take(self, message: Message) -> None:
        match message:
            case Frame():
                self._measurement.add(message)
            case LivesIn(process):
                if self._measurement.began_ns is None:
                    self._monitor.forget()
                self._measurement.engine_lives_elsewhere(watched=process is not None)
            case Rejoined(process, at_ns):
                self._measurement.restarts.rejoined(process, at_ns)
            case _:
                self._measurement.take(message)

    def _look(self, checkpoint: str) -> None:
        """Look at the engine while it stands still at a checkpoint."""
        reading = self._monitor.look()
        if reading is not None:
            self._measurement.mark(checkpoint, reading)
        if checkpoint == "baseline":
            self._measurement.begin_account(self._database)
        if checkpoint == "account":
            # before the engine shuts down: what it stores only then was not stored when it said so
            self._measurement.check_integrity(self._database)

    def _stop(self, ending: Ending) -> None:
        self._stopped_at_s = self._running.elapsed_s()
        self._ending_of_stop = ending
        self._measurement.cut_short()
        for client in self._clients:
            if self._measurement.began_ns is None:
                client.end(ending)
            elif not client.is_away:
                client.send(StopLoad())

    def _check_thresholds_that_abort(self) -> None:
        if len(self._running.stops) > self._stops_seen:
            self._stops_seen = len(self._running.stops)
            # what arrived while the tool was stopped is read first
            self._abort.postpone()
        is_measuring = self._measurement.began_ns is not None and self._stage == "measuring"
        if not is_measuring or self._stopped_at_s is not None:
            return
        failed = self._abort.failed_threshold()
        if failed:
            self._stop(Ending(aborted_by=failed))

    def _check_time(self) -> None:
        if self._stopped_at_s is not None:
            interrupted = bool(self._ending_of_stop.interrupted)
            since_stop_s = self._running.elapsed_s() - self._stopped_at_s
            if self._limits.is_over_after_stop(since_stop_s, interrupted=interrupted):
                for client in self._clients:
                    client.end(self._ending_of_stop)
            return
        for process, client in enumerate(self._clients):
            # what has arrived is read before any engine is accused
            if client.is_overdue and not self._inbox.holds_from(process):
                client.give_up()

    def _show(self, observer: Observer) -> None:
        now_s = time.monotonic()
        if now_s < self._next_update_s:
            return
        self._next_update_s = now_s + UPDATE_INTERVAL_S
        self._progress.report(observer, self._stage, self._clients[0].stage_lasted_s)

    @property
    def _stage(self) -> str:
        """Where the run is: its load goes on while a process is replaced."""
        return "measuring" if self._clients[0].is_away else self._clients[0].stage
