"""The tool's side of the talk with an engine process: what each message means for the measurement."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from perfcli import wire
from perfcli.measurement.measured import Measurement
from perfcli.measurement.samples import FailureKind
from perfcli.measurement.verdict import Ending
from perfcli.monitor import Monitor, Probe
from perfcli.pool.protocol import EngineHandle
from perfcli.recorder import Frame


class Conversation:
    """Listens to one engine process, and keeps the measurement up to date."""

    def __init__(
        self,
        engine: EngineHandle,
        measurement: Measurement,
        make_probe: Callable[[int], Probe],
        database: Path,
    ) -> None:
        self._engine = engine
        self._measurement = measurement
        self._make_probe = make_probe
        self.monitor = Monitor(make_probe(engine.pid))
        measurement.readings = self.monitor.readings
        self._database = database
        self.phase = "starting"
        self.phase_began_s = time.monotonic()
        self.finished = False
        self.ending = Ending()

    def hear(self, message: wire.Event | Frame) -> None:
        """Take in a message."""
        if isinstance(message, Frame):
            self._measurement.add(message)
            return
        try:
            getattr(self, f"_on_{message.name}")(**message.fields)
        except OSError:
            self.engine_is_gone()

    def engine_is_gone(self) -> None:
        """The process has died, or closed its end of the line."""
        error, last_words = self._obituary()
        self.finish(Ending(error=error, details=last_words))

    def ask_to_stop(self) -> None:
        """Have the vus begin nothing new."""
        try:
            wire.send_event(self._engine.connection, "stop")
        except OSError:
            self.engine_is_gone()

    def finish(self, ending: Ending) -> None:
        """Listen no more."""
        self.finished = True
        self.ending = ending

    @property
    def doing(self) -> str:
        """What the engine does in this phase, for a sentence."""
        return _DOING.get(self.phase, self.phase)

    @property
    def phase_lasted_s(self) -> float:
        """Time since the phase began."""
        return time.monotonic() - self.phase_began_s

    def _on_phase(self, name: str, at_ns: int) -> None:
        self.phase = name
        self.phase_began_s = time.monotonic()
        if name == "measuring":
            self._measurement.began_ns = at_ns

    def _on_checkpoint(self, name: str) -> None:
        reading = self.monitor.look()
        if reading is not None:
            self._measurement.marks[name] = reading
        self._engine.note_children()
        if name == "end":
            # before the engine shuts down: what it stores only then was not stored when it said so
            self._measurement.check_integrity(self._database)
        wire.send_event(self._engine.connection, "go")

    def _on_opened(self, version: str) -> None:
        self._measurement.engine_version = version

    def _on_engine(self, pid: int | None) -> None:
        harness = self._measurement.marks.pop("harness", None)
        if pid is None:
            self.monitor.watch(None)
            return
        self._engine.adopt(pid)
        self.monitor.watch(self._make_probe(pid))
        if harness is not None:
            # of the harness itself there is nothing in that process
            self._measurement.marks["harness"] = replace(harness, rss=0, uss=0)

    def _on_outcome(self, index: int, kind: str, category: str) -> None:
        self._measurement.samples.learn(index, FailureKind(kind, category))

    def _on_measured(self, at_ns: int, active_pets: int | None) -> None:
        self._measurement.ended_ns = at_ns
        self._measurement.active_pets = active_pets

    def _on_failed(self, stage: str, message: str, traceback: str) -> None:
        # where there is no traceback, the engine is a process that may have had something to say
        details = traceback or self._engine.output()
        if stage in ("open", "set-up"):
            self.finish(Ending(setup_error=f"the engine's {stage} failed: {message}", details=details))
        else:
            self.finish(Ending(error=f"the engine failed at {stage}: {message}", details=details))

    def _on_done(self) -> None:
        self.finish(Ending())

    def _obituary(self) -> tuple[str, str]:
        """How the engine process ended, and what it said last."""
        code = self._engine.wait(timeout_s=2.0)
        how = "stopped answering" if code is None else _ended(code)
        unsent = "; samples of its last 250 ms may be missing" if self.phase == "measuring" else ""
        return f"the engine process {how} while {self.doing}{unsent}", self._engine.output()


_DOING: Final = {
    "open": "opening",
    "set-up": "setting up",
    "warm-up": "warming up",
    "clean-up": "cleaning up",
    "close": "closing",
}


def _ended(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    number = -code
    known = number in signal.valid_signals() and not signal.SIGRTMIN <= number <= signal.SIGRTMAX
    return f"was killed by {signal.Signals(number).name if known else f'signal {number}'}"
