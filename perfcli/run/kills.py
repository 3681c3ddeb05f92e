"""Engine processes that are killed as planned, and the next incarnations, which join in the load that goes on."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from perfcli.judgement import Ending
from perfcli.measurement.measurement import Measurement
from perfcli.monitor import Reading, joined
from perfcli.operations.stored import Readable
from perfcli.run.engine_client import EngineClient
from perfcli.run.messages import Inbox

_TO_DIE_NS: Final = 5_000_000_000
_SOON_S: Final = 0.001
_WORK_AFTER_KILLS_NS: Final = 100_000_000
_COUNTERS: Final = ("cpu_ns", "read_bytes", "written_bytes")


@dataclass(slots=True)
class _Kill:
    """One that is under way, until the next incarnation joins in."""

    signal: signal.Signals = signal.SIGKILL
    restart_after_ns: int = 0
    before: Reading | None = None
    """Of the process, while it was at work."""
    died_ns: int | None = None
    """When it was found dead; None again once it is replaced."""


class Kills:
    """Ends engine processes, for faults and for a crash test, and replaces them: the one place that does.

    Args:
        inbox: brings the messages of the clients, by their numbers.
        database: of a crash test, looked at whenever a process is dead, before the next incarnation opens it.
    """

    def __init__(
        self,
        clients: Sequence[EngineClient],
        inbox: Inbox,
        measurement: Measurement,
        database: Readable,
    ) -> None:
        self._clients = clients
        self._inbox = inbox
        self._measurement = measurement
        self._database = database
        crash = measurement.plan.crash
        self._crashes_to_come = list(crash.kills) if crash else []
        self._rejoined_ns: int | None = None
        self._under_way: dict[int, _Kill] = {}
        self._earlier: dict[int, Reading] = {}

    @property
    def end_load(self) -> bool:
        """Whether the load of a crash test is to end: the last incarnation was seen to work."""
        crash = self._measurement.plan.crash
        if crash is None or not crash.kills or self._crashes_to_come or self._under_way:
            return False
        assert self._rejoined_ns is not None
        return self._clients[0].engine.clock.now_ns() > self._rejoined_ns + _WORK_AFTER_KILLS_NS

    def end_and_replace(self, process: int, number: signal.Signals, restart_after_ns: int) -> None:
        """Send a process that is at work a signal that ends it, and replace it that long after its death."""
        client = self._clients[process]
        self._under_way[process] = _Kill(number, restart_after_ns, client.readings(whole=False))
        self._measurement.begin_outage()
        client.end_by_signal(number, client.engine.clock.now_ns())

    def look(self, *, stopped: bool) -> None:
        """Do what is due now.

        Args:
            stopped: whether the load is being stopped: then nothing else is killed, and replaced at once.
        """
        for process, client in enumerate(self._clients):
            if client.is_down:
                # one that killed itself
                self._under_way.setdefault(process, _Kill())
        next_ns = self._next_crash_ns
        if not (next_ns or self._under_way):
            return
        now_ns = self._clients[0].engine.clock.now_ns()
        if next_ns and next_ns <= now_ns and not stopped and self._clients[0].is_measuring:
            del self._crashes_to_come[0]
            self.end_and_replace(0, signal.SIGKILL, 0)
        for process, kill in list(self._under_way.items()):
            self._follow(process, kill, now_ns, stopped=stopped)

    def next_in_s(self, longest_s: float) -> float:
        """How long nothing is due, at most as long as given."""
        kills = self._under_way.values()
        due_ns = [kill.died_ns + kill.restart_after_ns for kill in kills if kill.died_ns is not None]
        due_ns += filter(None, [self._next_crash_ns])
        if not due_ns:
            return longest_s
        return min(longest_s, max(_SOON_S, (min(due_ns) - self._clients[0].engine.clock.now_ns()) / 1e9))

    def read(self, *, whole: bool) -> Reading | None:
        """What all processes hold and use, with what those used that were replaced; None while one is away."""
        readings = []
        for process, client in enumerate(self._clients):
            if not client.has_engine:
                continue
            if client.is_away and client.waits_at != "rejoin":
                return None
            reading = client.readings(whole=whole)
            earlier = self._earlier.get(process)
            readings.append(_continued(reading, earlier) if reading and earlier else reading)
        return joined(readings) if readings else None

    def rejoin(self, process: int) -> None:
        """The next incarnation stands still, about to join in: what it has used until now was no load."""
        reading, before = self._clients[process].readings(whole=False), self._under_way.pop(process).before
        if reading and before:
            self._earlier[process] = _used_before(before, self._earlier.get(process), reading)
        self._rejoined_ns = self._clients[process].engine.clock.now_ns()

    @property
    def _next_crash_ns(self) -> int | None:
        """When the next kill of a crash test is due; None while the process is away, or if there is none."""
        began_ns = self._rejoined_ns or self._measurement.began_ns
        if not self._crashes_to_come or self._under_way or began_ns is None:
            return None
        return began_ns + self._crashes_to_come[0]

    def _follow(self, process: int, kill: _Kill, now_ns: int, *, stopped: bool) -> None:
        client = self._clients[process]
        if client.is_down:
            if kill.died_ns is None:
                kill.died_ns = now_ns
                self._measurement.note_death(client.death())
                self._look_at_what_is_left()
                now_ns = client.engine.clock.now_ns()
            is_due = stopped or now_ns >= kill.died_ns + kill.restart_after_ns
            if client.ending is None and is_due:
                kill.died_ns = None
                client.replace()
                self._inbox.follow(process, client.engine.line)
        elif client.killed_ns is not None and client.lives_after_kill and now_ns > client.killed_ns + _TO_DIE_NS:
            client.end(Ending(disturbed=f"the engine did not end within 5 s of {kill.signal.name}"))

    def _look_at_what_is_left(self) -> None:
        """Of a crash test: nothing goes on if something is missing, or there twice."""
        if self._measurement.plan.crash is None:
            return
        self._measurement.check_integrity(self._database)
        found = self._measurement.integrity
        if found is not None and (found.lost or found.duplicates or found.damaged):
            for client in self._clients:
                client.end(Ending())


def _used_before(before: Reading, earlier: Reading | None, now: Reading) -> Reading:
    """What to add to the counters of a new process so that they go on from those of the one before."""
    return _continued(_continued(before, earlier) if earlier else before, now, -1)


def _continued(reading: Reading, other: Reading, times: int = 1) -> Reading:
    """A reading with the counters of another one added, so many times; one that either lacks stays unknown."""
    counters: dict[str, Any] = {}
    for name in _COUNTERS:
        one, more = getattr(reading, name), getattr(other, name)
        counters[name] = None if one is None or more is None else one + times * more
    return replace(reading, **counters)
