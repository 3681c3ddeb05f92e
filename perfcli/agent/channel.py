"""The agent's end of the line to the tool."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Final, NoReturn

from perfcli.clock import SPOILS_NS, RunningTime, Stop, StopSignal
from perfcli.errors import PerfError
from perfcli.line import LINE_LOST, Line
from perfcli.recorder import Frame
from perfcli.targets.error_kinds import named
from perfcli.targets.protocol import EngineGone
from perfcli.wire import (
    OWN_OPERATIONS,
    BeginFault,
    Checkpoint,
    ClockRead,
    Done,
    EndFault,
    EndPhase,
    Failed,
    FaultOrder,
    Garbled,
    Go,
    HeldUp,
    Message,
    NoMoreSlices,
    ReadClock,
    Rejoin,
    Serving,
    Slice,
    StopLoad,
)

_LOOK_INTERVAL_S: Final = 0.5


def leave_after(work: Callable[[], object]) -> NoReturn:
    """Do the work of a process that has a line to the tool, then leave at once.

    Never by the interpreter's own way out, which waits for every thread that the engine may have left.
    """
    exit_code = 0
    try:
        work()
    except OSError:
        # the tool is gone, or the engine has closed this process's end of the line
        exit_code = LINE_LOST
    except BaseException:
        traceback.print_exc()
        exit_code = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(exit_code)


class Channel:
    """Sends messages from any thread; a thread of its own receives those of the tool.

    Args:
        orphaned: called when the tool is gone, from the listening thread.
        now_ns: the clock that the messages' times are of.
    """

    def __init__(
        self, line: Line, orphaned: Callable[[], None], now_ns: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self.stop = StopSignal()
        self._line = line
        self._orphaned = orphaned
        self._now_ns = now_ns
        self._sending = Lock()
        self._go = Event()
        self._go_at_ns = 0
        self._rejoin: Rejoin | None = None
        self.serving: Serving | None = None
        """Where another process serves the engine, once the tool has said so."""
        self.ended_phases: set[int] = set()
        """Those whose load was to end on order."""
        self._slices: SimpleQueue[Slice | None] = SimpleQueue()
        self._obey: Callable[[FaultOrder], None] = lambda order: None
        Thread(target=self._listen, name="digipal-perf-link", daemon=True).start()

    def send(self, message: Message) -> None:
        """Send a message; raises OSError if the tool is gone."""
        with self._sending:
            self._line.send(message)

    def send_as_it_happens(self, act: Callable[[], Message]) -> None:
        """Do something, and send what it returns; no other message goes out meanwhile."""
        with self._sending:
            self._line.send(act())

    def obey(self, orders: Callable[[FaultOrder], None]) -> None:
        """Who takes the tool's orders from now on, in the thread that listens."""
        self._obey = orders

    def report_end(self, work: Callable[[], None], stage: Callable[[], str]) -> None:
        """Do the work of this process, then report `Done`; or `Failed`, at the stage that it had reached.

        Raises:
            OSError: the tool is gone.
        """
        try:
            work()
        except (EngineGone, PerfError) as error:
            hint = getattr(error, "hint", "") if stage() == OWN_OPERATIONS else ""
            self.send(Failed(stage(), str(error), hint))
        except Exception as error:
            self.send(Failed(stage(), named(error), traceback.format_exc()))
        else:
            self.send(Done())

    def frame(self, frame: Frame) -> None:
        """Send samples; if the tool keeps the vu waiting meanwhile, report that."""
        began_ns = time.perf_counter_ns()
        self.send(frame)
        self._report(Stop(began_ns, time.perf_counter_ns()))

    def checkpoint(self, name: str) -> int:
        """Stand still until the tool has looked at the process; return when to go on, 0 for at once."""
        self._go.clear()
        self.send(Checkpoint(name, time.process_time_ns()))
        self._go.wait()
        return self._go_at_ns

    def rejoin(self) -> Rejoin:
        """What to go on with, after the checkpoint `rejoin`.

        Raises:
            EOFError: the tool is gone.
        """
        if self._rejoin is None:
            raise EOFError
        return self._rejoin

    def next_slice(self) -> Slice | None:
        """Stand still until the tool asks for a slice; None if it asks for no more."""
        return self._slices.get()

    def _report(self, stop: Stop) -> None:
        if stop.ended_ns - stop.began_ns >= SPOILS_NS:
            self.send(HeldUp(stop.began_ns, stop.ended_ns))

    def _listen(self) -> None:
        running = RunningTime()
        try:
            while True:
                while not self._line.poll(_LOOK_INTERVAL_S):
                    running.elapsed_s()
                    while running.stops:
                        self._report(running.stops.pop())
                running.elapsed_s()
                self._take(self._line.receive())
        except (EOFError, OSError, Garbled):
            self.stop.set()
            self._go.set()
            self._slices.put(None)
            self._orphaned()

    def _take(self, message: Message) -> None:
        match message:
            case Go(at_ns):
                self._go_at_ns = at_ns
                self._go.set()
            case Rejoin():
                self._rejoin = message
                self._go.set()
            case Serving():
                self.serving = message
            case ReadClock():
                self.send(ClockRead(self._now_ns()))
            case Slice():
                self._slices.put(message)
            case BeginFault() | EndFault():
                self._obey(message)
            case EndPhase(phase):
                self.ended_phases.add(phase)
            case NoMoreSlices():
                self._slices.put(None)
            case StopLoad():
                self.stop.set()
