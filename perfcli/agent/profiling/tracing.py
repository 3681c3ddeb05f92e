"""`--sql` and `--locks`: hooks in sqlite3, in threading's locks and in the AI, which also tell where the time goes.

Locks that the engine makes report how long threads wait for them. A free one is taken without a look at the clock.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from perfcli.agent.profiling.activity import Activity, Part
from perfcli.agent.profiling.profiler import Job, Profiler, made_at, source_of, wrapped
from perfcli.agent.profiling.sqlite_hooks import RawConnection, SqliteHooks
from perfcli.agent.profiling.statements import QueryPlans, Statements, connect_to_read, figures, has_a_plan
from perfcli.operations.call import Call
from perfcli.results.findings import Findings, LockFigures, StatementFigures

_THROUGH: Final = frozenset({__name__, "threading", "queue"})
_raw_lock: Final = threading.Lock
_raw_rlock: Final = threading.RLock
_RawCondition = threading.Condition

Kind = Literal["Lock", "RLock", "Condition", "SQLite"]


@dataclass(slots=True)
class _Waits:
    acquired: int = 0
    waits: int = 0
    wait_ns: int = 0
    longest_ns: int = 0
    operations: Counter[str] = field(default_factory=Counter)


class LockWaits:
    """How long which lock was waited for, by the place where it is made."""

    def __init__(self, activity: Activity) -> None:
        self.activity = activity
        self._waits: dict[tuple[Kind, str], _Waits] = {}
        self._adding = _raw_lock()

    def acquired(self, kind: Kind, place: str) -> None:
        """One was taken without waiting. Counted without a lock of its own: it may be a few short."""
        if self.activity.counts_here:
            self._of(kind, place).acquired += 1

    def waited(self, kind: Kind, place: str, waited_ns: int) -> None:
        """One was waited for, in vain or not."""
        if not self.activity.here.label:
            return  # a thread of the engine's own may wait for its next work as long as it likes
        with self._adding:
            waits = self._of(kind, place)
            waits.acquired += 1
            waits.waits += 1
            waits.wait_ns += waited_ns
            waits.longest_ns = max(waits.longest_ns, waited_ns)
            waits.operations[self.activity.here.label] += waited_ns

    def _of(self, kind: Kind, place: str) -> _Waits:
        return self._waits.setdefault((kind, place), _Waits())

    def figures(self) -> list[LockFigures]:
        """All that were asked for, the one that was waited for longest first."""
        found = [
            LockFigures(
                kind=kind,
                place=place,
                source=source_of(place),
                acquired=waits.acquired,
                waits=waits.waits,
                wait_ns=waits.wait_ns,
                longest_ns=waits.longest_ns,
                operations=dict(waits.operations.most_common()),
            )
            for (kind, place), waits in self._waits.items()
        ]
        return sorted(found, key=lambda lock: (-lock.wait_ns, -lock.acquired))


@dataclass(eq=False)
class FollowedLock:
    """A Lock or an RLock of the engine's."""

    _waits: LockWaits
    _kind: Kind
    _place: str
    _lock: Any

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As threading's."""
        if self._lock.acquire(False):
            self._waits.acquired(self._kind, self._place)
            return True
        if not blocking:
            return bool(self._lock.acquire(False, timeout))  # which refuses a timeout as threading's does
        activity = self._waits.activity
        activity.enter(Part.LOCKS)
        try:
            return bool(self._lock.acquire(True, timeout))
        finally:
            self._waits.waited(self._kind, self._place, activity.leave())

    def release(self) -> None:
        """As threading's."""
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __getattr__(self, name: str) -> Any:
        # locked(), and what a Condition asks of an RLock
        return getattr(self._lock, name)


