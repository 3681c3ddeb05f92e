"""Locks that an engine makes are followed, those of everybody else stay as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from perfcli.agent.profiling.activity import Activity
from perfcli.agent.profiling.tracing import FollowedLock, LockHooks, LockWaits

Make = Callable[[str], Any]


@pytest.fixture
def activity() -> Activity:
    activity = Activity()
    activity.here.label = "save_pet"
    return activity


@pytest.fixture
def waits(activity: Activity) -> LockWaits:
    return LockWaits(activity)


@pytest.fixture
def make(waits: LockWaits) -> Iterator[Make]:
    """Make something of threading's in a module of an engine."""
    hooks = LockHooks(waits)
    hooks.install()

    def make(what: str) -> Any:
        scope: dict[str, Any] = {"__name__": "digipal.core.locks"}
        exec(compile(f"import threading, queue\nmade = {what}", "/elsewhere/locks.py", "exec"), scope)
        return scope["made"]

    yield make
    hooks.remove()


def in_another_thread(does: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=does)
    thread.start()
    return thread


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_wait_is_counted_by_place_and_operation(make: Make, waits: LockWaits, kind: str) -> None:
    lock = make(f"threading.{kind}()")
    taken, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            let_go.wait(5)

    thread = in_another_thread(hold)
    assert taken.wait(5)
    assert not lock.acquire(blocking=False)
    assert not lock.acquire(timeout=0.01)
    let_go.set()
    with lock:
        pass
    thread.join()
    (found,) = waits.figures()
    assert (found.kind, found.place, found.waits >= 1) == (kind, "locks.py:2", True)
    assert found.operations == {"save_pet": found.wait_ns}
    assert 0 < found.longest_ns <= found.wait_ns


def test_a_free_lock_costs_no_wait(make: Make, waits: LockWaits) -> None:
    lock = make("threading.RLock()")
    with lock, lock:
        pass
    (found,) = waits.figures()
    assert (found.acquired, found.waits, found.wait_ns) == (2, 0, 0)


def test_a_condition_is_one_place(make: Make, waits: LockWaits) -> None:
    condition = make("threading.Condition()")
    with condition:
        assert not condition.wait(0.01)
    kinds = {found.kind: found.waits for found in waits.figures()}
    assert kinds["Condition"] == 1


def test_what_the_library_makes_for_an_engine_is_the_engines(make: Make, waits: LockWaits) -> None:
    event, things = make("threading.Event()"), make("queue.Queue()")
    assert not event.wait(0.01)
    things.put(1)
    assert things.get() == 1
    assert {found.place for found in waits.figures()} == {"locks.py:2"}


def test_locks_of_others_are_threadings_own(make: Make) -> None:
    assert not isinstance(threading.Lock(), FollowedLock)
    assert isinstance(make("threading.Lock()"), FollowedLock)
    assert threading.Lock | None  # as annotations of later Pythons have it


def test_an_engines_own_threads_may_wait(make: Make, waits: LockWaits, activity: Activity) -> None:
    activity.here.label = ""
    event = make("threading.Event()")
    event.wait(0.01)
    assert all(found.waits == 0 for found in waits.figures())
