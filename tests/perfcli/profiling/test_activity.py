"""Where time goes: parts of operations exclude one another and make up the whole."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import pytest

from perfcli.agent.profiling.activity import Activity, Part
from perfcli.executors.base import BoundedSchedule
from perfcli.executors.iterations import for_each_vu


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns

    def work(self, ns: int) -> Callable[[], None]:
        def work() -> None:
            self.ns += ns

        return work


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def activity(clock: Clock) -> Activity:
    activity = Activity(clock)
    activity.here.is_vu = activity.here.measured = True
    return activity


def test_nested_parts_are_told_apart(activity: Activity, clock: Clock) -> None:
    waits = activity.within(Part.LOCKS, clock.work(3))

    def query() -> None:
        clock.work(5)()
        waits()
        clock.work(7)()

    def interact() -> None:
        clock.work(11)()
        activity.within(Part.AI, clock.work(100))()
        activity.within(Part.DATABASE, query)()
        clock.work(13)()

    activity.operation("interact", interact, lambda label: None)()
    (parts,) = activity.parts()
    assert (parts.operation, parts.count, parts.whole_ns) == ("interact", 1, 139)
    assert (parts.ai_ns, parts.database_ns, parts.lock_wait_ns, parts.engine_ns) == (100, 12, 3, 24)


def test_a_part_that_raises_is_left(activity: Activity, clock: Clock) -> None:
    def fail() -> None:
        clock.work(5)()
        raise ValueError("no")

    def save() -> None:
        with pytest.raises(ValueError, match="no"):
            activity.within(Part.DATABASE, fail)()
        clock.work(2)()

    activity.operation("save_pet", save, lambda label: None)()
    (parts,) = activity.parts()
    assert (parts.database_ns, parts.engine_ns) == (5, 2)


def test_an_operation_that_fails_counts_and_is_told(activity: Activity, clock: Clock) -> None:
    over: list[str] = []

    def fail() -> None:
        clock.work(5)()
        raise KeyError

    with pytest.raises(KeyError):
        activity.operation("load_pet", fail, over.append)()
    assert activity.parts()[0].engine_ns == 5
    assert over == ["load_pet"]
    assert not activity.counts_here


def test_a_warm_up_is_not_counted(activity: Activity, clock: Clock) -> None:
    activity.here.measured = False
    activity.operation("load_pet", clock.work(5), lambda label: None)()
    assert activity.parts() == []


def test_threads_of_the_engines_own_count_while_there_is_load(activity: Activity) -> None:
    def seen_elsewhere() -> bool:
        seen: list[bool] = []
        thread = Thread(target=lambda: seen.append(activity.counts_here))
        thread.start()
        thread.join()
        return seen[0]

    assert not seen_elsewhere()
    activity.is_loading = True
    assert seen_elsewhere()
    assert not activity.counts_here  # what a vu does between two operations is the harness's


def test_a_bounded_schedule_ends() -> None:
    schedule = BoundedSchedule(for_each_vu(1, 3, 10**12), longest_ns=100)
    assert schedule.next_start_ns(0, 0) == 0
    assert schedule.next_start_ns(0, 100) == 100
    assert schedule.next_start_ns(0, 101) is None
