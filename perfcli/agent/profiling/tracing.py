"""`--sql` and `--locks`: hooks in sqlite3, in threading's locks and in the AI, which also tell where the time goes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from perfcli.agent.profiling.activity import Activity, Part
from perfcli.agent.profiling.lock_hooks import LockHooks, LockWaits
from perfcli.agent.profiling.profiler import Job, Profiler
from perfcli.agent.profiling.sqlite_hooks import RawConnection, SqliteHooks
from perfcli.agent.profiling.statements import QueryPlans, Statements, connect_to_read, figures, has_a_plan
from perfcli.operations.call import Call
from perfcli.results.findings import Findings, StatementFigures

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
        """The calls with their parts counted; without timeouts, which would strike too early."""
        return [
            call and call._replace(invoke=self._activity.operation(label, call.invoke, self._over), timeout_ns=0)
            for label, call in zip(labels, calls, strict=True)
        ]

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

    def _over(self, label: str) -> None:
        self._statements.operation_is_over(label)

    def _wait_to_write(self, waited_ns: int) -> None:
        self._waits.waited("SQLite", _WRITE_LOCK, waited_ns)
