"""What operations cost in counts, as a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.figures import METRICS
from perfcli.figures.count_changes import MARGIN
from perfcli.figures.engine import COUNTERS, KEPT, count_of
from perfcli.report.blocks import DOUBTFUL, QUIET, Block, Column, Facts, Line, Notes, Section, Table
from perfcli.report.wording import change_style, change_word, counted, figure, name, one_line, percent
from perfcli.results import CounterChange, CounterOutcome, ExactCounters, RunResult

OF_AN_OPERATION: Final = tuple(metric for metric in COUNTERS if metric != KEPT)
"""The counters that each operation has of its own."""

_SIGN: Final = "≈"
ABOUT: Final = (_SIGN, Text("varies between counts: not compared"))
"""The sign before a count that is not exact, with its meaning."""


def exact_section(result: RunResult) -> Iterator[Section]:
    """The counts of each operation; nothing if there are none."""
    counters = result.exact
    if counters is None:
        return
    rows = [_row(counters, label) for label in counters.operations]
    labels = [METRICS[metric].label for metric in OF_AN_OPERATION]
    table = Table(
        (Column("operation", "prose", least=14), *map(Column, (*labels, "counted"))),
        rows,
        "exact counters, per operation",
        first_to_go=("counted",),
        legend=[ABOUT],
    )
    kept = counters.kept_bytes
    facts = [] if kept is None else [("kept", Text(f"{units.format_size(kept)} of memory per operation"))]
    # the verdict lists its reasons by itself
    notes = [Text(note) for note in _not_counted(counters) if note not in result.reasons]
    parts: list[Block] = [
        *([table] if rows else []),
        *([Facts(facts)] if facts else []),
        *([Notes(notes)] if notes else []),
    ]
    if parts:
        yield Section("exact counters", parts, brief=[part for part in parts if not isinstance(part, Facts)])


def _not_counted(counters: ExactCounters) -> Iterator[str]:
    """Each reason, after the metrics that have no value for it."""
    by_reason: dict[str, list[str]] = {}
    for metric, reason in counters.not_counted.items():
        by_reason.setdefault(reason, []).append(metric)
    for reason, metrics in by_reason.items():
        which = "nothing was counted" if len(metrics) == len(COUNTERS) else ", ".join(metrics)
        yield f"{which}: {reason}"


def counts_in_brief(counters: ExactCounters) -> Text:
    """ "80 operations counted, none timed"."""
    done = sum(each.done for each in counters.operations.values())
    return Text(f"{counted(done, 'operation')} counted, none timed")


def _row(counters: ExactCounters, label: str) -> list[Text]:
    operation = counters.operations[label]
    counted_cell = Text(units.format_count(operation.done), QUIET)
    return [name(label), *(count_cell(counters, metric, label) for metric in OF_AN_OPERATION), counted_cell]


def count_cell(counters: ExactCounters, metric: str, label: str) -> Text:
    """A count, with a sign if it varies between counts; empty if it was not counted."""
    value = count_of(counters, metric, label)
    if value is None:
        return Text()
    text = f"{value:,.1f}".removesuffix(".0")
    return Text(text) if counters.is_exact(metric, label) else Text(f"{_SIGN}{text}", DOUBTFUL)


def counter_blocks(counters: Sequence[CounterChange], sides: tuple[str, str]) -> Iterator[Block]:
    """The counters that changed, and how many did not.

    Args:
        sides: the titles of their columns.
    """
    changed = [each for each in counters if each.change in ("regression", "improvement")]
    if changed:
        columns = Column("", "word"), Column("exact counter", "prose", least=24), *map(Column, (*sides, "change"))
        yield Table(columns, list(map(_change_row, changed)), "exact counters", first_to_go=sides)
    if same := sum(each.change == "no change" for each in counters):
        yield Line(Text(f"{counted(same, 'exact counter')} within {units.format_percentage(MARGIN)}", QUIET))
    reasons = Counter(each.reason for each in counters if each.reason)
    yield from (
        Line(Text(f"{counted(count, 'exact counter')} not compared: {one_line(why)}")) for why, count in reasons.items()
    )


def counters_named(counters: Sequence[CounterChange], change: CounterOutcome) -> str:
    """The one that changed most of those that changed so, and how many more; "" if none did."""
    changed = [each for each in counters if each.change == change]
    if not changed:
        return ""
    most = max(changed, key=_size)
    more = f" and {counted(len(changed) - 1, 'more exact counter')}" if len(changed) > 1 else ""
    return f"{counter_name(most)} {counter_change(most)}{more}"


def _size(counter: CounterChange) -> float:
    """How far the larger count exceeds the smaller, as their ratio."""
    least, most = sorted((counter.base or 0.0, counter.now or 0.0))
    return most / least if least > 0 else math.inf


def counter_name(counter: CounterChange) -> str:
    """As a threshold names it."""
    return ".".join(filter(None, (one_line(counter.operation), counter.metric)))


def counter_change(counter: CounterChange) -> str:
    """By how much, as a share of the base; if that is 0, the new value."""
    base, now = counter.base or 0.0, counter.now or 0.0
    return percent(now / base) if base > 0 else f"+{units.format_number(now)}"


def counter_values(counter: CounterChange) -> tuple[Text, Text]:
    """Both counts in their unit."""
    write = partial(units.format_quantity, METRICS[counter.metric].unit)
    return figure(counter.base, write), figure(counter.now, write)


def _change_row(counter: CounterChange) -> list[Text]:
    change = Text(counter_change(counter), change_style(counter.change))
    return [change_word(counter.change), name(counter_name(counter)), *counter_values(counter), change]
