"""What is seen from inside the engine: what an operation costs, in counts too, and what its end leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from perfcli.figures.registry import NEVER_BEGAN, Better, Group, Metric, Needs, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import ExactCounters, Inspection

CALLS: Final = "python.calls_per_op"
STEPS: Final = "sql.steps_per_op"
STATEMENTS: Final = "statements_per_op"
PAGES: Final = "wal.pages_per_op"
KEPT: Final = "memory.kept_per_op"

FIELDS: Final = {CALLS: "calls", STEPS: "steps", STATEMENTS: "statements", PAGES: "pages"}
"""Of `OperationCounts`, by the metric that each holds."""

COUNTERS: Final = (*FIELDS, KEPT)
"""The metrics that are counted, in the order of reports."""


def _of(read: Callable[[Inspection], float | None]) -> Callable[[View], float | None]:
    return lambda view: read(view.run.inspection)


def _of_end(read: Callable[[Inspection], float]) -> Callable[[View], float | None]:
    """A figure of the engine's end; None if it was not seen."""
    return _of(lambda inspection: None if inspection.shutdown_ns is None else read(inspection))


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


_engine = partial(Metric, scope=Scope.RUN, better=Better.LESS, group=Group.ENGINE, needs=Needs.ENGINE, at_end=True)
_end = partial(_engine, unit=Unit.COUNT, section="a-clean-end", why_none="the engine's shutdown was not observed")


def _counted(name: str, computed: str, limit: str, **facts: Any) -> Metric:
    """A count of an operation, unless `facts` say otherwise."""
    per_operation = {"unit": Unit.NUMBER, "scope": Scope.OPERATION}
    return _engine(
        name=name,
        of=lambda view: count_of(view.run.exact, name, view.label) if view.run.exact else None,
        computed=f"{computed}, in a separate engine process; needs `--exact`, `--also-exact` or a threshold that "
        "names it",
        example=f"{name} < {limit}",
        section="exact-counters",
        why_none=lambda view: (view.run.exact and view.run.exact.not_counted.get(name)) or "nothing was counted",
        **per_operation | facts,
    )


METRICS = (
    _counted(
        CALLS,
        meaning="calls in Python, per operation",
        computed="Python functions entered or resumed and C functions called, as sys.setprofile reports them",
        label="calls",
        limit="300",
    ),
    _counted(
        STEPS,
        meaning="instructions of SQLite's virtual machine, per operation",
        computed="calls of a progress handler that is due after each instruction",
        label="steps",
        limit="500",
    ),
    _counted(
        STATEMENTS,
        meaning="SQL statements the engine ran, per operation",
        computed="statements that SQLite's own trace reports",
        label="statements",
        limit="20",
    ),
    _counted(
        PAGES,
        meaning="pages written to the write-ahead log, per operation",
        computed="frames added to the log of the run's database",
        label="WAL pages",
        limit="10",
    ),
    _counted(
        KEPT,
        unit=Unit.SIZE,
        scope=Scope.RUN,
        meaning="bytes that an operation leaves allocated in Python",
        computed="tracemalloc, all garbage collected, the mean of all operations of the last of four passes",
        label="kept",
        limit="1kB",
        least=-float("inf"),
    ),
    _engine(
        name="io.fsyncs_per_op",
        unit=Unit.NUMBER,
        of=_of(lambda inspection: inspection.fsyncs_per_operation),
        meaning="disk flushes of the engine process, per operation",
        computed="fsync, fdatasync, sync and syncfs, counted by strace in a pass of about 200 operations after the "
        "load, only if a threshold names it",
        example="io.fsyncs_per_op < 2",
        section="what-an-operation-costs",
        label="fsyncs",
        why_none=lambda view: view.run.inspection.fsyncs_not_told or "they were not counted",
    ),
    _end(
        name="engine.shutdown_time",
        unit=Unit.DURATION,
        of=_of(lambda inspection: inspection.shutdown_ns),
        meaning="time the engine takes to shut down",
        computed="time of the core's shutdown() plus the storage's close()",
        example="engine.shutdown_time < 2s",
        label="shutdown",
        depends_on_time="yes",
    ),
    _end(
        name="engine.threads_left",
        of=_of_end(lambda inspection: len(inspection.threads_left)),
        meaning="threads that outlive the engine's shutdown",
        computed="threads that still run 1 s after the shutdown and were not there before the engine was imported, "
        "daemons too",
        example="engine.threads_left == 0",
        label="threads left",
    ),
    _end(
        name="engine.files_left",
        of=_of_end(lambda inspection: len(inspection.files_left)),
        meaning="stray files in the working directory or next to the database",
        computed="new files in the working directory and next to the database, except SQLite's own and the engine's "
        "assets",
        example="engine.files_left == 0",
        label="files left",
    ),
    _end(
        name="engine.connections_left",
        of=_of(lambda inspection: inspection.connections_left),
        meaning="database descriptors that outlive the engine's shutdown",
        computed="descriptors of SQLite files that are open after the shutdown",
        example="engine.connections_left == 0",
        label="connections left",
    ),
    _end(
        name="engine.processes_left",
        of=lambda view: len(view.run.inspection.processes_left) if view.began else None,
        meaning="processes the engine started and left running",
        computed="descendants found after the engine process has ended; they are then ended",
        example="engine.processes_left == 0",
        label="processes left",
        why_none=NEVER_BEGAN,
        needs=Needs.PROCESS,
    ),
    _end(
        name="log.errors",
        of=_of_end(lambda inspection: sum(inspection.log_errors.values())),
        meaning="log records of level ERROR and above",
        computed="records of level ERROR and above, from any logger, since the engine's import",
        example="log.errors == 0",
        label="log errors",
    ),
    _end(
        name="stray_output",
        unit=Unit.SIZE,
        of=_of(lambda inspection: inspection.printed_bytes),
        meaning="bytes the engine printed to stdout and stderr",
        computed="bytes that the engine's process wrote to stdout and stderr",
        example="stray_output == 0B",
        label="output",
        why_none="the engine process has not ended",
        needs=Needs.PROCESS,
    ),
)
