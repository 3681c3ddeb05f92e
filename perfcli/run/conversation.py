"""The tool's side of the talk with an engine process: what each message means for the measurement."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from perfcli import wire
from perfcli.measurement.measured import Measurement
from perfcli.measurement.samples import FailureKind
from perfcli.measurement.verdict import Ending
from perfcli.monitor import Monitor
from perfcli.pool.protocol import EngineHandle
from perfcli.recorder import Frame


class Conversation:
    """Listens to one engine process, and keeps the measurement up to date."""

    def __init__(self, engine: EngineHandle, measurement: Measurement, monitor: Monitor, database: Path) -> None:
        self._engine = engine
        self._measurement = measurement
        self._monitor = monitor
        self._database = database
        self.phase = "starting"
        self.phase_began_s = time.monotonic()
        self.finished = False
        self.ending = Ending()

    def hear(self) -> None:
        """Take in the next message; a process that is gone or failed finishes the conversation."""
        try:
            message = wire.receive(self._engine.connection)
            if isinstance(message, Frame):
                self._measurement.add(message)
            else:
                getattr(self, f"_on_{message.name}")(**message.fields)
        except (EOFError, OSError):
            self.finish(Ending(error=self._obituary()))

    def ask_to_stop(self) -> None:
        """Have the vus begin nothing new."""
        try:
            wire.send_event(self._engine.connection, "stop")
        except OSError:
            self.finish(Ending(error=self._obituary()))

    def finish(self, ending: Ending) -> None:
        """Listen no more."""
        self.finished = True
        self.ending = ending

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
        reading = self._monitor.look()
        if reading is not None:
            self._measurement.marks[name] = reading
        if name == "end":
            # before the engine shuts down: what it stores only then was not stored when it said so
            self._measurement.integrity = self._measurement.ledger.verify(self._database)
        wire.send_event(self._engine.connection, "go")

    def _on_opened(self, version: str) -> None:
        self._measurement.engine_version = version

    def _on_outcome(self, index: int, kind: str, category: str) -> None:
        self._measurement.samples.learn(index, FailureKind(kind, category))

    def _on_measured(self, at_ns: int, active_pets: int) -> None:
        self._measurement.ended_ns = at_ns
        self._measurement.active_pets = active_pets

    def _on_failed(self, stage: str, message: str, traceback: str) -> None:
        if stage in ("open", "set-up"):
            self.finish(Ending(setup_error=f"the engine's {stage} failed: {message}"))
        else:
            self.finish(Ending(error=f"the engine failed at {stage}: {message}\n{traceback}"))

    def _on_done(self) -> None:
        self.finish(Ending())

    def _obituary(self) -> str:
        """How the engine process ended, with what it said last."""
        code = self._engine.wait(timeout_s=2.0)
        how = "stopped answering" if code is None else _ended(code)
        last_words = self._engine.output()
        return f"the engine process {how} while {_DOING.get(self.phase, self.phase)}" + (
            f"; its last output:\n{last_words}" if last_words else ""
        )


_DOING: dict[str, Any] = {
    "open": "opening",
    "set-up": "setting up",
    "warm-up": "warming up",
    "clean-up": "cleaning up",
    "close": "closing",
}


def _ended(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    return f"was killed by {signal.Signals(-code).name}"
