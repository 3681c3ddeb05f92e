"""The agent's end of the line to the tool."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Final

from perfcli import wire
from perfcli.clock import StopSignal
from perfcli.recorder import Frame
from perfcli.running_time import SPOILS_NS, RunningTime, Stop

_LOOK_INTERVAL_S: Final = 0.5


class Channel:
    """Sends events and frames from any thread; listens in a thread of its own for `go` and `stop`.

    Args:
        orphaned: called when the tool is gone, from the listening thread.
    """

    def __init__(self, line: wire.Line, orphaned: Callable[[], None]) -> None:
        self.stop = StopSignal()
        self._line = line
        self._orphaned = orphaned
        self._sending = Lock()
        self._go = Event()
        self._go_at_ns = 0
        self._slices: SimpleQueue[wire.Event | None] = SimpleQueue()
        Thread(target=self._listen, name="digipal-perf-link", daemon=True).start()

    def event(self, name: wire.EventName, /, **fields: Any) -> None:
        """Tell the tool that something happened."""
        with self._sending:
            self._line.send_event(name, **fields)

    def frame(self, frame: Frame) -> None:
        """Send samples; if the tool keeps the vu waiting meanwhile, report that."""
        began_ns = time.perf_counter_ns()
        with self._sending:
            self._line.send_frame(frame)
        self._report(Stop(began_ns, time.perf_counter_ns()))

    def checkpoint(self, name: str, **fields: Any) -> int:
        """Stand still until the tool has looked at the process; return when to go on, 0 for at once."""
        self._go.clear()
        self.event("checkpoint", name=name, **fields)
        self._go.wait()
        return self._go_at_ns

    def next_slice(self) -> dict[str, Any] | None:
        """Stand still until the tool asks for a slice; None where it asks for no more."""
        order = self._slices.get()
        return order.fields if order and order.fields["iterations"] else None

    def _report(self, stop: Stop) -> None:
        if stop.ended_ns - stop.began_ns >= SPOILS_NS:
            self.event("held_up", began_ns=stop.began_ns, ended_ns=stop.ended_ns)

    def _listen(self) -> None:
        running = RunningTime()
        try:
            while True:
                while not self._line.poll(_LOOK_INTERVAL_S):
                    running.elapsed_s()
                    while running.stops:
                        self._report(running.stops.pop())
                running.elapsed_s()
                message = self._line.receive()
                if isinstance(message, wire.Event) and message.name == "stop":
                    self.stop.set()
                elif isinstance(message, wire.Event) and message.name == "slice":
                    self._slices.put(message)
                elif isinstance(message, wire.Event):
                    self._go_at_ns = message.fields["at_ns"]
                    self._go.set()
        except (EOFError, OSError, wire.Garbled):
            self.stop.set()
            self._go.set()
            self._slices.put(None)
            self._orphaned()