class LockHooks:
    """threading's names for as long as they are replaced."""

    def __init__(self, waits: LockWaits) -> None:
        self._names = {
            "Lock": _lock_class("Lock", waits, _raw_lock),
            "RLock": _lock_class("RLock", waits, _raw_rlock),
            "Condition": _condition_class(waits),
        }

    def install(self) -> None:
        """Give the engine, which is not imported yet, locks that are followed."""
        vars(threading).update(self._names)

    def remove(self) -> None:
        """Give threading back its own; locks that were made stay followed."""
        vars(threading).update(Lock=_raw_lock, RLock=_raw_rlock, Condition=_RawCondition)


def _lock_class(kind: Kind, waits: LockWaits, make: Any) -> type:
    class Lock:
        """A class, which Python has from 3.13 on, so that `Lock | None` may be written."""

        def __new__(cls) -> Any:
            place = made_at(sys._getframe(1), _THROUGH)
            return FollowedLock(waits, kind, place, make()) if place else make()

    Lock.__name__ = Lock.__qualname__ = kind
    return Lock


def _condition_class(waits: LockWaits) -> type[threading.Condition]:
    class Condition(_RawCondition):
        def __init__(self, lock: Any = None) -> None:
            self._place = made_at(sys._getframe(1), _THROUGH)
            super().__init__(lock)

        def wait(self, timeout: float | None = None) -> bool:
            if not self._place:
                return super().wait(timeout)
            waits.activity.enter(Part.LOCKS)
            try:
                return super().wait(timeout)
            finally:
                waits.waited("Condition", self._place, waits.activity.leave())

    return Condition


_WRITE_LOCK = "the write lock of the database"


class TracingProfiler(Profiler):
    """Follows statements, locks and the AI.

    Args:
        tells: which of it the findings are about: "sql" or "locks"; the parts of operations are in either.
    """

    def __init__(self, tells: str, database: Path) -> None:
        self._tells = tells
        self._database = database
        self._activity = Activity()
        self._statements = Statements(self._activity)
        self._waits = LockWaits(self._activity)
        self._hooks = (SqliteHooks(self._activity, self._statements, self._wait_to_write), LockHooks(self._waits))
        for hooks in self._hooks:
            hooks.install()

    def engine_is_imported(self) -> None:
        """Have the AI tell, which is the tool's, and imports the engine."""
        from perfcli.targets.simulated_ai import SimulatedAI

        for name in ("process_interaction", "process_speech"):
            if hasattr(SimulatedAI, name):
                setattr(SimulatedAI, name, self._activity.within(Part.AI, getattr(SimulatedAI, name)))

    def watched(self, labels: Sequence[str], calls: Sequence[Call | None]) -> Sequence[Call | None]:
        """The calls with their parts counted."""

        def counted(label: str, invoke: Callable[..., Any]) -> Callable[..., Any]:
            return self._activity.operation(label, invoke, self._statements.operation_is_over)

        return wrapped(labels, calls, counted)

    def begin(self) -> None:
        """The engine's own threads count from now on."""
        self._activity.is_loading = True

    def during(self, job: Job) -> Job:
        """The job with what its thread does counted."""
        here = self._activity.here

        def measured() -> None:
            here.is_vu = here.measured = True
            try:
                job()
            finally:
                here.measured = False

        return measured

    def find(self) -> Findings:
        """What was asked for, with the parts of operations."""
        self._activity.is_loading = False
        for hooks in self._hooks:
            hooks.remove()
        return Findings(
            sql=self._find_statements() if self._tells == "sql" else None,
            locks=self._waits.figures() if self._tells == "locks" else None,
            parts=self._activity.parts(),
        )

    def _find_statements(self) -> list[StatementFigures]:
        with closing(connect_to_read(self._database, factory=RawConnection)) as connection:
            plans = QueryPlans(connection)
            found = [
                figures(key, entry, **(plans.of(entry.sql, entry.parameters) if has_a_plan(key) else {}))
                for key, entry in self._statements.merged().items()
            ]
        return sorted(found, key=lambda statement: -statement.total_ns)

    def _wait_to_write(self, waited_ns: int) -> None:
        self._waits.waited("SQLite", _WRITE_LOCK, waited_ns)
