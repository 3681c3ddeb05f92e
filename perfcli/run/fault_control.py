"""Inflicts the faults of a plan when they are due, and lifts them, whatever happens: the one place that does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from perfcli.errors import describe_error
from perfcli.faults import Lift
from perfcli.measurement.measurement import Measurement
from perfcli.run.engine_client import EngineClient
from perfcli.run.ordered_faults import OrderedFaults
from perfcli.wire import FaultBegan, FaultEnded, FaultReport, NoFault

_SOON_S: Final = 0.001


@dataclass(slots=True)
class _On:
    """A fault that is there, or ordered."""

    lift: Lift
    until_ns: int | None
    """When it is to be lifted; None until it is known when it began."""


class FaultControl:
    """Carries out the faults of one run. One that is not possible yet is tried again, for as long as it would last.

    A span begins when the fault is there and ends when it is lifted, by the clock that samples are given in.
    """

    def __init__(self, clients: Sequence[EngineClient], measurement: Measurement) -> None:
        self._engines = [client.engine for client in clients]
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
        if stopped or self._measurement.ended_ns is not None:
            self._to_come = []
            self.lift_all()
            return
        now_ns = self._now_ns()
        for number, on in list(self._on.items()):
            if on.until_ns is not None and now_ns >= on.until_ns:
                self._on.pop(number).lift()
        for number in [number for number in self._to_come if (due := self._due_ns(number)) and due <= now_ns]:
            self._try(number, now_ns)

    def take(self, report: FaultReport) -> None:
        """An engine process reports on a fault that it was ordered to inflict on itself."""
        number, spans = report.number, self._measurement.faults
        assert spans is not None
        match report:
            case FaultBegan(at_ns=at_ns) if self._ordered.began(report):
                spans.begin(number, at_ns)
                if number in self._on:
                    self._on[number].until_ns = at_ns + self._faults[number].fault.for_ns
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
        next_ns = min(self._next_times(), default=None)
        return longest_s if next_ns is None else min(longest_s, max(_SOON_S, (next_ns - self._now_ns()) / 1e9))

    def lift_all(self) -> None:
        """End all that are on; no harm if there are none."""
        while self._on:
            self._on.popitem()[1].lift()

    def _next_times(self) -> Iterator[int]:
        yield from (on.until_ns for on in self._on.values() if on.until_ns is not None)
        yield from (due_ns for number in self._to_come if (due_ns := self._due_ns(number)) is not None)

    def _due_ns(self, number: int) -> int | None:
        fault = self._faults[number]
        began_ns = self._measurement.phases[fault.phase].began_ns
        return None if began_ns is None else began_ns + fault.at_ns

    def _try(self, number: int, now_ns: int) -> None:
        fault = self._faults[number].fault
        due_ns = self._due_ns(number)
        assert due_ns is not None
        try:
            on = self._order(number) if fault.is_inside else self._inflict(number)
        except (OSError, sqlite3.Error) as error:
            self._give_up(number, describe_error(error))
            return
        if on is not None:
            self._to_come.remove(number)
            self._on[number] = on
        elif now_ns > due_ns + fault.for_ns:
            self._give_up(number, fault.why_not_yet)

    def _order(self, number: int) -> _On | None:
        lift = self._ordered.order(number)
        return lift and _On(lift, None)

    def _inflict(self, number: int) -> _On | None:
        fault, spans = self._faults[number].fault, self._measurement.faults
        assert spans is not None
        undo = fault.inflict(self._engines)
        if undo is None:
            return None
        began_ns = self._now_ns()
        spans.begin(number, began_ns)

        def lift() -> None:
            # a database that the engine has removed holds no lock any more
            with suppress(sqlite3.Error):
                undo()
            spans.end(number, self._now_ns())

        return _On(lift, began_ns + fault.for_ns)

    def _give_up(self, number: int, why: str) -> None:
        assert self._measurement.faults is not None
        self._to_come.remove(number)
        self._measurement.faults.give_up(number, why)

    def _now_ns(self) -> int:
        return self._engines[0].clock.now_ns()
