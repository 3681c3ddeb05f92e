"""Kills of engine processes as the plan has them, and the next incarnations, which join in the load that goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from perfcli.judgement import Ending
from perfcli.measurement.measurement import Measurement
from perfcli.monitor import Reading, joined
from perfcli.operations.stored import Readable
from perfcli.plan import Kill
from perfcli.run.engine_client import EngineClient
from perfcli.run.messages import Inbox
from perfcli.units import format_duration

_TO_DIE_NS: Final = 5_000_000_000
_SOON_S: Final = 0.001
_WORK_AFTER_KILLS_NS: Final = 100_000_000


class Kills:
    """Carries out the kills of a plan. One that is due while its process is away, or warms up, waits for it.

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
        self._to_come = sorted(measurement.plan.kills, key=lambda kill: kill.at_ns if kill.since == "measuring" else 0)
        self._rejoined_ns: dict[int, int] = {}
        self._under_way: dict[int, Kill] = {}
        self._died_ns: dict[int, int] = {}
        self._last: dict[int, Reading] = {}
        self._earlier: dict[int, Reading] = {}

    @property
    def end_load(self) -> bool:
        """Whether the load of a crash test is to end: the last incarnation was seen to work."""
        if self._measurement.plan.crash is None or self._to_come or self._under_way or not self._measurement.plan.kills:
            return False
        return self._clients[0].engine.clock.now_ns() > max(self._rejoined_ns.values()) + _WORK_AFTER_KILLS_NS

    def look(self, *, stopped: bool) -> None:
        """Do what is due now.

        Args:
            stopped: whether the load is being stopped: then nothing else is killed.
        """
        for process, client in enumerate(self._clients):
            if client.is_down:
                # one that killed itself
                self._under_way.setdefault(process, Kill(at_ns=0))
        if not (self._to_come or self._under_way):
            return
        now_ns = self._clients[0].engine.clock.now_ns()
        if not stopped:
            due = [kill for kill, at_ns in self._next_of_each() if at_ns <= now_ns]
            for kill in due:
                if self._clients[kill.process].is_measuring:
                    self._kill(kill, now_ns)
        for process, kill in list(self._under_way.items()):
            self._follow(process, kill, now_ns)

    def next_in_s(self, longest_s: float) -> float:
        """How long nothing is due, at most as long as given."""
        due_ns = [died_ns + self._under_way[process].restart_after_ns for process, died_ns in self._died_ns.items()]
        if not self._under_way:
            due_ns += [at_ns for _, at_ns in self._next_of_each()]
        if not due_ns:
            return longest_s
        return min(longest_s, max(_SOON_S, (min(due_ns) - self._clients[0].engine.clock.now_ns()) / 1e9))

    def read(self, *, whole: bool) -> Reading | None:
        """What all processes hold and use, with what those used that were replaced; None while one is away."""
        readings = []
        for process, client in enumerate(self._clients):
            if client.is_away and client.waits_at != "rejoin":
                return None
            reading = client.readings(whole=whole)
            earlier = self._earlier.get(process)
            readings.append(_continued(reading, earlier) if reading and earlier else reading)
        return joined(readings)

    def rejoin(self, process: int) -> None:
        """The next incarnation stands still, about to join in: what it has used until now was no load."""
        reading, before = self._clients[process].readings(whole=False), self._last.pop(process, None)
        if reading and before:
            self._earlier[process] = _used_before(before, self._earlier.get(process), reading)
        del self._under_way[process]
        self._rejoined_ns[process] = self._clients[process].engine.clock.now_ns()

    @property
    def not_inflicted(self) -> str:
        """Why the load was not the one that was planned, once it is over; "" if it was."""
        if not self._to_come:
            return ""
        at = ", ".join(format_duration(kill.at_ns) for kill in self._to_come[:3])
        return f"the load was over before {len(self._to_come)} kills were due (at {at}): give it more time"

    def _next_of_each(self) -> Iterator[tuple[Kill, int]]:
        """The next kill of each process that is not under way, and when it is due."""
        seen = set(self._under_way)
        for kill in self._to_come:
            began_ns = self._measurement.began_ns
            if kill.since == "rejoin":
                began_ns = self._rejoined_ns.get(kill.process, began_ns)
            if began_ns is not None and kill.process not in seen:
                seen.add(kill.process)
                yield kill, began_ns + kill.at_ns

    def _kill(self, kill: Kill, now_ns: int) -> None:
        client = self._clients[kill.process]
        if reading := client.readings(whole=False):
            self._last[kill.process] = reading
        self._measurement.begin_outage()
        self._to_come.remove(kill)
        self._under_way[kill.process] = kill
        client.end_by_signal(signal.Signals[kill.signal], now_ns)

    def _follow(self, process: int, kill: Kill, now_ns: int) -> None:
        client = self._clients[process]
        if client.is_down:
            if process not in self._died_ns:
                self._died_ns[process] = now_ns
                self._measurement.note_death(client.death())
                self._look_at_what_is_left()
                now_ns = client.engine.clock.now_ns()
            if client.ending is None and now_ns >= self._died_ns[process] + kill.restart_after_ns:
                del self._died_ns[process]
                client.replace()
                self._inbox.follow(process, client.engine.line)
        elif client.killed_ns is not None and client.lives_after_kill and now_ns > client.killed_ns + _TO_DIE_NS:
            client.end(Ending(disturbed=f"the engine did not end within 5 s of {kill.signal}"))

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
    whole = _continued(before, earlier) if earlier else before
    return replace(
        whole,
        cpu_ns=whole.cpu_ns - now.cpu_ns,
        read_bytes=_difference(whole.read_bytes, now.read_bytes),
        written_bytes=_difference(whole.written_bytes, now.written_bytes),
    )


def _difference(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else before - now


def _continued(reading: Reading, earlier: Reading) -> Reading:
    return replace(
        reading,
        cpu_ns=reading.cpu_ns + earlier.cpu_ns,
        read_bytes=_sum(reading.read_bytes, earlier.read_bytes),
        written_bytes=_sum(reading.written_bytes, earlier.written_bytes),
    )


def _sum(now: int | None, earlier: int | None) -> int | None:
    return None if now is None or earlier is None else now + earlier
