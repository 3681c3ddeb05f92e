"""What tests of executors share: loads made in a line, and a fake clock under which vus ask in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

import pytest
from pydantic import TypeAdapter

from perfcli.executors import WHOLE, Load, LoadSettings, Share

LOAD: TypeAdapter[LoadSettings] = TypeAdapter(Load)


class Iteration(NamedTuple):
    """One iteration as the fake clock saw it, all in ns since the phase began."""

    vu: int
    intended_ns: int
    start_ns: int
    end_ns: int


EndOf = Callable[[int], int]
"""When an iteration that starts at some ns ends."""


def at_once(start_ns: int) -> int:
    """The end of an iteration that takes no time."""
    return start_ns


def _make(**settings: object) -> LoadSettings:
    return LOAD.validate_python(settings)


def _drive(load: LoadSettings, end_of: EndOf = at_once, share: Share = WHOLE, most: int = 100_000) -> list[Iteration]:
    """Let the vus of a share iterate until their schedule is over, in the order of their actual starts."""
    schedule, done = load.schedule(share), []
    asking = [(0, vu) for vu in range(share.index, load.vu_count, share.of)]
    while asking and len(done) < most:
        now_ns, vu = heapq.heappop(asking)
        intended_ns = schedule.next_start_ns(vu, now_ns)
        if intended_ns is not None:
            start_ns = max(now_ns, intended_ns)
            done.append(Iteration(vu, intended_ns, start_ns, end_of(start_ns)))
            heapq.heappush(asking, (done[-1].end_ns, vu))
    return sorted(done, key=lambda iteration: iteration.start_ns)


@pytest.fixture
def make() -> Callable[..., LoadSettings]:
    """The load that settings write."""
    return _make


@pytest.fixture
def drive() -> Callable[..., list[Iteration]]:
    """A whole phase on a fake clock: load, when iterations end, share, and how many iterations are enough."""
    return _drive
