"""What an operation costs in counts: exact figures, which hold on any machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from perfcli.figures.registry import Better, Group, Metric, Needs, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import ExactCounters

CALLS: Final = "python.calls_per_op"
STEPS: Final = "sql.steps_per_op"
STATEMENTS: Final = "statements_per_op"
PAGES: Final = "wal.pages_per_op"
KEPT: Final = "memory.kept_per_op"

FIELDS: Final = {CALLS: "calls", STEPS: "steps", STATEMENTS: "statements", PAGES: "pages"}
"""Of `OperationCounts`, by the metric that each holds."""

COUNTERS: Final = (*FIELDS, KEPT)
"""The metrics that are counted, in the order of reports."""

_NOT_COUNTED = "nothing was counted"


def count_of(counters: ExactCounters, metric: str, label: str = "") -> float | None:
    """The mean of an operation; of all operations, weighted by how many were counted, if no label is given."""
    if metric == KEPT:
        return None if label else counters.kept_bytes
    if label:
        operation = counters.operations.get(label)
        return getattr(operation, FIELDS[metric]) if operation else None
    held = [each for each in counters.operations.values() if getattr(each, FIELDS[metric]) is not None]
    done = sum(each.done for each in held)
    return sum(getattr(each, FIELDS[metric]) * each.done for each in held) / done if done else None


def _of(metric: str) -> Callable[[View], float | None]:
    return lambda view: count_of(view.run.exact, metric, view.label) if view.run.exact else None


def _why_none(metric: str) -> Callable[[View], str]:
    def why(view: View) -> str:
        return (view.run.exact and view.run.exact.not_counted.get(metric)) or _NOT_COUNTED

    return why


def _counted(name: str, unit: Unit = Unit.NUMBER, scope: Scope = Scope.OPERATION) -> partial[Metric]:
    return partial(
        Metric,
        name=name,
        unit=unit,
        scope=scope,
        better=Better.LESS,
        group=Group.ENGINE,
        needs=Needs.ENGINE,
        of=_of(name),
        why_none=_why_none(name),
        section="exact-counters",
        at_end=True,
    )


_WHEN = "in a separate engine process; needs `--exact`, `--also-exact` or a threshold that names it"

METRICS = (
    _counted(CALLS)(
        meaning="calls in Python, per operation",
        computed=f"Python functions entered or resumed and C functions called, as sys.setprofile reports them, {_WHEN}",
        example=f"{CALLS} < 300",
        label="calls",
    ),
    _counted(STEPS)(
        meaning="instructions of SQLite's virtual machine, per operation",
        computed=f"calls of a progress handler that is due after each instruction, {_WHEN}",
        example=f"{STEPS} < 500",
        label="steps",
    ),
    _counted(STATEMENTS)(
        meaning="SQL statements the engine ran, per operation",
        computed=f"statements that SQLite's own trace reports, {_WHEN}",
        example=f"{STATEMENTS} < 20",
        label="statements",
    ),
    _counted(PAGES)(
        meaning="pages written to the write-ahead log, per operation",
        computed=f"frames added to the log of the run's database, {_WHEN}",
        example=f"{PAGES} < 10",
        label="WAL pages",
    ),
    _counted(KEPT, Unit.SIZE, Scope.RUN)(
        meaning="bytes that an operation leaves allocated in Python",
        computed=f"tracemalloc, all garbage collected, the mean of all operations of the last of four passes, {_WHEN}",
        example=f"{KEPT} < 1kB",
        label="kept",
        least=-float("inf"),
    ),
)
