"""What is known of each statement: how often, how long, for which operation, and from which line of the engine."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any, Final

from perfcli.agent.profiling.activity import Activity
from perfcli.agent.profiling.profiler import called_from
from perfcli.metrics.histogram import Histogram, bucket_floor
from perfcli.results.findings import FullScan, StatementFigures

FEW_ROWS: Final = 20
"""A table of no more rows is read from end to end as cheaply as in any other way."""

MOST_ROWS_COUNTED: Final = 1_000
_SCAN: Final = re.compile(r"^(?:SCAN (?:TABLE )?(\S+)(?!.* INDEX)|SEARCH (?:TABLE )?(\S+).* USING AUTOMATIC )")
"""What reads a table from end to end: to look at each row, or to make an index that is missing, for this once."""
_MISSING: Final = re.compile(r"uses (\d+), and there are \d+ supplied")


def connect_to_read(database: Path, *, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """A connection that cannot write."""
    return sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, factory=factory)


class QueryPlans:
    """Plans of statements on one database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, sql: str, parameters: Any) -> dict[str, Any]:
        """The plan of a statement and the tables it reads from end to end, as fields of StatementFigures."""
        try:
            plan = self._explain(sql, parameters)
        except (sqlite3.Error, sqlite3.Warning) as error:
            # a temporary table, a function of the engine's own: only its connection knows them
            return {"no_plan": str(error)}
        return {"plan": plan, "full_scans": self._full_scans(sql, plan)}

    def _explain(self, sql: str, parameters: Any) -> list[str]:
        explained = f"EXPLAIN QUERY PLAN {sql}"
        with closing(self._connection.cursor()) as cursor:
            try:
                cursor.execute(explained, parameters)
            except sqlite3.ProgrammingError as error:
                missing = _MISSING.search(str(error))
                if missing is None:
                    raise
                cursor.execute(explained, (None,) * int(missing[1]))
            return [row[3] for row in cursor]

    def _full_scans(self, sql: str, plan: list[str]) -> list[FullScan]:
        found: dict[str, int] = {}
        for detail in plan:
            # an index that is read from end to end is in order, or covers all that is asked: it was chosen for that
            scan = _SCAN.match(detail)
            if scan is None or "VIRTUAL TABLE" in detail:
                continue
            table = self._table(sql, scan[1] or scan[2])
            found[table] = self._rows(table) if table else 0
        return [FullScan(table=table, rows=rows) for table, rows in found.items() if rows > FEW_ROWS]

    def _table(self, sql: str, named: str) -> str:
        """The table that a plan calls by its name or its alias; "" for what is none: a subquery, a constant."""
        alias = re.search(rf"(\w+)[\"`\]]?\s+(?:AS\s+)?[\"`\[]?{re.escape(named)}\b", sql, re.IGNORECASE)
        for name in (named, alias[1] if alias else ""):
            found = self._connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)", (name,)
            ).fetchone()
            if found:
                return str(found[0])
        return ""

    def _rows(self, table: str) -> int:
        quoted = '"' + table.replace('"', '""') + '"'
        query = f"SELECT count(*) FROM (SELECT 1 FROM {quoted} LIMIT {MOST_ROWS_COUNTED})"
        return int(self._connection.execute(query).fetchone()[0])


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
            lines = called_from(caller, _MOST_LINES, without=without) or called_from(caller, _MOST_LINES)
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
