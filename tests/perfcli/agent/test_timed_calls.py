"""Calls with a limit of time: answers, errors and times as of a plain call, and a vu that goes on when one hangs."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from threading import Event, Thread

import pytest

from perfcli.agent import timed_calls as module
from perfcli.agent.timed_calls import TimedCaller, TimedOut
from perfcli.targets.protocol import EngineGone

LONG_NS = 60 * 10**9
SHORT_NS = 20 * 10**6


@pytest.fixture
def over() -> Iterator[Event]:
    """What hanging calls wait for; set at the end, so that no thread outlives its test."""
    over = Event()
    yield over
    over.set()


@pytest.fixture
def stuck() -> Iterator[set[Thread]]:
    stuck: set[Thread] = set()
    yield stuck
    for thread in tuple(stuck):
        thread.join()


@pytest.fixture
def caller(stuck: set[Thread], over: Event) -> Iterator[TimedCaller]:
    caller = TimedCaller("vu-1", stuck)
    yield caller
    over.set()
    caller._hand.orders.put(None)
    caller.thread.join()


def test_an_answer_comes_back(caller: TimedCaller) -> None:
    assert caller.do(divmod, (7, 2), LONG_NS)[2] == (3, 1)


def test_times_are_read_by_the_thread_that_calls(stuck: set[Thread]) -> None:
    """A clock that says how often it was read, and by whom: nothing but the call lies between its two readings."""
    ticks, readers = count(), []

    def now_ns() -> int:
        readers.append(threading.current_thread())
        return next(ticks)

    caller = TimedCaller("vu-1", stuck, now_ns)
    start_ns, end_ns, tick = caller.do(lambda: next(ticks), (), LONG_NS)
    assert (start_ns, tick, end_ns) == (1, 2, 3)
    assert (caller.start_ns, caller.end_ns) == (1, 3)
    assert readers == [threading.current_thread(), caller.thread, caller.thread]
    caller._hand.orders.put(None)


@pytest.mark.parametrize("raised", [ValueError("no pet"), SystemExit(3), TimeoutError("its own")])
def test_what_a_call_raises_is_raised(caller: TimedCaller, raised: BaseException) -> None:
    def invoke() -> None:
        raise raised

    with pytest.raises(type(raised)) as caught:
        caller.do(invoke, (), LONG_NS)
    assert caught.value is raised
    assert caller.end_ns >= caller.start_ns > 0
    assert caller.do(str, (1,), LONG_NS)[2] == "1"


def test_one_thread_does_all_calls_of_a_vu(caller: TimedCaller) -> None:
    assert {caller.do(threading.get_ident, (), LONG_NS)[2] for _ in range(5)} == {caller.thread.ident}


def test_a_call_that_hangs_is_left_behind(caller: TimedCaller, stuck: set[Thread], over: Event) -> None:
    first = caller.thread
    with pytest.raises(TimedOut, match=r"no answer within 20\.0 ms"):
        caller.do(over.wait, (), SHORT_NS)
    assert caller.end_ns - caller.start_ns >= SHORT_NS
    assert stuck == {first}
    assert caller.do(str, (1,), LONG_NS)[2] == "1"
    assert caller.thread is not first


def test_a_late_answer_is_ignored_and_its_thread_ends(caller: TimedCaller, stuck: set[Thread], over: Event) -> None:
    first = caller.thread
    with pytest.raises(TimedOut):
        caller.do(over.wait, (), SHORT_NS)
    over.set()
    first.join()
    assert stuck == set()
    assert caller.do(str, (1,), LONG_NS)[2] == "1"


def test_an_answer_that_took_too_long_is_late_though_nobody_had_given_up(stuck: set[Thread]) -> None:
    ticks = count(0, 50)
    caller = TimedCaller("vu-1", stuck, lambda: next(ticks) * 10**9)
    first = caller.thread
    with pytest.raises(TimedOut):
        caller.do(str, (1,), 49 * 10**9)
    assert caller.end_ns - caller.start_ns == 50 * 10**9
    assert caller.thread is first
    assert stuck == set()
    caller._hand.orders.put(None)


def test_an_engine_that_only_hangs_is_gone(
    monkeypatch: pytest.MonkeyPatch, caller: TimedCaller, stuck: set[Thread], over: Event
) -> None:
    monkeypatch.setattr(module, "MOST_STUCK", 3)
    for _ in range(2):
        with pytest.raises(TimedOut):
            caller.do(over.wait, (), SHORT_NS)
    with pytest.raises(EngineGone, match="3 calls have not returned: the engine is hung"):
        caller.do(over.wait, (), SHORT_NS)


def test_a_system_without_another_thread_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, caller: TimedCaller, over: Event
) -> None:
    def start(thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", start)
    with pytest.raises(EngineGone, match="no thread is left for another call, 1 hang: can't start new thread"):
        caller.do(over.wait, (), SHORT_NS)


class Pet:
    """Something that can be waited for to be gone."""


@pytest.mark.parametrize("invoke", [lambda pet: None, lambda pet: 1 / 0])
def test_nothing_of_a_call_is_kept(caller: TimedCaller, invoke: Callable[[Pet], object]) -> None:
    gc.disable()
    try:
        pet = Pet()
        gone = weakref.ref(pet)
        with suppress(ZeroDivisionError):
            caller.do(invoke, (pet,), LONG_NS)
        del pet
        # the thread has let go of it once it has taken the next call
        caller.do(int, (), LONG_NS)
        assert gone() is None
    finally:
        gc.enable()
