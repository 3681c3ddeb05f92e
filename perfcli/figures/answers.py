"""How many operations answered rightly, how the others failed, and what own operations counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from perfcli.figures.registry import NEVER_BEGAN, Better, Group, Metric, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import CounterResult, OperationResult, UnjudgedRun

_NOT_TRIED = "no operation ran"


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


_answer = partial(
    Metric,
    scope=Scope.OPERATION,
    better=Better.LESS,
    group=Group.ANSWERS,
    section="answers",
    why_none=_NOT_TRIED,
)
_share = partial(_answer, unit=Unit.PERCENTAGE, depends_on_time="partly", windowed=True, most=1)
_count = partial(_answer, unit=Unit.COUNT, counts_up=True)
_counter = partial(_answer, better=Better.NEITHER, section="counters")
_counter = partial(_answer, better=Better.NEITHER, section="counters")

METRICS = (
    _share(
        name="success_rate",
        better=Better.MORE,
        of=_of(lambda operation: operation.success_rate),
        meaning="share of operations with the right answer",
        computed="right answers / operations. Every answer is checked, outside the timed part",
        example="success_rate >= 99%",
        label="success rate",
    ),
    _share(
        name="error_rate",
        of=_of(lambda operation: operation.failed / operation.attempts),
        meaning="share of failed operations",
        computed="operations that raised, timed out or gave a wrong answer / operations",
        example="error_rate < 1%",
        label="error rate",
    ),
    _count(
        name="ok",
        better=Better.MORE,
        of=lambda view: view.operation.ok if view.operation and view.began else None,
        meaning="operations with the right answer",
        computed="counted after the answer is checked",
        example="ok >= 1000",
        label="ok",
        why_none=NEVER_BEGAN,
        depends_on_time="yes",
    ),
    _count(
        name="failed",
        of=_of(lambda operation: operation.failed),
        meaning="operations that failed",
        computed="operations that raised, timed out or gave a wrong answer",
        example="failed == 0",
        label="failed",
        depends_on_time="partly",
    ),
    _count(
        name="skipped",
        of=lambda view: view.operation.skipped if view.operation and view.began else None,
        meaning="operations skipped because a step they need failed",
        computed="steps after a failed one, and steps whose only_if step failed",
        example="skipped == 0",
        label="skipped",
        why_none=NEVER_BEGAN,
        depends_on_time="partly",
    ),
    _count(
        name="timeouts",
        of=_failures("timeout"),
        meaning="operations that failed by timing out",
        computed="a TimeoutError of the engine, or a step that exceeded its timeout",
        example="timeouts == 0",
        label="timeouts",
        depends_on_time="yes",
    ),
    _count(
        name="db_errors",
        of=_failures("database"),
        meaning="operations that failed in the database, other than busy",
        computed="operations that raised an SQLite error or the engine's StorageError, other than busy and locked",
        example="db_errors == 0",
        label="database errors",
    ),
    _count(
        name="busy_errors",
        of=_failures("busy"),
        meaning="operations that failed because the database was busy or locked",
        computed="operations that raised SQLite's busy or locked",
        example="busy_errors == 0",
        label="busy errors",
        depends_on_time="yes",
    ),
    _count(
        name="stale_errors",
        of=_failures("stale"),
        meaning="operations refused because the pet was saved meanwhile",
        computed="operations that raised StalePetError, or another PetConflictError",
        example="stale_errors < 50",
        label="stale errors",
    ),
)


PER_OPERATION: Final = "_per_op"
_UNITS: Final = {
    "count": (Unit.COUNT, Unit.NUMBER),
    "size": (Unit.SIZE, Unit.SIZE_PER_OPERATION),
    "duration": (Unit.DURATION, Unit.DURATION),
}
"""Of the sum and of the mean, by the unit that a file writes."""


def counter_metrics(counters: Mapping[str, str]) -> dict[str, Metric]:
    """The metrics of counters, by name: the sum of each, and its mean per operation.

    Args:
        counters: by name, "count", "size" or "duration".
    """
    metrics = (each for name, unit in counters.items() for each in _metrics(name, *_UNITS[unit]))
    return {metric.name: metric for metric in metrics}


def counters_of(run: UnjudgedRun) -> dict[str, str]:
    """The counters of a result's operations, by name, with their units."""
    return {name: counter.unit for each in run.operations for name, counter in each.counters.items()}


@lru_cache(maxsize=1024)
def _metrics(name: str, of_sum: Unit, of_mean: Unit) -> tuple[Metric, Metric]:
    def held(view: View) -> CounterResult | None:
        return view.operation.counters.get(name) if view.operation and view.began else None

    sum_metric = _counter(
        name=name,
        unit=of_sum,
        of=lambda view: counter.sum if (counter := held(view)) else None,
        meaning=f"the sum that the operation's function counted as {name}",
        computed="what successful operations passed to ctx.count, without the warm-up",
        example=f"{name} > 0",
        label=name,
        why_none=NEVER_BEGAN,
        counts_up=True,
    )
    mean_metric = _counter(
        name=name + PER_OPERATION,
        unit=of_mean,
        of=lambda view: counter.per_op if (counter := held(view)) else None,
        meaning=f"{name} per successful operation",
        computed="the sum over the successful operations that could count it",
        example=f"{name}{PER_OPERATION} > 0",
        label=f"{name} per operation",
        why_none="no operation succeeded",
    )
    return sum_metric, mean_metric
