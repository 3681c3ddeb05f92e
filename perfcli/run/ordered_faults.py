"""Faults that engine processes inflict on themselves on order: which of them have which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from perfcli.faults import Lift
from perfcli.run.engine_client import EngineClient
from perfcli.wire import BeginFault, EndFault, FaultBegan, FaultEnded, NoFault


@dataclass(slots=True)
class _Ordered:
    """One fault: in which engine processes it is, or is about to be."""

    incarnations: dict[int, int]
    """By process: one that is replaced has the fault no more."""
    has_begun: bool = False
    has_failed: bool = False
    """Whether a process could not inflict it."""
    ended_ns: int = 0
    hits: list[int] = field(default_factory=list)


class OrderedFaults:
    """Orders faults from all engine processes, and puts their reports together.

    Its span begins with the first process that has it, and ends with the last.
    """

    def __init__(self, clients: Sequence[EngineClient]) -> None:
        self._clients = clients
        self._faults: dict[int, _Ordered] = {}

    def order(self, number: int, *, in_engine: bool) -> Lift | None:
        """Have all processes inflict it that do load; return what orders its end, None while one is being replaced.

        Args:
            in_engine: whether it acts where an engine is; if not, where vus are.
        """
        at_work = {
            process: client
            for process, client in enumerate(self._clients)
            if client.is_measuring and (client.has_engine if in_engine else client.has_vus)
        }
        if not at_work or any(client.is_away for client in self._clients):
            return None
        self._faults[number] = _Ordered({process: client.engine.incarnation for process, client in at_work.items()})
        for client in at_work.values():
            client.send(BeginFault(number))
        return partial(self._order_end, number)

    def began(self, report: FaultBegan) -> bool:
        """Take note; return whether that is the first process that has it."""
        ordered = self._faults[report.number]
        is_first, ordered.has_begun = not ordered.has_begun, True
        return is_first and not ordered.has_failed

    def failed(self, report: NoFault) -> None:
        """The process does not have it, so it is not the fault that was planned."""
        ordered = self._faults[report.number]
        ordered.incarnations.pop(report.process, None)
        ordered.has_failed = True

    def ended(self, report: FaultEnded) -> tuple[int, int | None] | None:
        """Take note; once no process has it any more, return when it ended and how many calls it hit."""
        ordered = self._faults[report.number]
        ordered.incarnations.pop(report.process, None)
        ordered.ended_ns = max(ordered.ended_ns, report.at_ns)
        if report.hits is not None:
            ordered.hits.append(report.hits)
        if ordered.incarnations or ordered.has_failed or not ordered.has_begun:
            return None
        return ordered.ended_ns, sum(ordered.hits) if ordered.hits else None

    def of_the_dead(self) -> Iterator[FaultEnded | NoFault]:
        """What processes cannot report any more, because they are dead or were replaced."""
        for number, ordered in self._faults.items():
            for process, incarnation in list(ordered.incarnations.items()):
                client = self._clients[process]
                if client.is_down or client.engine.incarnation != incarnation:
                    at_ns = client.killed_ns or client.engine.clock.now_ns()
                    if ordered.has_begun:
                        yield FaultEnded(process, number, at_ns, None)
                    else:
                        yield NoFault(process, number, "the engine process was dead")

    def _order_end(self, number: int) -> None:
        for process, incarnation in self._faults[number].incarnations.items():
            client = self._clients[process]
            if client.engine.incarnation == incarnation and not client.is_down:
                client.send(EndFault(number))
