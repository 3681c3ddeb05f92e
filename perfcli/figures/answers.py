"""How many operations answered rightly, and how the others failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from perfcli.figures.registry import NEVER_BEGAN, Better, Group, Metric, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import OperationResult

_NOT_TRIED = "no operation was tried"


def _of(read: Callable[[OperationResult], float | None]) -> Callable[[View], float | None]:
    """A figure of the operation; None if it was never tried."""
    return lambda view: read(view.operation) if view.operation and view.operation.attempts else None


def _failures(category: str) -> Callable[[View], float | None]:
    """How many failures were of one category; results of the first version tell only that there were none at all."""

    def count(operation: OperationResult) -> float | None:
        if operation.failures is None:
            return None if operation.failed else 0
        return operation.failures.get(category, 0)

    return _of(count)


METRICS = (
    Metric(
        name="success_rate",
        unit=Unit.PERCENTAGE,
        scope=Scope.OPERATION,
        better=Better.MORE,
        group=Group.ANSWERS,
        of=_of(lambda operation: operation.success_rate),
        meaning="share of the operations that answered rightly",
        computed="right answers over operations tried; every answer is checked, outside the timed part",
        example="success_rate >= 99%",
        section="answers",
        label="success rate",
        why_none=_NOT_TRIED,
        depends_on_time="partly",
        windowed=True,
        most=1,
    ),
    Metric(
        name="error_rate",
        unit=Unit.PERCENTAGE,
        scope=Scope.OPERATION,
        better=Better.LESS,
        group=Group.ANSWERS,
        of=_of(lambda operation: operation.failed / operation.attempts),
        meaning="share of the operations that failed",
        computed="operations that raised, timed out or answered wrongly, over operations tried",
        example="error_rate < 1%",
        section="answers",
        label="error rate",
        why_none=_NOT_TRIED,
        depends_on_time="partly",
        windowed=True,
        most=1,
    ),
    Metric(
        name="ok",
        unit=Unit.COUNT,
        scope=Scope.OPERATION,
        better=Better.MORE,
        group=Group.ANSWERS,
        of=lambda view: view.operation.ok if view.operation and view.began else None,
        meaning="operations that answered rightly",
        computed="counted once the answer is checked",
        example="ok >= 1000",
        section="answers",
        label="ok",
        why_none=NEVER_BEGAN,
        depends_on_time="yes",
        counts_up=True,
    ),
    Metric(
        name="failed",
        unit=Unit.COUNT,
        scope=Scope.OPERATION,
        better=Better.LESS,
        group=Group.ANSWERS,
        of=_of(lambda operation: operation.failed),
        meaning="operations that failed",
        computed="operations that raised, timed out or answered wrongly",
        example="failed == 0",
        section="answers",
        label="failed",
        why_none=_NOT_TRIED,
        depends_on_time="partly",
        counts_up=True,
    ),
    Metric(
        name="skipped",
        unit=Unit.COUNT,
        scope=Scope.OPERATION,
        better=Better.LESS,
        group=Group.ANSWERS,
        of=lambda view: view.operation.skipped if view.operation and view.began else None,
        meaning="operations that were not tried, as a step they build upon had failed",
        computed="steps after a failed one, and those whose only_if step failed",
        example="skipped == 0",
        section="answers",
        label="skipped",
        why_none=NEVER_BEGAN,
        depends_on_time="partly",
        counts_up=True,
    ),
    Metric(
        name="timeouts",
        unit=Unit.COUNT,
        scope=Scope.OPERATION,
        better=Better.LESS,
        group=Group.ANSWERS,
        of=_failures("timeout"),
        meaning="operations that failed by timing out",
        computed="counts a TimeoutError of the engine, and steps that were given up after their timeout",
        example="timeouts == 0",
        section="answers",
        label="timeouts",
        why_none=_NOT_TRIED,
        depends_on_time="yes",
        counts_up=True,
    ),
    Metric(
        name="db_errors",
        unit=Unit.COUNT,
        scope=Scope.OPERATION,
        better=Better.LESS,
        group=Group.ANSWERS,
        of=_failures("database"),
        meaning="operations that failed in the database, except busy answers",
        computed="operations that raised an SQLite error or the engine's StorageError, except busy and locked",
        example="db_errors == 0",
        section="answers",
        label="database errors",
        why_none=_NOT_TRIED,
        counts_up=True,
    ),
    Metric(
        name="busy_errors",
        unit=Unit.COUNT,
        scope=Scope.OPERATION,
        better=Better.LESS,
        group=Group.ANSWERS,
        of=_failures("busy"),
        meaning="operations that failed because the database was busy or locked",
        computed="operations that raised SQLite's busy or locked",
        example="busy_errors == 0",
        section="answers",
        label="busy errors",
        why_none=_NOT_TRIED,
        depends_on_time="yes",
        counts_up=True,
    ),
    Metric(
        name="stale_errors",
        unit=Unit.COUNT,
        scope=Scope.OPERATION,
        better=Better.LESS,
        group=Group.ANSWERS,
        of=_failures("stale"),
        meaning="operations that were refused because others had saved the pet meanwhile",
        computed="operations that raised StalePetError, or another PetConflictError",
        example="stale_errors < 50",
        section="answers",
        label="stale errors",
        why_none=_NOT_TRIED,
        counts_up=True,
    ),
)
