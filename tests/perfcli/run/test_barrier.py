"""Checkpoints that engine processes leave together."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.pool.protocol import EngineClock
from perfcli.run.barrier import Barrier

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
        self.engine = Engine(bound_ns)
        self.goes_at_ns: int | None = None

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
