"""Faults that several engine processes inflict on themselves: one span, and what all of them hit together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from perfcli.run.ordered_faults import OrderedFaults
from perfcli.wire import BeginFault, EndFault, FaultBegan, FaultEnded, NoFault


class Client:
    """An engine process at work, and what it is sent."""

    def __init__(self) -> None:
        self.has_engine = self.has_vus = self.is_measuring = True
        self.is_away = self.is_down = False
        self.killed_ns: int | None = None
        self.engine = SimpleNamespace(incarnation=0)
        self.sent: list[object] = []

    def send(self, message: object) -> None:
        self.sent.append(message)


@pytest.fixture
def clients() -> list[Any]:
    return [Client(), Client()]


def ordered(clients: list[Any]) -> OrderedFaults:
    faults = OrderedFaults(clients)
    assert faults.order(0, in_engine=True) is not None
    return faults


def test_its_span_begins_with_the_first_process_that_has_it(clients: list[Any]) -> None:
    faults = ordered(clients)
    assert [client.sent for client in clients] == [[BeginFault(0)]] * 2
    assert faults.began(FaultBegan(1, 0, 100))
    assert not faults.began(FaultBegan(0, 0, 90))


@pytest.mark.parametrize(("hits", "expected"), [((2, 3), 5), ((None, 3), 3), ((0, 0), 0), ((None, None), None)])
def test_it_ends_with_the_last_and_all_hits_count(
    hits: tuple[int | None, int | None], expected: int | None, clients: list[Any]
) -> None:
    faults = ordered(clients)
    faults.began(FaultBegan(0, 0, 100))
    faults.began(FaultBegan(1, 0, 100))
    assert faults.ended(FaultEnded(1, 0, 700, hits[0])) is None
    assert faults.ended(FaultEnded(0, 0, 600, hits[1])) == (700, expected)


def test_it_has_no_end_if_a_process_could_not_inflict_it(clients: list[Any]) -> None:
    faults = ordered(clients)
    faults.failed(NoFault(0, 0, "not here"))
    assert not faults.began(FaultBegan(1, 0, 100))
    assert faults.ended(FaultEnded(1, 0, 600, 2)) is None


def test_a_process_that_was_killed_has_it_no_more(clients: list[Any]) -> None:
    faults = ordered(clients)
    assert list(faults.of_the_dead()) == []
    clients[0].is_down, clients[0].killed_ns = True, 300
    assert list(faults.of_the_dead()) == [NoFault(0, 0, "the engine process was dead")]
    faults.began(FaultBegan(1, 0, 100))
    assert list(faults.of_the_dead()) == [FaultEnded(0, 0, 300, None)]


def test_only_processes_that_still_have_it_are_told_to_end_it(clients: list[Any]) -> None:
    lift = OrderedFaults(clients).order(0, in_engine=True)
    assert lift is not None
    clients[1].engine.incarnation = 1
    lift()
    assert [client.sent[1:] for client in clients] == [[EndFault(0)], []]


def test_it_waits_while_a_process_is_replaced(clients: list[Any]) -> None:
    clients[1].is_away = True
    assert OrderedFaults(clients).order(0, in_engine=True) is None
    assert clients[0].sent == []


@pytest.mark.parametrize(("in_engine", "expected"), [(True, [True, False]), (False, [False, True])])
def test_it_is_ordered_where_it_acts(in_engine: bool, expected: list[bool], clients: list[Any]) -> None:
    clients[0].has_vus = clients[1].has_engine = False
    OrderedFaults(clients).order(0, in_engine=in_engine)
    assert [bool(client.sent) for client in clients] == expected
