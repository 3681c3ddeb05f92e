"""What is seen from inside the engine: what an operation costs, and what its end leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from perfcli.figures.registry import NEVER_BEGAN, Better, Group, Metric, Needs, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import Inspection

_NO_SHUTDOWN = "the engine's shutdown was not observed"
_NOT_COUNTED = "they were not counted"
_AFTER_LOAD = "in a pass of about 200 operations after the load"


def _of(read: Callable[[Inspection], float | None]) -> Callable[[View], float | None]:
    return lambda view: read(view.run.inspection)


def _of_end(read: Callable[[Inspection], float]) -> Callable[[View], float | None]:
    """A figure of the engine's end; None if it was not seen."""
    return _of(lambda inspection: None if inspection.shutdown_ns is None else read(inspection))


_engine = partial(Metric, scope=Scope.RUN, better=Better.LESS, group=Group.ENGINE, needs=Needs.ENGINE, at_end=True)
_end = partial(_engine, section="a-clean-end", why_none=_NO_SHUTDOWN)

METRICS = (
    _engine(
        name="io.fsyncs_per_op",
        unit=Unit.NUMBER,
        of=_of(lambda inspection: inspection.fsyncs_per_operation),
        meaning="disk flushes of the engine process, per operation",
        computed=f"fsync, fdatasync, sync and syncfs, counted by strace {_AFTER_LOAD}, only if a threshold names it",
        example="io.fsyncs_per_op < 2",
        section="what-an-operation-costs",
        label="fsyncs",
        why_none=lambda view: view.run.inspection.fsyncs_not_told or _NOT_COUNTED,
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
        unit=Unit.COUNT,
        of=_of_end(lambda inspection: len(inspection.threads_left)),
        meaning="threads that outlive the engine's shutdown",
        computed="threads that still run 1 s after the shutdown and were not there before the engine was imported, "
        "daemons too",
        example="engine.threads_left == 0",
        label="threads left",
    ),
    _end(
        name="engine.files_left",
        unit=Unit.COUNT,
        of=_of_end(lambda inspection: len(inspection.files_left)),
        meaning="stray files in the working directory or next to the database",
        computed="new files in the working directory and next to the database, except SQLite's own and the engine's "
        "assets",
        example="engine.files_left == 0",
        label="files left",
    ),
    _end(
        name="engine.connections_left",
        unit=Unit.COUNT,
        of=_of(lambda inspection: inspection.connections_left),
        meaning="database descriptors that outlive the engine's shutdown",
        computed="descriptors of SQLite files that are open after the shutdown",
        example="engine.connections_left == 0",
        label="connections left",
    ),
    _end(
        name="engine.processes_left",
        unit=Unit.COUNT,
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
        unit=Unit.COUNT,
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
