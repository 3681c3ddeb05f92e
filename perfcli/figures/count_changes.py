"""What became of exact counters between two engines: the same software gives the same counts on any machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from perfcli.figures.engine import CALLS, COUNTERS, KEPT, count_of
from perfcli.results import CounterChange, CounterOutcome, ExactCounters

MARGIN: Final = 0.02
MEMORY_MARGIN: Final = 0.05
MEMORY_FLOOR_BYTES: Final = 64.0
"""Memory is compared above this much, and a change of less is none."""

_OF_PYTHON: Final = (CALLS, KEPT)
_OF_BOTH: Final = {"seed": "the seed", "tool_version": "digipal-perf"}
_WITH_PYTHON: Final = {"python": "Python", "system": "the operating system"}
_WITH_SQLITE: Final = {"sqlite": "SQLite", "sqlite_options": "SQLite's compile options (digest)"}


def count_changes(
    base: ExactCounters,
    now: ExactCounters,
    obstacle: str = "",
    *,
    names: tuple[str, str] = ("the baseline", "this run"),
) -> list[CounterChange]:
    """What became of each counter of each operation that both engines have; a counter that one lacks is incomparable.

    Args:
        obstacle: why nothing can be compared; "" if it can.
        names: what reasons call them.
    """
    return [
        count_change(base, now, metric, label, obstacle=obstacle, names=names) for label, metric in _either(base, now)
    ]


def _either(base: ExactCounters, now: ExactCounters) -> Iterator[tuple[str, str]]:
    """Each operation of both with each counter that either has; "" for all operations together."""
    for label in (*(each for each in now.operations if each in base.operations), ""):
        for metric in COUNTERS:
            # of all operations together only what no operation has by itself
            belongs = (label == "") == (metric == KEPT)
            if belongs and (count_of(base, metric, label), count_of(now, metric, label)) != (None, None):
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


def count_change(
    base: ExactCounters,
    now: ExactCounters,
    metric: str,
    label: str = "",
    *,
    obstacle: str = "",
    names: tuple[str, str] = ("the baseline", "this run"),
) -> CounterChange:
    """What became of one counter; the arguments are those of `count_changes`."""
    before, after = count_of(base, metric, label), count_of(now, metric, label)
    change: CounterOutcome = "incomparable"
    obstacle = obstacle or _obstacle(base, now, metric)
    reason = obstacle or _missing(base, now, metric, label, names) or _unlike(base, now, metric, label)
    if not reason and before is not None and after is not None:
        worse, better = _is_more(metric, before, after), _is_more(metric, after, before)
        change = "regression" if worse else "improvement" if better else "no change"
    return CounterChange(operation=label, metric=metric, base=before, now=after, change=change, reason=reason)


def _missing(base: ExactCounters, now: ExactCounters, metric: str, label: str, names: tuple[str, str]) -> str:
    """Why one of both has no value; "" if both have one."""
    for counters, which in zip((base, now), names, strict=True):
        if count_of(counters, metric, label) is None:
            return f"{which} has no count: {counters.not_counted.get(metric, 'none was made')}"
    return ""


def _unlike(base: ExactCounters, now: ExactCounters, metric: str, label: str) -> str:
    """Why two values are not of the same work; "" if they are."""
    if not (base.is_exact(metric, label) and now.is_exact(metric, label)):
        return "it varies between counts"
    # what fails often stops early, and costs less
    before, after = _failed(base, label), _failed(now, label)
    return "" if before == after else f"{after:,} counted operations failed, were {before:,}"


def _failed(counters: ExactCounters, label: str) -> int:
    operations = [counters.operations[label]] if label else counters.operations.values()
    return sum(each.failed for each in operations)


def _is_more(metric: str, before: float, after: float) -> bool:
    if metric == KEPT:
        floor = MEMORY_FLOOR_BYTES
        return after - before >= floor and after + floor >= (max(0.0, before) + floor) * (1 + MEMORY_MARGIN)
    return after > before * (1 + MARGIN)


def most_severe(changes: Sequence[CounterChange]) -> CounterOutcome:
    """The most severe change of those that could be compared; "incomparable" if none could."""
    found = {each.change for each in changes}
    ordered: tuple[CounterOutcome, ...] = ("regression", "improvement", "no change")
    return next((each for each in ordered if each in found), "incomparable")
