"""Run one scenario: the library call behind `digipal-perf run`, pytest and CI."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from perfcli.measurement.assembly import assemble
from perfcli.measurement.measured import Measurement
from perfcli.measurement.observations import Observations
from perfcli.measurement.verdict import Ending, describe_failure, judge_threshold
from perfcli.monitor import Probe, ProcessProbe
from perfcli.observer import Observer, Progress, SilentObserver
from perfcli.plan import ExecutionPlan
from perfcli.pool.leftovers import scratch_directory
from perfcli.pool.processes import ProcessPool
from perfcli.pool.protocol import EngineHandle, WorkerPool
from perfcli.results import RunResult
from perfcli.run.conversation import Conversation
from perfcli.run.inbox import Inbox
from perfcli.run.keeping import keep_database
from perfcli.run.patience import Patience
from perfcli.units import format_duration

TICK_S: Final = 0.1
UPDATE_INTERVAL_S: Final = 0.25
ABORT_CHECK_INTERVAL_S: Final = 1.0

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
            measurement.check_integrity(database)
        kept, complaint = (
            keep_database(database, keep_database_in, plan.scenario.name) if keep_database_in else ("", "")
        )
    notes = [note for note in (complaint, engine.leftovers()) if note]
    return assemble(measurement, ending, started_at, notes).model_copy(update={"kept_database": kept})


class _Supervision:
    """Follows an engine process from its start to its end, within limits of time."""

    def __init__(
        self, plan: ExecutionPlan, engine: EngineHandle, measurement: Measurement, database: Path, make_probe: MakeProbe
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._measurement = measurement
        self._samples = measurement.samples
        self._conversation = Conversation(engine, measurement, partial(self._probe, make_probe, database), database)
        self._monitor = self._conversation.monitor
        self._stopped_at_s: float | None = None
        self._ending_of_stop = Ending()
        self._next_update_s = 0.0
        self._next_abort_check_s = ABORT_CHECK_INTERVAL_S
        self._patience = Patience(plan)
        self._inbox = Inbox(engine.connection)
        self._heard_at_s = time.monotonic()
        self._quiet_ticks_since_exit = 0

    def follow(self, observer: Observer, stop: StopRequest) -> Ending:
        """Listen until the process has said all, died, or run out of time."""
        conversation = self._conversation
        self._monitor.start()
        try:
            while not conversation.finished:
                self._listen()
                if stop.reason and not self._ending_of_stop.interrupted:
                    self._stop(Ending(interrupted=stop.reason))
                self._check_thresholds_that_abort()
                self._check_time()
                self._show(observer)
        finally:
            self._monitor.stop()
        if self._measurement.began_ns is not None and self._measurement.ended_ns is None:
            self._measurement.ended_ns = time.perf_counter_ns()
        if conversation.ending == Ending() or self._ending_of_stop.interrupted:
            return self._ending_of_stop
        return conversation.ending

    def _probe(self, make_probe: MakeProbe, database: Path, pid: int) -> Probe:
        return make_probe(pid, database, lambda: self._samples.ok + self._samples.failed)

    def _listen(self) -> None:
        try:
            message = self._inbox.take(TICK_S)
        except EOFError:
            self._conversation.engine_is_gone()
            return
        if message is not None:
            self._conversation.hear(message)
            self._heard_at_s = time.monotonic()
            self._quiet_ticks_since_exit = 0
        elif self._engine.wait(0) is not None:
            # a child that the engine left behind can hold the connection open: its silence is no sign of life
            self._quiet_ticks_since_exit += 1
            if self._quiet_ticks_since_exit > 1:
                self._conversation.engine_is_gone()

    def _stop(self, ending: Ending) -> None:
        self._stopped_at_s = time.monotonic()
        self._ending_of_stop = ending
        self._measurement.cut_short = True
        if self._conversation.phase in _BEFORE_MEASURING:
            self._conversation.finish(ending)
        else:
            self._conversation.ask_to_stop()

    def _check_thresholds_that_abort(self) -> None:
        rules = [rule for rule in self._plan.scenario.thresholds if rule.abort_on_fail]
        conversation = self._conversation
        if not rules or conversation.phase != "measuring" or self._stopped_at_s is not None:
            return
        elapsed_s = conversation.phase_lasted_s
        if elapsed_s < self._next_abort_check_s:
            return
        began_s = time.monotonic()
        observations = Observations(self._measurement, elapsed_ns=round(elapsed_s * 1e9))
        for result in (judge_threshold(rule, observations) for rule in rules):
            if not result.passed and result.observed is not None:
                self._stop(Ending(aborted_by=describe_failure(result)))
                return
        # statistics of all samples take the longer, the more there are: never more than a tenth of the time
        self._next_abort_check_s = elapsed_s + max(ABORT_CHECK_INTERVAL_S, 10 * (time.monotonic() - began_s))

    def _check_time(self) -> None:
        conversation, now_s = self._conversation, time.monotonic()
        if conversation.finished:
            return
        if self._stopped_at_s is not None:
            interrupted = bool(self._ending_of_stop.interrupted)
            if self._patience.is_over_after_stop(now_s - self._stopped_at_s, interrupted=interrupted):
                conversation.finish(self._ending_of_stop)
        elif self._patience.is_over(conversation.phase, conversation.phase_lasted_s, now_s - self._heard_at_s):
            lasted = format_duration((now_s - self._heard_at_s) * 1e9)
            conversation.finish(
                Ending(error=f"the engine hangs: nothing was heard of it for {lasted} while {conversation.doing}")
            )

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
