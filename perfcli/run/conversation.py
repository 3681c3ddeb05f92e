"""The tool's side of the talk with an engine process: what each message means for the measurement."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, Final

from perfcli import wire
from perfcli.judgement import Ending
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.samples import FailureKind
from perfcli.pool.protocol import EngineHandle
from perfcli.recorder import Frame
from perfcli.run.event_order import EventOrder
from perfcli.running_time import RunningTime, Stop
from perfcli.units import format_duration

_TO_LEAVE_S: Final = 2.0
GARBAGE: Final = "the engine process wrote garbage on the harness's line to the tool"
WHO_WRITES_GARBAGE: Final = (
    "The line is a socket that is open in the engine's process. An engine must not write to file descriptors that it "
    "did not open, nor close them; a process that it forks must neither return to the harness nor write there."
)


class Conversation:
    """Listens to one engine process, and keeps the measurement up to date.

    Args:
        arrive: told the name of the checkpoint that the engine waits at.
        live_elsewhere: told the process an engine lives in, where that is not the one listened to.
        running: the time in which the tool runs; limits count no other.
    """

    def __init__(
        self,
        engine: EngineHandle,
        measurement: Measurement,
        arrive: Callable[[str], None],
        live_elsewhere: Callable[[int | None], None],
        running: RunningTime,
    ) -> None:
        self.engine = engine
        self._measurement = measurement
        self._arrive = arrive
        self._live_elsewhere = live_elsewhere
        self._running = running
        self.phase = "starting"
        self.wave = 0
        self.phase_began_s = self.heard_at_s = running.elapsed_s()
        self.waits_at = ""
        self.finished = False
        self.ending = Ending()
        self._quiet_ticks_since_exit = 0
        self._order = EventOrder(measurement.plan)

    def hear(self, message: wire.Event | Frame | wire.Garbled) -> None:
        """Take in a message, or what came in place of one."""
        self.heard_at_s = self._running.elapsed_s()
        self._quiet_ticks_since_exit = 0
        try:
            if isinstance(message, wire.Garbled):
                raise message
            self._order.check(message)
        except wire.Garbled as error:
            self.finish(Ending(error=f"{GARBAGE} while {self.doing}: {error}", details=WHO_WRITES_GARBAGE))
            return
        if isinstance(message, Frame):
            self._measurement.add(message)
        else:
            getattr(self, f"_on_{message.name}")(**message.fields)

    def hear_nothing(self) -> None:
        """A tick has passed in which no engine said anything."""
        if not self.finished and self.engine.wait(0) is not None:
            # a child that the engine left behind can hold the connection open: its silence is no sign of life
            self._quiet_ticks_since_exit += 1
            if self._quiet_ticks_since_exit > 1:
                self.engine_is_gone()

    def go(self, at_ns: int) -> None:
        """Let the engine go on from its checkpoint."""
        self.waits_at = ""
        self.phase_began_s = self.heard_at_s = self._running.elapsed_s()
        try:
            self.engine.line.send_event("go", at_ns=at_ns)
        except OSError:
            self.engine_is_gone()

    def engine_is_gone(self) -> None:
        """The process has died, or closed its end of the line."""
        error, last_words = self._obituary()
        self.finish(Ending(error=error, details=last_words))

    def ask_to_stop(self) -> None:
        """Have the vus begin nothing new."""
        try:
            self.engine.line.send_event("stop")
        except OSError:
            self.engine_is_gone()

    def finish(self, ending: Ending) -> None:
        """Listen no more."""
        self.finished = True
        self.ending = ending

    def give_up(self) -> None:
        """It has been silent for too long, or takes too long for what it does."""
        silence = f"nothing was heard of it for {format_duration(self.silent_s * 1e9)} while {self.doing}"
        if self.engine.is_stopped():
            stopped = f"the engine was stopped from outside (SIGSTOP, Ctrl-Z or a debugger): {silence}"
            return self.finish(Ending(disturbed=stopped))
        return self.finish(Ending(error=f"the engine hangs: {silence}"))

    @property
    def doing(self) -> str:
        """What the engine does in this phase, for a sentence."""
        return _DOING.get(self.phase, self.phase)

    @property
    def phase_lasted_s(self) -> float:
        """Time since the phase began."""
        return self._running.elapsed_s() - self.phase_began_s

    @property
    def silent_s(self) -> float:
        """Time since the engine last said something."""
        return self._running.elapsed_s() - self.heard_at_s

    def _on_phase(self, name: str, at_ns: int) -> None:
        self.phase = name
        self.phase_began_s = self._running.elapsed_s()

    def _on_checkpoint(self, name: str) -> None:
        self.engine.note_children()
        self.waits_at = name
        self._arrive(name)

    def _on_opened(self, version: str) -> None:
        self._measurement.engine_version = version

    def _on_engine(self, pid: int | None) -> None:
        if pid is not None:
            self.engine.adopt(pid)
        self._live_elsewhere(pid)

    def _on_wave(self, number: int, at_ns: int) -> None:
        self.wave = number
        self._measurement.begin_wave(number, at_ns)

    def _on_held_up(self, began_ns: int, ended_ns: int) -> None:
        self._measurement.held_up.append(Stop(began_ns, ended_ns))

    def _on_phase_over(self, index: int, at_ns: int, interrupted: int) -> None:
        self._measurement.end_phase(index, at_ns, interrupted)

    def _on_outcome(self, index: int, kind: str, category: str, example: str) -> None:
        self._measurement.samples.learn(index, FailureKind(kind, category, example))

    def _on_measured(self, at_ns: int, active_pets: int | None) -> None:
        self._measurement.end(at_ns, active_pets)

    def _on_failed(self, stage: str, message: str, traceback: str) -> None:
        # where there is no traceback, the engine is a process that may have had something to say
        details = traceback or self.engine.output()
        if stage in ("open", "set-up"):
            self.finish(Ending(setup_error=f"the engine's {stage} failed: {message}", details=details))
        else:
            self.finish(Ending(error=f"the engine failed at {stage}: {message}", details=details))

    def _on_inspected(self, **fields: Any) -> None:
        self._measurement.add_inspection(fields)

    def _on_done(self) -> None:
        # it leaves at once: what runs after that was left by the engine
        self.engine.wait(_TO_LEAVE_S)
        self.finish(Ending())

    def _obituary(self) -> tuple[str, str]:
        """How the engine process ended, and what it said last."""
        code = self.engine.wait(timeout_s=2.0)
        how = (
            "closed the harness's line to the tool, which it did not open,"
            if code in (None, wire.LINE_LOST)
            else _ended(code)
        )
        unsent = "; samples of its last 250 ms may be missing" if self.phase == "measuring" else ""
        return f"the engine process {how} while {self.doing}{unsent}", self.engine.output()


_DOING: Final = {
    "open": "opening",
    "set-up": "setting up",
    "warm-up": "warming up",
    "counting": "counting what operations cost",
    "clean-up": "cleaning up",
    "close": "closing",
}


def _ended(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    number = -code
    known = number in signal.valid_signals() and not signal.SIGRTMIN <= number <= signal.SIGRTMAX
    return f"was killed by {signal.Signals(number).name if known else f'signal {number}'}"
