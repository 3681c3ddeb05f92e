"""Follows the engine processes of a run from their start to their end, within limits of time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from perfcli.clock import RunningTime
from perfcli.judgement import Ending
from perfcli.measurement.measurement import Measurement
from perfcli.monitor import Monitor
from perfcli.observer import Observer
from perfcli.plan import ExecutionPlan
from perfcli.pool.protocol import Database, EngineHandle
from perfcli.recorder import Frame
from perfcli.run.barrier import Barrier
from perfcli.run.engine_client import EngineClient
from perfcli.run.fault_control import FaultControl
from perfcli.run.kills import Kills
from perfcli.run.load_end import AbortCheck, RecoveryWatch
from perfcli.run.messages import Inbox
from perfcli.run.progress import ProgressReporter
from perfcli.run.time_limits import TimeLimits
from perfcli.wire import EndPhase, FaultBegan, FaultEnded, LivesIn, Message, NoFault, Rejoined, Serving, StopLoad

TICK_S: Final = 0.1
UPDATE_INTERVAL_S: Final = 0.25


@dataclass(slots=True)
class StopRequest:
    """Asks a run to stop; may be set from a signal handler."""

    reason: str = ""


class Supervision:
    """Follows engine processes from their start to their end, within limits of time."""

    def __init__(
        self, plan: ExecutionPlan, engines: Sequence[EngineHandle], measurement: Measurement, database: Database
    ) -> None:
        self._measurement = measurement
        self._database = database
        self._running = RunningTime()
        self._limits = TimeLimits(plan)
        self._clients = [
            EngineClient(engine, self._limits, number, self._take, self._running)
            for number, engine in enumerate(engines)
        ]
        self._barrier = Barrier(self._clients, self._look, plan.host)
        self._stopped_at_s: float | None = None
        self._ending_of_stop = Ending()
        self._stops_seen = 0
        self._next_update_s = 0.0
        self._abort = AbortCheck(measurement)
        self._progress = ProgressReporter(measurement)
        self._inbox = Inbox([engine.line for engine in engines])
        self._kills = Kills(self._clients, self._inbox, measurement, database)
        self._monitor = Monitor(self._kills.read, lambda: measurement.samples.ok + measurement.samples.failed)
        measurement.follow(self._monitor.readings, self._running.stops)
        self._faults = FaultControl(self._clients, self._kills, measurement)
        self._recoveries = RecoveryWatch(measurement, lambda: self._clients[0].engine.clock.now_ns())

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
                self._end_recovered_phases()
                self._check_thresholds_that_abort()
                self._check_time()
                self._show(observer)
        finally:
            self._faults.lift_all()
            self._monitor.stop()
        self._measurement.end_unless_ended(time.perf_counter_ns())
        self._measurement.start_late_ns = {
            process: client.start_late_ns
            for process, client in enumerate(self._clients)
            if client.start_late_ns is not None
        }
        self._see_whether_engine_is_lost()
        by_blame = sorted(self._clients, key=lambda client: not client.has_engine)
        endings = [client.ending for client in by_blame if client.ending not in (None, Ending())]
        # an engine that is gone outweighs what its absence did to others
        ending = next((each for each in endings if each and each.error), next(iter(endings), None))
        if ending is None or self._ending_of_stop.interrupted:
            ending = self._ending_of_stop
        return ending

    @property
    def _finished(self) -> bool:
        """Whether all processes have ended well, or one has not."""
        endings = [client.ending for client in self._clients]
        return None not in endings or any(ending not in (None, Ending()) for ending in endings)

    def _see_whether_engine_is_lost(self) -> None:
        """Ask after the machine of the engine if a process fails that loads it: it may notice the loss first."""
        plan = self._measurement.plan
        host = None if plan.host is None else self._clients[plan.host]
        if (
            host is not None
            and host.ending is None
            and any(each.ending and each.ending.error for each in self._clients)
        ):
            host.see_whether_lost()

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
        elif client.waits_at or client.ending is not None:
            self._barrier.release()

    def _let_rejoin(self, process: int) -> None:
        """Let a process go on that replaces a killed one; no other process waits for it."""
        client = self._clients[process]
        if client.waits_at == "rejoin":
            self._kills.rejoin(process)
            self._measurement.end_outage(self._monitor.look())
        client.go(0)
        if client.is_away:
            return
        for phase in self._recoveries.ended:
            client.send(EndPhase(phase))
        if self._stopped_at_s is not None:
            client.send(StopLoad())
        # the load of all others may be over by now
        self._barrier.release()

    def _take(self, message: Message) -> None:
        match message:
            case Frame():
                self._measurement.add(message)
            case LivesIn(process):
                if self._measurement.began_ns is None:
                    self._monitor.forget()
                self._measurement.engine_lives_elsewhere(watched=process is not None)
            case Serving():
                for client in self._clients:
                    if not client.has_engine:
                        client.send(message)
            case Rejoined(process, at_ns):
                self._measurement.restarts.rejoined(process, at_ns)
            case FaultBegan() | FaultEnded() | NoFault():
                self._faults.take(message)
            case _:
                self._measurement.take(message)

    def _look(self, checkpoint: str) -> None:
        """Look at the engine while it stands still at a checkpoint."""
        reading = self._monitor.look()
        if reading is not None:
            self._measurement.mark(checkpoint, reading)
        if checkpoint in ("baseline", "end"):
            self._look_at_load(checkpoint)
        if checkpoint == "baseline":
            self._measurement.begin_account(self._database)
        if checkpoint == "account":
            # before the engine shuts down: what it stores only then was not stored when it said so
            self._measurement.check_integrity(self._database)

    def _look_at_load(self, checkpoint: str) -> None:
        """Look at the processes that load the engine of another one."""
        for process, client in enumerate(self._clients):
            if client.has_vus and not self._measurement.plan.scenario.target.in_process:
                self._measurement.generators_cpu_ns.setdefault(process, {})[checkpoint] = client.cpu_ns
            if self._measurement.plan.host in (None, process):
                continue
            reading = client.readings(whole=True)
            if reading is not None and reading.scheduling is not None:
                self._measurement.loads.setdefault(process, {})[checkpoint] = reading.scheduling

    def _stop(self, ending: Ending) -> None:
        self._stopped_at_s = self._running.elapsed_s()
        self._ending_of_stop = ending
        by = ending.aborted_by
        self._measurement.cut_short((by.phase, time.perf_counter_ns()) if by else None)
        for client in self._clients:
            if self._measurement.began_ns is None:
                client.end(ending)
            elif not client.is_away:
                client.send(StopLoad())

    def _end_recovered_phases(self) -> None:
        for phase in self._recoveries.phases_to_end():
            for client in self._clients:
                if not client.is_away:
                    client.send(EndPhase(phase))

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
