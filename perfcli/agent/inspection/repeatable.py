"""Chance, time and memory made to repeat, for a process that counts: the same engine then does the same each time."""

from __future__ import annotations

import gc
import math
import os
import random
import sqlite3
import time
import tracemalloc
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Final

from perfcli.plan import MOST_PASSES

_STEP_S: Final = 2**-10  # an exact sum, however often it is added
_FREE_LOOKS: Final = 50
_LOOK_S: Final = 2**-4
_SET_UP_S: Final = 60.0


def make_chance_repeat(seed: int) -> None:
    """Have the system's random bytes, so uuid4 and `secrets` too, and the module `random` repeat in each process."""
    draw = random.Random(seed).randbytes
    os.urandom = draw
    random._urandom = draw  # type: ignore[attr-defined]  # what SystemRandom draws from
    random.seed(seed)


class SteadyTime:
    """The monotonic clock as this thread sees it: 1/1024 s goes by with each operation, however long that takes.

    An engine that looks at something every 50 ms then does so in the same operations each time, also on a machine that
    stops it now and then. One that waits for a time within an operation is not kept waiting for good: from the 51st
    look at the clock on, each moves it by 1/16 s. What all before the first operation takes beyond a minute does pass.
    After the last operation time passes as ever.
    """

    def __init__(self) -> None:
        self._real = time.monotonic
        self._thread = get_ident()
        began_s = self._real()
        self._now_s = float(math.ceil(began_s))
        self._passes_from_s = began_s + _SET_UP_S
        self._is_counting = False
        self._looks = 0

    def install(self) -> None:
        """Put it in the place of the clocks in the module `time`; for a process that is about to end."""
        time.monotonic = time.perf_counter = self.seconds
        time.monotonic_ns = time.perf_counter_ns = self.nanoseconds

    def next_operation(self) -> None:
        """An operation begins."""
        if not self._is_counting:
            self._now_s = self.seconds()
            self._is_counting = True
        self._looks = 0
        self._now_s += _STEP_S

    def end_operations(self) -> None:
        """No operation follows: time passes as ever."""
        self._is_counting = False
        self._passes_from_s = self._real()

    def seconds(self) -> float:
        """What the clock shows."""
        if get_ident() != self._thread:
            return self._real()
        if not self._is_counting:
            return self._now_s + max(0.0, self._real() - self._passes_from_s)
        self._looks += 1
        if self._looks > _FREE_LOOKS:
            self._now_s += _LOOK_S
        return self._now_s

    def nanoseconds(self) -> int:
        """The same in ns."""
        return int(self.seconds() * 1e9)


def weigh(do: Callable[[], object], forget: Callable[[], None]) -> int:
    """Bytes that operations leave allocated by Python, of the last pass: those before also leave what is made once.

    Args:
        do: makes a pass.
        forget: lets go of what the harness keeps of the calls.
    """
    tracemalloc.start()
    try:
        for _ in range(MOST_PASSES - 1):
            do()
        before_bytes = _kept_bytes(forget)
        do()
        return _kept_bytes(forget) - before_bytes
    finally:
        tracemalloc.stop()


_CURSORS: Final = 200


def drop_cursor_references(connections: Iterable[sqlite3.Connection]) -> None:
    """Have each connection drop its weak references to cursors that are gone, while memory is traced.

    It does so by itself with every 200th cursor that it makes (`created_cursors` in CPython's connection.c): how many
    it holds in between says nothing of what an operation keeps.
    """
    for connection in connections:
        before_bytes = 0
        for _ in range(_CURSORS + 1):
            try:
                sqlite3.Connection.cursor(connection)
            except sqlite3.ProgrammingError:  # closed, or another thread's
                break
            now_bytes = tracemalloc.get_traced_memory()[0]
            if now_bytes < before_bytes:
                break
            before_bytes = now_bytes


def _kept_bytes(forget: Callable[[], None]) -> int:
    """What Python has allocated since tracing began, all garbage collected."""
    forget()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
