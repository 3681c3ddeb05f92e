"""What became of exact counters between two engines: the same software gives the same counts on any machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from perfcli.figures.counts import CALLS, COUNTERS, KEPT, count_of
from perfcli.results import CounterChange, ExactCounters

MARGIN: Final = 0.02
MEMORY_MARGIN: Final = 0.05
MEMORY_FLOOR_BYTES: Final = 64.0
"""Memory is compared above this much, and a change of less is none."""

_OF_PYTHON: Final = (CALLS, KEPT)
_OF_BOTH: Final = {"seed": "the seed", "tool_version": "digipal-perf"}
_WITH_PYTHON: Final = {"python": "Python", "system": "the operating system"}
_WITH_SQLITE: Final = {"sqlite": "SQLite", "sqlite_options": "SQLite's compile options (digest)"}


def count_changes(base: ExactCounters, now: ExactCounters, obstacle: str = "") -> list[CounterChange]:
    """What became of each counter of each operation that both engines have.

    Args:
        obstacle: why nothing can be compared; "" if it can.
    """
    obstacles = {metric: obstacle or _obstacle(base, now, metric) for metric in COUNTERS}
    return [_change(base, now, metric, label, obstacles[metric]) for label, metric in _both(base, now)]


def _both(base: ExactCounters, now: ExactCounters) -> Iterator[tuple[str, str]]:
    for label in (*(each for each in now.operations if each in base.operations), ""):
        for metric in COUNTERS:
            # of all operations together only what no operation has by itself
            if (label == "") == (metric == KEPT) and None not in (
                count_of(base, metric, label),
                count_of(now, metric, label),
            ):
                yield label, metric


def _obstacle(base: ExactCounters, now: ExactCounters, metric: str) -> str:
    """What makes a counter differ whatever the engine does; "" if nothing does."""
    needed = _OF_BOTH | (_WITH_PYTHON if metric in _OF_PYTHON else _WITH_SQLITE)
    differing = [
        f"{words} is {getattr(now, field)}, was {getattr(base, field)}"
        for field, words in needed.items()
        if getattr(now, field) != getattr(base, field)
    ]
    return "; ".join(differing)


def _change(base: ExactCounters, now: ExactCounters, metric: str, label: str, obstacle: str) -> CounterChange:
    before, after = count_of(base, metric, label) or 0.0, count_of(now, metric, label) or 0.0
    inexact = [each for each in (base, now) if not each.is_exact(metric, label)]
    reason = obstacle or ("it differs from count to count" if inexact else "")
    worse = False if reason else _is_more(metric, before, after)
    better = False if reason else _is_more(metric, after, before)
    change = "incomparable" if reason else "regression" if worse else "improvement" if better else "no change"
    return CounterChange(operation=label, metric=metric, base=before, now=after, change=change, reason=reason)


def _is_more(metric: str, before: float, after: float) -> bool:
    if metric == KEPT:
        floor = MEMORY_FLOOR_BYTES
        return after - before >= floor and after + floor >= (max(0.0, before) + floor) * (1 + MEMORY_MARGIN)
    return after > before * (1 + MARGIN)


def gravest(changes: Sequence[CounterChange]) -> str:
    """The gravest change of those that could be compared; "" if none could."""
    found = {each.change for each in changes}
    return next((each for each in ("regression", "improvement", "no change") if each in found), "")
