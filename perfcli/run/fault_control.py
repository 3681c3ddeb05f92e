"""Inflicts the faults of a plan when they are due, and lifts them, whatever happens: the one place that does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from signal import Signals
from typing import Final

from perfcli.errors import describe_error
from perfcli.faults import Lift
from perfcli.faults.inside import InsideFault
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.restarts import Restarts
from perfcli.pool.protocol import Database
from perfcli.run.engine_client import EngineClient
from perfcli.run.kills import Kills
from perfcli.run.ordered_faults import OrderedFaults
from perfcli.wire import FaultBegan, FaultEnded, FaultReport, NoFault

_SOON_S: Final = 0.001


@dataclass(eq=False)
class _Process:
    """A place of faults: an engine process of this incarnation.

    Args:
        process: its number among those of the run.
        number: its number among those with an engine.
    """

    client: EngineClient
    process: int
    number: int
    kills: Kills
    restarts: Restarts

    def __post_init__(self) -> None:
        self._incarnation = self.client.engine.incarnation

    @property
    def is_there(self) -> bool:
        """Whether it is alive."""
        return self._is_newest and self.client.ending is None and not self.client.is_down

    @property
    def is_at_work(self) -> bool:
        """Whether its vus are at work, and it has said when they began, if it replaces another one."""
        rejoined_ns = self.restarts.replaced_ns(self.process, self._incarnation - 1)
        has_begun = rejoined_ns is not None or not self._incarnation
        return has_begun and self._is_newest and self.client.is_measuring

    @property
    def replaced_ns(self) -> int | None:
        """When the process that replaces it began to work; None as long as none did."""
        return self.restarts.replaced_ns(self.process, self._incarnation)

    @property
    def database(self) -> Database:
        """The database of all engine processes."""
        return self.client.engine.database

    def halt(self) -> Lift:
        """Have it stand still until that is lifted."""
        self.client.halt()
        return lambda: self.client.resume() if self.is_there else None

    def end_and_replace(self, number: Signals, restart_after_ns: int) -> None:
        """Send it a signal that ends it, and have it replaced that long after its death."""
        self.kills.end_and_replace(self.process, number, restart_after_ns)

    @property
    def _is_newest(self) -> bool:
        return self._incarnation == self.client.engine.incarnation


@dataclass(slots=True)
class _On:
    """A fault that is there, or ordered."""

    lift: Lift
    until_ns: int | None
    """When it is to be lifted; None until that is known."""
    has_ended: Callable[[int], bool] = lambda now_ns: False
    """Whether it ended by itself."""


class FaultControl:
    """Carries out the faults of one run. One that is not possible yet is tried again, for as long as it would last.

    A span begins when the fault is there and ends when it is lifted, by the clock that samples are given in.
    """

    def __init__(self, clients: Sequence[EngineClient], kills: Kills, measurement: Measurement) -> None:
        self._clients = clients
        self._kills = kills
        self._measurement = measurement
        self._faults = measurement.plan.faults
        self._to_come = list(range(len(self._faults)))
        self._on: dict[int, _On] = {}
        self._ordered = OrderedFaults(clients)

    def look(self, *, stopped: bool) -> None:
        """Do what is due now.

        Args:
            stopped: whether the load is being stopped: then all are lifted, and no other begins.
        """
        for ended in self._ordered.of_the_dead():
            self.take(ended)
        if not (self._to_come or self._on):
            return
        now_ns = self._now_ns()
        if stopped or self._measurement.ended_ns is not None:
            for number in self._due(now_ns):
                self._give_up(number, self._faults[number].fault.why_not_yet)
            self._to_come = []
            self.lift_all()
            return
        for number, on in list(self._on.items()):
            if on.has_ended(now_ns) or (on.until_ns is not None and now_ns >= on.until_ns):
                self._on.pop(number).lift()
        for number in self._due(now_ns):
            self._try(number, now_ns)

    def take(self, report: FaultReport) -> None:
        """An engine process reports on a fault that it was ordered to inflict on itself."""
        number, spans = report.number, self._measurement.faults
        assert spans is not None
        match report:
            case FaultBegan(at_ns=at_ns) if self._ordered.began(report):
                spans.begin(number, at_ns)
                if number in self._on:
                    self._on[number].until_ns = at_ns + self._faults[number].fault.lasts_ns
            case NoFault(why=why):
                self._ordered.failed(report)
                spans.give_up(number, why)
                if number in self._on:
                    self._on.pop(number).lift()
            case FaultEnded() if end := self._ordered.ended(report):
                self._on.pop(number, None)
                spans.end(number, *end)

    def next_in_s(self, longest_s: float) -> float:
        """How long nothing is due, at most as long as given."""
        if not (self._to_come or self._on):
            return longest_s
        now_ns = self._now_ns()
        next_ns = min(self._next_times(now_ns), default=None)
        return longest_s if next_ns is None else min(longest_s, max(_SOON_S, (next_ns - now_ns) / 1e9))

    def lift_all(self) -> None:
        """End all that are on; no harm if there are none."""
        while self._on:
            self._on.popitem()[1].lift()

    def _due(self, now_ns: int) -> list[int]:
        return [number for number in self._to_come if (due := self._due_ns(number)) and due <= now_ns]

    def _next_times(self, now_ns: int) -> Iterator[int]:
        """When to look; messages say when a process is at work again."""
        yield from (on.until_ns for on in self._on.values() if on.until_ns is not None)
        for number in self._to_come:
            due_ns = self._due_ns(number)
            if due_ns is not None and (due_ns > now_ns or self._faults[number].fault.waits_ns is not None):
                yield due_ns

    def _due_ns(self, number: int) -> int | None:
        fault = self._faults[number]
        began_ns = self._measurement.phases[fault.phase].began_ns
        return None if began_ns is None else began_ns + fault.at_ns

    def _try(self, number: int, now_ns: int) -> None:
        fault = self._faults[number].fault
        due_ns = self._due_ns(number)
        assert due_ns is not None
        try:
            on = self._order(number, fault) if isinstance(fault, InsideFault) else self._inflict(number, now_ns)
        except (OSError, sqlite3.Error) as error:
            self._give_up(number, describe_error(error))
            return
        if on is not None:
            self._to_come.remove(number)
            self._on[number] = on
        elif fault.waits_ns is not None and now_ns > due_ns + fault.waits_ns:
            self._give_up(number, fault.why_not_yet)

    def _order(self, number: int, fault: InsideFault) -> _On | None:
        lift = self._ordered.order(number, in_engine=fault.is_in_engine)
        return lift and _On(lift, None)

    def _inflict(self, number: int, now_ns: int) -> _On | None:
        fault, spans = self._faults[number].fault, self._measurement.faults
        assert spans is not None
        engines = [(process, client) for process, client in enumerate(self._clients) if client.has_engine]
        places = fault.places(
            [
                _Process(client, process, number, self._kills, self._measurement.restarts)
                for number, (process, client) in enumerate(engines)
            ]
        )
        undo = fault.inflict(places) if places else None
        if undo is None:
            return None
        # a process that is to die says nothing more from the signal on
        began_ns = now_ns if fault.replaces_processes else self._now_ns()
        spans.begin(number, began_ns)

        def lift() -> None:
            # a database that the engine has removed holds no lock any more
            with suppress(sqlite3.Error):
                undo()
            ended_ns = self._now_ns()
            spans.end(number, fault.ended_ns(places, ended_ns) or ended_ns)

        until_ns = None if fault.replaces_processes else began_ns + fault.lasts_ns
        return _On(lift, until_ns, lambda now_ns: fault.ended_ns(places, now_ns) is not None)

    def _give_up(self, number: int, why: str) -> None:
        assert self._measurement.faults is not None
        self._to_come.remove(number)
        self._measurement.faults.give_up(number, why)

    def _now_ns(self) -> int:
        return self._clients[0].engine.clock.now_ns()
