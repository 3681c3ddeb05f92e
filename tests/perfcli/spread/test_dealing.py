"""Jobs dealt out to machines: each done once, in order of their begin, and errors told."""

from __future__ import annotations

from itertools import count, islice
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from perfcli.errors import MachineLost, UsageError
from perfcli.run import StopRequest
from perfcli.spread.dealing import Dealer


def machines(*names: str) -> list[Any]:
    return [SimpleNamespace(machine=SimpleNamespace(name=name)) for name in names]


def test_every_job_is_done_once() -> None:
    dealer: Dealer[int, int] = Dealer(machines("a", "b", "c"), lambda runner, job: job * job, StopRequest())
    assert sorted((done.number, done.result) for done in dealer.deal(range(30))) == [(n, n * n) for n in range(30)]


def test_a_job_of_a_machine_that_is_lost_before_it_began_goes_to_another_one() -> None:
    def do(runner: Any, job: int) -> str:
        if runner.machine.name == "a":
            raise MachineLost("a", "gone")
        return str(runner.machine.name)

    dealer: Dealer[int, str] = Dealer(machines("a", "b"), do, StopRequest())
    assert sorted((done.number, done.result) for done in dealer.deal(range(5))) == [(n, "b") for n in range(5)]
    assert dealer.lost == ["machine a is lost: gone"]


def test_an_idle_machine_takes_the_job_of_one_that_is_lost_late() -> None:
    others_are_done = Event()

    def do(runner: Any, job: int) -> str:
        if runner.machine.name == "a":
            others_are_done.wait(10)
            raise MachineLost("a", "gone")
        return "b"

    dealer: Dealer[int, str] = Dealer(machines("a", "b"), do, StopRequest())
    done = []
    for each in dealer.deal(range(2)):
        done.append(each.number)
        others_are_done.set()
    assert sorted(done) == [0, 1]


def test_without_a_machine_jobs_stay_undone() -> None:
    def do(runner: Any, job: int) -> int:
        raise MachineLost(runner.machine.name, "gone")

    dealer: Dealer[int, int] = Dealer(machines("a", "b"), do, StopRequest())
    assert list(dealer.deal(range(3))) == []
    assert len(dealer.lost) == 2


def test_a_mistake_ends_all() -> None:
    def do(runner: Any, job: int) -> int:
        if job == 3:
            raise UsageError("a package is missing")
        return job

    dealer: Dealer[int, int] = Dealer(machines("a"), do, StopRequest())
    with pytest.raises(UsageError, match="a package is missing"):
        list(dealer.deal(count()))


def test_a_stop_begins_no_more() -> None:
    stop, begun_after = StopRequest(), list[int]()

    def do(runner: Any, job: int) -> int:
        if stop.reason:
            begun_after.append(job)
        return job

    dealer: Dealer[int, int] = Dealer(machines("a", "b"), do, stop)
    jobs = dealer.deal(count())
    assert len(list(islice(jobs, 4))) == 4
    stop.reason = "enough"
    assert len(list(jobs)) >= len(begun_after)
    dealer.wait()
    assert all(not thread.is_alive() for thread in dealer._threads)
    assert len(begun_after) <= 2, "each machine may have taken one a moment before"
