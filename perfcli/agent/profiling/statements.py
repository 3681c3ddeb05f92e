"""What is known of each statement: how often, how long, for which operation, and from which line of the engine."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import FrameType
from typing import Any, Final

from perfcli.agent.profiling import places
from perfcli.agent.profiling.activity import Activity
from perfcli.metrics.histogram import Histogram, bucket_floor
from perfcli.results.findings import StatementFigures

MANY_IN_ONE_OPERATION: Final = 5
"""A statement that one operation runs so often, in the mean of those that run it at all, is one too many times N."""

MOST_STATEMENTS: Final = 500
OTHERS: Final = "(other statements)"
_MOST_LINES: Final = 3
_LITERAL: Final = re.compile(
    r"'(?:[^']|'')*'|\b0x[0-9a-f]+\b|(?<![\w.?:@$])\d+(?:\.\d+)?(?:e[+-]?\d+)?\b", re.IGNORECASE
)
_LIST: Final = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")
_TRANSACTION: Final = re.compile(r"\s*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|PRAGMA)\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def normalised(sql: str) -> str:
    """A statement as one of its kind: on one line, without comments' blanks, every value in it as ?."""
    return _LIST.sub("(?, ...)", _LITERAL.sub("?", " ".join(sql.split())))


@dataclass(slots=True)
class Entry:
    """One statement as one thread ran it."""

    sql: str
    parameters: Any
    called_from: list[str]
    count: int = 0
    total_ns: int = 0
    rows: int = 0
    lock_wait_ns: int = 0
    durations: Counter[int] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    uses: int = 0
    most: int = 0

    def add(self, spent_ns: int, rows: int) -> None:
        """One run is over."""
        self.total_ns += spent_ns
        self.rows += rows
        self.durations[bucket_floor(spent_ns)] += 1


class _Book(threading.local):
    """The statements of one thread, so that threads need not wait for one another."""

    def __init__(self, books: list[dict[str, Entry]]) -> None:
        self.entries: dict[str, Entry] = {}
        self.in_this_operation: Counter[str] = Counter()
        books.append(self.entries)


class Statements:
    """All that ran while operations were measured."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._books: list[dict[str, Entry]] = []
        self._book = _Book(self._books)

    def begin(self, sql: str, parameters: Any, caller: FrameType, without: set[str]) -> Entry:
        """A statement begins to run; its entry in this thread's book.

        Args:
            without: modules of the engine that every statement comes through.
        """
        book, key = self._book, normalised(sql)
        if key not in book.entries and len(book.entries) >= MOST_STATEMENTS:
            key = OTHERS
        entry = book.entries.get(key)
        if entry is None:
            lines = places.called_from(caller, _MOST_LINES, without=without) or places.called_from(caller, _MOST_LINES)
            entry = book.entries[key] = Entry(sql, parameters, lines)
        entry.count += 1
        entry.operations[self._activity.here.label] += 1
        book.in_this_operation[key] += 1
        return entry

    def operation_is_over(self, label: str) -> None:
        """Note how often the operation of this thread ran each statement."""
        book = self._book
        for key, times in book.in_this_operation.items():
            entry = book.entries[key]
            entry.uses += 1
            entry.most = max(entry.most, times)
        book.in_this_operation.clear()

    def merged(self) -> dict[str, Entry]:
        """The entries of all threads by statement; their threads must be at rest."""
        found: dict[str, Entry] = {}
        for book in self._books:
            for key, entry in book.items():
                if key in found:
                    _merge(found[key], entry)
                else:
                    found[key] = entry
        return found


def _merge(into: Entry, entry: Entry) -> None:
    into.count += entry.count
    into.total_ns += entry.total_ns
    into.rows += entry.rows
    into.lock_wait_ns += entry.lock_wait_ns
    into.durations += entry.durations
    into.operations += entry.operations
    into.uses += entry.uses
    into.most = max(into.most, entry.most)


def figures(key: str, entry: Entry, **of_plan: Any) -> StatementFigures:
    """What there is to say of a statement."""
    durations = Histogram.from_counts(entry.durations)
    done = entry.durations.total()
    named = {label: count for label, count in entry.operations.items() if label}
    repeated = is_repeated(key, entry) and named
    return StatementFigures(
        sql=key,
        count=entry.count,
        total_ns=entry.total_ns,
        mean_ns=entry.total_ns / done if done else 0.0,
        p99_ns=durations.percentile(0.99) if done else 0.0,
        rows=entry.rows,
        lock_wait_ns=entry.lock_wait_ns,
        called_from=entry.called_from,
        operations=dict(entry.operations.most_common()),
        repeated_in=max(named, key=lambda label: named[label]) if repeated else "",
        most_in_one_operation=entry.most,
        **of_plan,
    )


def is_repeated(key: str, entry: Entry) -> bool:
    """Whether it is run many times within one operation, where one statement for all might do."""
    in_operations = sum(count for label, count in entry.operations.items() if label)
    return not _TRANSACTION.match(key) and entry.uses > 0 and in_operations / entry.uses >= MANY_IN_ONE_OPERATION


def has_a_plan(key: str) -> bool:
    """Whether SQLite would plan it: what only opens or closes a transaction has none."""
    return key != OTHERS and not _TRANSACTION.match(key)


def module_names(things: Sequence[object]) -> set[str]:
    """The modules that the classes of things come from."""
    return {type(thing).__module__ for thing in things}
