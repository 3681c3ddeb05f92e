"""Checkpoints that engine processes leave together."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.judgement import Ending
from perfcli.pool.protocol import EngineClock
from perfcli.run.barrier import Barrier
from perfcli.wire import StopLoad

NOW_NS = 5_000_000_000
LEAD_NS = 20_000_000


class Engine:
    def __init__(self, bound_ns: int) -> None:
        self.clock = EngineClock(is_shared=False)
        self.clock.compare([(0, bound_ns, 2 * bound_ns)])


class Client:
    """One that waits at a checkpoint, and notes when it may go on."""

    def __init__(self, waits_at: str, bound_ns: int = 0) -> None:
        self.waits_at = waits_at
        self.is_away = False
        self.engine = Engine(bound_ns)
        self.goes_at_ns: int | None = None
        self.ending: Ending | None = None
        self.sent: list[Any] = []

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def go(self, at_ns: int) -> None:
        self.waits_at, self.goes_at_ns = "", at_ns


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfcli.run.barrier.time.perf_counter_ns", lambda: NOW_NS)


def released(*clients: Client) -> tuple[list[int | None], list[str]]:
    """When each goes on, and at which checkpoints all were looked at."""
    looked: list[str] = []
    waiting: list[Any] = list(clients)
    Barrier(waiting, looked.append).release()
    return [client.goes_at_ns for client in clients], looked


def test_one_alone_goes_on_at_once() -> None:
    assert released(Client("baseline", bound_ns=30_000_000)) == ([0], ["baseline"])


def test_all_go_on_at_one_time_that_the_slowest_line_can_keep() -> None:
    at_ns = NOW_NS + LEAD_NS + 30_000_000
    clients = [Client("baseline", bound_ns) for bound_ns in (5_000_000, 30_000_000, 0)]
    assert released(*clients) == ([at_ns] * 3, ["baseline"])


@pytest.mark.parametrize("other", ["", "end"])
def test_none_goes_on_before_the_last_has_arrived(other: str) -> None:
    assert released(Client("baseline"), Client(other)) == ([None, None], [])


def test_the_first_process_opens_the_database_alone() -> None:
    at_ns = NOW_NS + LEAD_NS
    assert released(Client("harness"), Client("harness")) == ([at_ns, None], ["harness"])
    assert released(Client("opened"), Client("harness")) == ([None, at_ns], [])
    assert released(Client("opened"), Client("opened")) == ([at_ns, at_ns], ["opened"])


class Hosted:
    """Two processes that load the server of a third."""

    def __init__(self, load: str, host: str) -> None:
        self.load, self.host = [Client(load), Client(load)], Client(host)
        self.looked: list[str] = []
        clients: list[Any] = [*self.load, self.host]
        self.barrier = Barrier(clients, self.looked.append, host=2)
        self.barrier.release()

    @property
    def gone_on(self) -> tuple[list[bool], bool]:
        return [client.goes_at_ns is not None for client in self.load], self.host.goes_at_ns is not None


@pytest.mark.parametrize(
    ("load", "host", "gone_on", "looked"),
    [
        ("harness", "harness", ([False, False], True), ["harness"]),
        ("harness", "opened", ([True, True], False), []),
        ("baseline", "baseline", ([True, True], True), ["baseline"]),
        ("wave", "", ([True, True], False), ["wave"]),
        ("end", "", ([False, False], False), []),
        ("end", "end", ([True, True], True), ["end"]),
        ("account", "account", ([True, True], False), ["account"]),
    ],
)
def test_a_host_opens_first_has_no_part_in_waves_and_leaves_last(
    load: str, host: str, gone_on: tuple[list[bool], bool], looked: list[str]
) -> None:
    hosted = Hosted(load, host)
    assert (hosted.gone_on, hosted.looked) == (gone_on, looked)


def test_a_host_is_told_once_when_the_load_of_all_is_over() -> None:
    hosted = Hosted("end", "")
    hosted.barrier.release()
    assert hosted.host.sent == [StopLoad()]


def test_a_host_that_is_being_replaced_is_told_when_it_is_back() -> None:
    hosted = Hosted("", "")
    hosted.host.is_away = True
    for client in hosted.load:
        client.waits_at = "end"
    hosted.barrier.release()
    assert hosted.host.sent == []
    hosted.host.is_away = False
    hosted.barrier.release()
    assert hosted.host.sent == [StopLoad()]


def test_a_host_leaves_when_all_others_have_left() -> None:
    hosted = Hosted("account", "account")
    for client in hosted.load:
        assert hosted.host.goes_at_ns is None
        client.ending = Ending()
        hosted.barrier.release()
    assert hosted.host.goes_at_ns == 0
    assert hosted.looked == ["account"]
