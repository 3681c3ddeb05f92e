"""Inflicts the faults of a plan when they are due, and lifts them, whatever happens: the one place that does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from perfcli.errors import describe_error
from perfcli.faults import Lift
from perfcli.measurement.measurement import Measurement
from perfcli.pool.protocol import EngineHandle

_SOON_S: Final = 0.001


class FaultControl:
    """Carries out the faults of one run. One that is not possible yet is tried again, for as long as it would last.

    A span begins when the fault is there and ends when it is lifted, by the clock that samples are given in.
    """

    def __init__(self, engines: Sequence[EngineHandle], measurement: Measurement) -> None:
        self._engines = engines
        self._measurement = measurement
        self._faults = measurement.plan.faults
        self._to_come = list(range(len(self._faults)))
        self._on: dict[int, tuple[Lift, int]] = {}

    def look(self, *, stopped: bool) -> None:
        """Do what is due now.

        Args:
            stopped: whether the load is being stopped: then all are lifted, and no other begins.
        """
        if not (self._to_come or self._on):
            return
        if stopped or self._measurement.ended_ns is not None:
            self._to_come = []
            self.lift_all()
            return
        now_ns = self._now_ns()
        for number, (_, until_ns) in list(self._on.items()):
            if now_ns >= until_ns:
                self._lift(number)
        for number in [number for number in self._to_come if (due := self._due_ns(number)) and due <= now_ns]:
            self._try(number, now_ns)

    def next_in_s(self, longest_s: float) -> float:
        """How long nothing is due, at most as long as given."""
        if not (self._to_come or self._on):
            return longest_s
        next_ns = min(self._next_times(), default=None)
        return longest_s if next_ns is None else min(longest_s, max(_SOON_S, (next_ns - self._now_ns()) / 1e9))

    def lift_all(self) -> None:
        """End all that are on; no harm if there are none."""
        for number in list(self._on):
            self._lift(number)

    def _next_times(self) -> Iterator[int]:
        yield from (until_ns for _, until_ns in self._on.values())
        yield from (due_ns for number in self._to_come if (due_ns := self._due_ns(number)) is not None)

    def _due_ns(self, number: int) -> int | None:
        fault = self._faults[number]
        began_ns = self._measurement.phases[fault.phase].began_ns
        return None if began_ns is None else began_ns + fault.at_ns

    def _try(self, number: int, now_ns: int) -> None:
        fault = self._faults[number].fault
        due_ns = self._due_ns(number)
        assert due_ns is not None
        assert self._measurement.faults is not None
        try:
            lift = fault.inflict(self._engines)
        except (OSError, sqlite3.Error) as error:
            self._give_up(number, describe_error(error))
            return
        if lift is not None:
            began_ns = self._now_ns()
            self._to_come.remove(number)
            self._on[number] = lift, began_ns + fault.for_ns
            self._measurement.faults.begin(number, began_ns)
        elif now_ns > due_ns + fault.for_ns:
            self._give_up(number, "the engine held the write lock all the time")

    def _give_up(self, number: int, why: str) -> None:
        assert self._measurement.faults is not None
        self._to_come.remove(number)
        self._measurement.faults.give_up(number, why)

    def _lift(self, number: int) -> None:
        lift, _ = self._on.pop(number)
        assert self._measurement.faults is not None
        # a database that the engine has removed holds no lock any more
        with suppress(sqlite3.Error):
            lift()
        self._measurement.faults.end(number, self._now_ns())

    def _now_ns(self) -> int:
        return self._engines[0].clock.now_ns()
