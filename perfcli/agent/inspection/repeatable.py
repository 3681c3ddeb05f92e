"""Chance and time made to repeat, for a process that counts: what an engine does by them is the same each time."""

from __future__ import annotations

import math
import os
import random
import time
from threading import get_ident
from typing import Final

_STEP_S: Final = 2**-10  # an exact sum, however often it is added
_STANDS_STILL_S: Final = 0.05
_SET_UP_S: Final = 60.0


def make_chance_repeat(seed: int) -> None:
    """Have the system's random bytes, so uuid4 and `secrets` too, and the module `random` repeat in each process."""
    draw = random.Random(seed).randbytes
    os.urandom = draw
    random._urandom = draw  # type: ignore[attr-defined]  # what SystemRandom draws from
    random.seed(seed)


class SteadyTime:
    """The monotonic clock as this thread sees it: 1/1024 s goes by with each operation, however long that takes.

    An engine that looks at something every 50 ms then does so in the same operations each time. One that waits within
    an operation is not kept waiting for good: what an operation takes beyond 50 ms does pass; so does what all before
    the first operation takes beyond a minute.
    """

    def __init__(self) -> None:
        self._real = time.monotonic
        self._thread = get_ident()
        self._began_s = self._real()
        self._now_s = float(math.ceil(self._began_s))
        self._stands_still_s = _SET_UP_S

    def install(self) -> None:
        """Put it in the place of the clocks in the module `time`; for a process that is about to end."""
        time.monotonic = time.perf_counter = self.seconds
        time.monotonic_ns = time.perf_counter_ns = self.nanoseconds

    def next_operation(self) -> None:
        """An operation begins."""
        self._began_s = self._real()
        self._stands_still_s = _STANDS_STILL_S
        self._now_s += _STEP_S

    def seconds(self) -> float:
        """What the clock shows."""
        real_s = self._real()
        if get_ident() != self._thread:
            return real_s
        return self._now_s + max(0.0, real_s - self._began_s - self._stands_still_s)

    def nanoseconds(self) -> int:
        """The same in ns."""
        return int(self.seconds() * 1e9)
