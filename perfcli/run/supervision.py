"""Run one scenario: the library call behind `digipal-perf run`, pytest and CI."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

from perfcli.errors import UsageError
from perfcli.measurement.assembly import assemble
from perfcli.measurement.measured import Measurement
from perfcli.measurement.observations import Observations
from perfcli.measurement.verdict import Ending, judge_threshold
from perfcli.monitor import Monitor, Probe, ProcessProbe
from perfcli.observer import Observer, Progress, SilentObserver
from perfcli.plan import ExecutionPlan
from perfcli.pool.leftovers import scratch_directory
from perfcli.pool.processes import ProcessPool
from perfcli.pool.protocol import EngineHandle, WorkerPool
from perfcli.results import RunResult
from perfcli.run.conversation import Conversation
from perfcli.units import format_duration

TICK_S: Final = 0.1
UPDATE_INTERVAL_S: Final = 0.25
ABORT_CHECK_INTERVAL_S: Final = 1.0
STOP_GRACE_S: Final = 5.0
LOAD_GRACE_S: Final = 30.0

_LIMITS_S: Final = {"set-up": 900.0}
_LIMIT_S: Final = 60.0
_BEFORE_MEASURING: Final = ("starting", "open", "set-up", "warm-up")

MakeProbe = Callable[[int, Path, Callable[[], int]], Probe]


@dataclass(slots=True)
class StopRequest:
    """Asks a run to stop; may be set from a signal handler."""

    reason: str = ""


def run_scenario(
    plan: ExecutionPlan,
    *,
    pool: WorkerPool | None = None,
    observer: Observer | None = None,
    stop: StopRequest | None = None,
    keep_database_in: Path | None = None,
    make_probe: MakeProbe = ProcessProbe,
) -> RunResult:
    """Run a plan in a fresh engine process on a fresh database, and say what happened.

    Whatever goes wrong with the engine is in the result, with what is known until then; nothing of the run is left
    behind, but the database where `keep_database_in` names a directory for it.
    """
    started_at = datetime.now(UTC)
    measurement = Measurement(plan)
    with scratch_directory() as directory:
        database = directory / "digipal.db"
        engine = (pool or ProcessPool()).start(plan, directory, database)
        try:
            ending = _Supervision(plan, engine, measurement, database, make_probe).follow(
                observer or SilentObserver(), stop or StopRequest()
            )
        finally:
            engine.kill()
        if measurement.integrity is None and measurement.began_ns is not None:
            measurement.integrity = measurement.ledger.verify(database)
        kept = _keep(database, keep_database_in, plan.scenario.name) if keep_database_in else ""
    return assemble(measurement, ending, started_at).model_copy(update={"kept_database": kept})


class _Supervision:
    """Follows an engine process from its start to its end, within limits of time."""

    def __init__(
        self, plan: ExecutionPlan, engine: EngineHandle, measurement: Measurement, database: Path, make_probe: MakeProbe
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._measurement = measurement
        self._samples = measurement.samples
        self._monitor = Monitor(make_probe(engine.pid, database, lambda: self._samples.ok + self._samples.failed))
        measurement.readings = self._monitor.readings
        self._conversation = Conversation(engine, measurement, self._monitor, database)
        self._stopped_at_s: float | None = None
        self._ending_of_stop = Ending()
        self._next_update_s = self._next_abort_check_s = 0.0

    def follow(self, observer: Observer, stop: StopRequest) -> Ending:
        """Listen until the process has said all, died, or run out of time."""
        conversation = self._conversation
        self._monitor.start()
        try:
            while not conversation.finished:
                if wait([self._engine.connection], TICK_S):
                    conversation.hear()
                if stop.reason and self._stopped_at_s is None:
                    self._stop(Ending(interrupted=stop.reason))
                self._check_thresholds_that_abort()
                self._check_time()
                self._show(observer)
        finally:
            self._monitor.stop()
        if conversation.ending.error and self._measurement.ended_ns is None:
            self._measurement.ended_ns = time.perf_counter_ns()
        return self._ending_of_stop if conversation.ending == Ending() else conversation.ending

    def _stop(self, ending: Ending) -> None:
        self._stopped_at_s = time.monotonic()
        self._ending_of_stop = ending
        if self._conversation.phase in _BEFORE_MEASURING:
            self._conversation.finish(ending)
        else:
            self._conversation.ask_to_stop()

    def _check_thresholds_that_abort(self) -> None:
        rules = [rule for rule in self._plan.scenario.thresholds if rule.abort_on_fail]
        if not rules or self._conversation.phase != "measuring" or self._stopped_at_s is not None:
            return
        if time.monotonic() < self._next_abort_check_s:
            return
        self._next_abort_check_s = time.monotonic() + ABORT_CHECK_INTERVAL_S
        observations = Observations(self._measurement)
        for result in (judge_threshold(rule, observations) for rule in rules):
            if not result.passed and result.observed is not None:
                self._stop(Ending(aborted_by=result.expr))
                return

    def _check_time(self) -> None:
        conversation = self._conversation
        phase, lasted_s = conversation.phase, conversation.phase_lasted_s
        load = self._plan.scenario.load
        if self._stopped_at_s is not None and phase == "measuring":
            late = time.monotonic() - self._stopped_at_s > STOP_GRACE_S
        elif phase == "measuring":
            late = lasted_s > load.longest_ns / 1e9 + LOAD_GRACE_S
        elif phase == "warm-up":
            late = lasted_s > load.warmup_ns / 1e9 + LOAD_GRACE_S
        else:
            late = lasted_s > _LIMITS_S.get(phase, _LIMIT_S)
        if late and not conversation.finished:
            self._measurement.ended_ns = self._measurement.ended_ns or time.perf_counter_ns()
            conversation.finish(self._overdue(phase, lasted_s))

    def _overdue(self, phase: str, lasted_s: float) -> Ending:
        if self._ending_of_stop.interrupted:
            return self._ending_of_stop
        lasted = format_duration(lasted_s * 1e9)
        return Ending(error=f"the engine did not get through {phase!r} within {lasted}: it hangs, and was ended")

    def _show(self, observer: Observer) -> None:
        now_s = time.monotonic()
        if now_s < self._next_update_s:
            return
        self._next_update_s = now_s + UPDATE_INTERVAL_S
        elapsed_s = self._conversation.phase_lasted_s
        measuring = self._conversation.phase == "measuring"
        readings = self._measurement.readings
        observer.update(
            Progress(
                scenario=self._plan.scenario.name,
                phase=self._conversation.phase,
                elapsed_ns=round(elapsed_s * 1e9),
                share_done=self._share_done(elapsed_s) if measuring else None,
                ok=self._samples.ok,
                failed=self._samples.failed,
                rate_per_s=self._samples.ok / elapsed_s if measuring and elapsed_s > 0 else 0.0,
                rss_bytes=readings[-1].rss if readings else 0,
            )
        )

    def _share_done(self, elapsed_s: float) -> float:
        return self._plan.scenario.load.share_done(self._measurement.iterations, round(elapsed_s * 1e9))


def _keep(database: Path, directory: Path, name: str) -> str:
    """Move the database, with what SQLite keeps beside it, into a directory; an older one there is not overwritten."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        kept = directory / f"{name}.db"
        number = 1
        while kept.exists():
            number += 1
            kept = directory / f"{name}-{number}.db"
        for suffix in ("", "-wal", "-shm"):
            file = database.with_name(database.name + suffix)
            if file.exists():
                shutil.move(file, kept.with_name(kept.name + suffix))
    except OSError as error:
        raise UsageError(f"--keep-db {directory}: cannot keep the database there: {error.strerror}") from error
    return str(kept)
