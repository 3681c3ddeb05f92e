"""The tool's end of the line to one engine process, for `run` and `ab`: what it does, and how it ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from perfcli.clock import RunningTime
from perfcli.errors import UsageError
from perfcli.judgement import Ending
from perfcli.line import LINE_LOST, Received, next_message
from perfcli.measurement.restarts import Death
from perfcli.monitor import Reading
from perfcli.pool.protocol import EngineHandle
from perfcli.run.messages import MessageOrder, WaveSoFar
from perfcli.run.time_limits import TimeLimits
from perfcli.units import format_duration
from perfcli.wire import (
    OWN_OPERATIONS,
    BeginFault,
    Checkpoint,
    ClockRead,
    Done,
    EndPhase,
    Failed,
    FaultOrder,
    Garbled,
    Go,
    LivesIn,
    Message,
    NoMoreSlices,
    ReadClock,
    Rejoin,
    Serving,
    Slice,
    Stage,
    StopLoad,
    Wave,
)

_TO_LEAVE_S: Final = 2.0
_CLOCK_READINGS: Final = 3
_DOING: Final = {
    "open": "opening",
    OWN_OPERATIONS: "importing the scenario's own operations",
    "set-up": "setting up",
    "warm-up": "warming up",
    "counting": "counting what operations cost",
    "clean-up": "cleaning up",
    "close": "closing",
}
_WHO_WRITES_GARBAGE: Final = (
    "The line is a socket that is open in the engine's process. An engine must not write to file descriptors that it "
    "did not open, nor close them; a process that it forks must neither return to the harness nor write there."
)


class EngineClient:
    """Follows one engine process by its messages.

    Args:
        limits: of the plan that the process works on.
        process: its number among those of the run.
        take: receives each message that says something about the engine, once its order is checked.
        running: time in which the tool runs; limits count no other.
    """

    def __init__(
        self,
        engine: EngineHandle,
        limits: TimeLimits,
        process: int,
        take: Callable[[Message], None],
        running: RunningTime,
    ) -> None:
        self.engine = engine
        self._limits = limits
        self._process = process
        self._take = take
        self._running = running
        self._so_far = WaveSoFar()
        self.killed_ns: int | None = None
        """When it was killed; None once its next incarnation has joined in."""
        self.start_late_ns: int | None = None
        """How long after the common start its vus began, at most; None if they did not, or began alone."""
        self._goes_at_ns = 0
        self._begin()

    def _begin(self) -> None:
        """Nothing was heard yet."""
        self._order = MessageOrder(self._limits.plan, self.engine.incarnation)
        self._killed_by: signal.Signals | None = None
        self._quiet_ticks_since_exit = 0
        self._stage_began_s = self._heard_at_s = self._running.elapsed_s()
        self._clock_readings: list[tuple[int, int, int]] = []
        self._asked_clock_ns = 0
        self._reached = ""
        self.cpu_ns = 0
        """CPU time of its process, as it reached its newest checkpoint."""
        self.stage = "starting"
        self.waits_at = ""
        """The checkpoint that it waits at; "" while it works."""
        self.is_down = False
        """Whether it was killed as planned, and is dead."""
        self._halts = 0
        self.ending: Ending | None = None
        """How it ended; None while it is alive and in order, or to be replaced."""

    @property
    def stage_lasted_s(self) -> float:
        """Time since the stage began, or since the checkpoint in it."""
        return self._running.elapsed_s() - self._stage_began_s

    @property
    def is_overdue(self) -> bool:
        """Whether it takes too long, or has been silent for too long; one that waits for others never does."""
        if self.ending is not None or self.waits_at or self.is_down:
            return False
        silent_s = self._running.elapsed_s() - self._heard_at_s
        return self._limits.is_over(
            self.stage, self._process, max(0, self._so_far.number), lasted_s=self.stage_lasted_s, silent_s=silent_s
        )

    @property
    def has_engine(self) -> bool:
        """Whether it has the engine; not if it loads the one that another process of the run serves."""
        host = self._limits.plan.host
        return self._limits.plan.scenario.target.watchable if host is None else host == self._process

    @property
    def has_vus(self) -> bool:
        """Whether it loads the engine; not if it serves that to the others."""
        return self._limits.plan.host != self._process

    @property
    def is_measuring(self) -> bool:
        """Whether its vus are at work, and their samples count."""
        is_alive = self.ending is None and self.killed_ns is None
        return is_alive and self.stage == "measuring" and not (self.waits_at or self._so_far.load_over)

    @property
    def is_away(self) -> bool:
        """Whether it was killed as planned, and its next incarnation has not joined in yet."""
        return self.killed_ns is not None

    @property
    def lives_after_kill(self) -> bool:
        """Whether it was killed, and is not dead."""
        return self._killed_by is not None and not self.is_down

    def end_by_signal(self, number: signal.Signals, now_ns: int) -> None:
        """Kill the engine process: when it is dead, it is to be replaced."""
        self.killed_ns, self._killed_by = now_ns, number
        self.engine.end_by_signal(number)

    def halt(self) -> None:
        """Have it stand still; several may."""
        self._halts += 1
        self.engine.halt()

    def resume(self) -> None:
        """Let it go on, unless another fault still halts it."""
        self._halts -= 1
        if not self._halts:
            self.engine.resume()

    def death(self) -> Death:
        """How it was killed."""
        assert self.killed_ns is not None
        return Death(
            process=self._process,
            incarnation=self.engine.incarnation,
            killed_ns=self.killed_ns,
            begun=[
                begun._replace(newest_ns=begun.newest_ns - self.engine.clock.offset_ns)
                for begun in self.engine.begun_calls()
            ],
            over=list(self._so_far.over),
            load_over=self._so_far.load_over,
        )

    def replace(self) -> None:
        """End the engine process, and follow the next incarnation from its start."""
        if self.killed_ns is None:
            self.killed_ns = self.engine.clock.now_ns()
        self.engine.replace()
        self._begin()

    def receive(self, message: Received) -> None:
        """Take in what the line brought: a message, something else, or its end (None)."""
        if self.ending is not None or self.is_down:
            return None
        self._heard_at_s = self._running.elapsed_s()
        self._quiet_ticks_since_exit = 0
        if message is None:
            return self._report_end()
        try:
            if isinstance(message, Garbled):
                raise message
            self._order.check(message)
        except Garbled as error:
            if self.lives_after_kill:
                return self._report_end()  # killed as it wrote
            garbage = f"the engine process wrote garbage on the harness's line to the tool while {self._doing}: {error}"
            return self.end(Ending(error=garbage, details=_WHO_WRITES_GARBAGE))
        return self._receive(message)

    def listen(self, timeout_s: float) -> None:
        """Receive the next message in this thread, if one comes in time; give up on a process that is overdue."""
        try:
            something_came = self.engine.line.poll(timeout_s)
        except OSError:
            return self.receive(None)
        if something_came:
            return self.receive(next_message(self.engine.line))
        self.receive_nothing()
        return self.give_up() if self.is_overdue else None

    def receive_nothing(self) -> None:
        """A tick has passed in which the line brought nothing."""
        if self.ending is None and not self.is_down and self.engine.wait(0) is not None:
            # a child that the engine left behind can hold the line open: its silence is no sign of life
            self._quiet_ticks_since_exit += 1
            if self._quiet_ticks_since_exit > 1:
                self._report_end()

    def go(self, at_ns: int) -> None:
        """Let it go on from its checkpoint, at a time of the tool's clock; 0 for at once."""
        rejoins, self.waits_at = self.waits_at == "rejoin", ""
        self._stage_began_s = self._running.elapsed_s()
        if rejoins and self.has_vus:
            return self._rejoin()
        if rejoins:
            self.killed_ns = None
        self._goes_at_ns = at_ns
        return self.send(Go(self.engine.clock.there(at_ns) if at_ns else 0))

    def _rejoin(self) -> None:
        """Let it go on where the process was that it replaces."""
        assert self.killed_ns is not None
        rejoin = self._so_far.of_next(self._limits.plan, self.killed_ns)
        self._so_far.load_over = self.killed_ns = None
        there = self.engine.clock.there
        self.send(replace(rejoin, began_ns=there(rejoin.began_ns), killed_ns=there(rejoin.killed_ns)))

    def readings(self, *, whole: bool) -> Reading | None:
        """What the engine process holds and uses now, by the tool's clock; None if it is gone or out of sight."""
        return self.engine.clock.reading_here(self.engine.readings(whole=whole))

    def send(
        self, message: Serving | Go | Rejoin | ReadClock | Slice | NoMoreSlices | FaultOrder | EndPhase | StopLoad
    ) -> None:
        """Send a message; an engine process that is gone ends the talk."""
        self._heard_at_s = self._running.elapsed_s()
        if isinstance(message, BeginFault):
            self._order.ordered_faults.add(message.number)
        try:
            self.engine.line.send(message)
        except OSError:
            self._report_end()

    def end(self, ending: Ending) -> None:
        """Take in no more."""
        self.ending = self.ending or ending

    def give_up(self) -> None:
        """End the talk with a process that is overdue."""
        silent_s = self._running.elapsed_s() - self._heard_at_s
        silence = f"nothing was heard of it for {format_duration(silent_s * 1e9)} while {self._doing}"
        if self.engine.is_stopped():
            stopped = f"the engine was stopped from outside (SIGSTOP, Ctrl-Z or a debugger): {silence}"
            self.end(Ending(disturbed=stopped))
        self.end(Ending(error=f"the engine hangs: {silence}"))

    def see_whether_lost(self) -> None:
        """End if its machine is lost. Waits for an answer from there, or until the machine counts as lost."""
        self.readings(whole=True)
        if self.engine.lost:
            self._report_end()

    def _receive(self, message: Message) -> None:
        match message:
            case Stage(name):
                self.stage = name
                self._stage_began_s = self._running.elapsed_s()
            case Checkpoint(name, cpu_ns):
                self.cpu_ns = cpu_ns
                self.engine.note_children()
                self._reached = name
                self._compare_clocks()
            case ClockRead(read_ns):
                self._clock_readings.append((self._asked_clock_ns, read_ns, time.perf_counter_ns()))
                self._compare_clocks()
            case Failed() if self.lives_after_kill:
                pass  # it is about to end by the signal
            case Failed():
                self.end(self._failure(message))
            case Done():
                # it leaves at once: what runs after that was left by the engine
                self.engine.wait(_TO_LEAVE_S)
                self.end(Ending())
            case LivesIn(process):
                self.engine.lives_in(process)
                self._take(message)
            case _:
                here = self.engine.clock.here(message)
                self._so_far = self._so_far.with_message(here)
                if isinstance(here, Wave) and self._goes_at_ns:
                    self.start_late_ns = max(self.start_late_ns or 0, here.at_ns - self._goes_at_ns)
                self._take(here)

    def _compare_clocks(self) -> None:
        """Read the engine process's clock while it stands still at a checkpoint, unless it is the tool's own."""
        self.engine.clock.look_soon()
        if self.engine.clock.needs_messages and len(self._clock_readings) < _CLOCK_READINGS:
            self._asked_clock_ns = time.perf_counter_ns()
            return self.send(ReadClock())
        if self._clock_readings:
            self.engine.clock.compare(self._clock_readings)
            self._clock_readings = []
        self.waits_at = self._reached
        return None

    def _failure(self, failed: Failed) -> Ending:
        if failed.stage == OWN_OPERATIONS:
            raise UsageError(failed.message, hint=failed.traceback)
        # without a traceback the engine is a process that may have printed something
        details = failed.traceback or self.engine.output()
        if failed.stage in ("open", "set-up") and not self.engine.incarnation:
            return Ending(setup_error=f"the engine's {failed.stage} failed: {failed.message}", details=details)
        after = ", after it was killed" if self.is_away else ""
        return Ending(error=f"the engine failed at {failed.stage}{after}: {failed.message}", details=details)

    def _report_end(self) -> None:
        """The process has died, or closed its end of the line; or its machine is lost, and with it the answer."""
        if lost := self.engine.lost:
            is_engine_lost = Ending(error=f"{lost}, while the engine there was {self._doing}")
            self.end(
                is_engine_lost if self.has_engine else Ending(disturbed=f"{lost}: the load was not the planned one")
            )
            return
        code = self.engine.wait(_TO_LEAVE_S)
        if self._is_planned(code):
            self.killed_ns = self.killed_ns or self.engine.clock.now_ns()
            self.is_down = True
            return
        is_silent = code is None or code == LINE_LOST
        how = "closed the harness's line to the tool, which it did not open," if is_silent else _ended(code or 0)
        unsent = "; samples of its last 250 ms may be missing" if self.stage == "measuring" else ""
        obituary = f"the engine process {how} while {self._doing}{unsent}"
        self.end(Ending(error=obituary, details=self.engine.output()))

    def _is_planned(self, code: int | None) -> bool:
        """Whether it is dead by a kill of the plan."""
        if self._killed_by is not None:
            # one that catches a signal leaves as it likes
            return code == -self._killed_by or self._killed_by != signal.SIGKILL
        crash = self._limits.plan.crash
        kills_itself = crash is not None and crash.at_write > 0 and not self.engine.incarnation
        return kills_itself and self.is_measuring and code == -signal.SIGKILL

    @property
    def _doing(self) -> str:
        return _DOING.get(self.stage, self.stage)


def _ended(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    number = -code
    known = number in signal.valid_signals() and not signal.SIGRTMIN <= number <= signal.SIGRTMAX
    return f"was killed by {signal.Signals(number).name if known else f'signal {number}'}"
