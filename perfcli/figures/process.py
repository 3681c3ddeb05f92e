"""What else the engine's processes use, seen from outside: CPU, threads, files and bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from perfcli.figures.registry import Better, Group, Metric, Needs, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import ResourceResult

_NO_READING = "the engine process was not read during the load"
_TOO_SHORT = "the load lasted less than 100 ms: the kernel counts CPU time in ticks of 10 ms"
_NO_IO = "this system does not report the bytes of a process"


def _of(read: Callable[[ResourceResult], float | None]) -> Callable[[View], float | None]:
    return lambda view: read(view.run.resources)


def _why_no_io(view: View) -> str:
    """Readings without bytes are the system's doing."""
    resources = view.run.resources
    if resources.threads_max is None:
        return _NO_READING
    return _NO_IO if resources.written_bytes is None else "no operation succeeded"


def _why_no_cpu(view: View) -> str:
    return _NO_READING if view.run.resources.threads_max is None else _TOO_SHORT


def _why_no_cpu_per_op(view: View) -> str:
    return "no operation succeeded" if not view.run.total.ok else _why_no_cpu(view)


_process = partial(
    Metric,
    scope=Scope.RUN,
    better=Better.LESS,
    group=Group.PROCESS,
    needs=Needs.PROCESS,
    section="cpu-and-io",
    why_none=_NO_READING,
)
_cpu = partial(_process, unit=Unit.PERCENTAGE, why_none=_why_no_cpu, depends_on_time="yes")
_io = partial(_process, unit=Unit.SIZE, why_none=_why_no_io)

METRICS = (
    _cpu(
        name="cpu.mean",
        of=_of(lambda resources: resources.cpu_mean),
        meaning="mean CPU use of the engine process; 100% is one core",
        computed="CPU time of the engine process / elapsed time, from baseline to end, including the harness's share",
        example="cpu.mean < 90%",
        label="CPU mean",
    ),
    _cpu(
        name="cpu.max",
        of=_of(lambda resources: resources.cpu_max),
        meaning="highest CPU use of the engine process over half a second",
        computed="CPU time / elapsed time, in the busiest half second",
        example="cpu.max < 150%",
        label="CPU max",
    ),
    _cpu(
        name="cpu.per_op",
        unit=Unit.DURATION,
        of=_of(lambda resources: resources.cpu_ns_per_operation),
        meaning="CPU time of the engine process per operation, including the harness's share",
        computed="user and system time from baseline to end / successful operations. The kernel counts it in ticks"
        " of 10 ms, so 100 ms of load are needed; the harness in the process adds some microseconds an "
        "operation",
        example="cpu.per_op < 500us",
        label="CPU per operation",
        why_none=_why_no_cpu_per_op,
    ),
    _cpu(
        name="cpu.generator",
        of=_of(lambda resources: resources.generator_cpu),
        meaning="mean CPU use of the busiest process that generates load for an MCP server; 100% is one core, and all "
        "that one process can use",
        computed="CPU time of that process / elapsed time, from baseline to end",
        example="cpu.generator < 80%",
        label="load generator CPU",
        needs=Needs.ANSWERS,
        why_none="the engine's process generates its own load: see cpu.mean",
    ),
    _process(
        name="threads.max",
        unit=Unit.COUNT,
        of=_of(lambda resources: resources.threads_max),
        meaning="most threads of the engine process at once, including the harness's",
        computed="highest of ten readings a second, from baseline to end; several processes are summed",
        example="threads.max < 50",
        label="threads",
    ),
    _process(
        name="open_files.max",
        unit=Unit.COUNT,
        of=_of(lambda resources: resources.open_files_max),
        meaning="most open file descriptors of the engine process, including the harness's",
        computed="highest of ten readings a second, from baseline to end; several processes are summed",
        example="open_files.max < 200",
        label="open files",
    ),
    _process(
        name="open_files.limit",
        unit=Unit.COUNT,
        better=Better.NEITHER,
        of=_of(lambda resources: resources.open_files_limit),
        meaning="limit on file descriptors of the process nearest to it",
        computed="RLIMIT_NOFILE (ulimit -n) of that process",
        example="open_files.limit >= 1024",
        label="open files limit",
        why_none="this system does not report the limit",
    ),
    _process(
        name="database.size",
        unit=Unit.SIZE,
        of=_of(lambda resources: resources.database_bytes),
        meaning="size of the database file at the end of the load",
        computed="the file's length in the last reading, without WAL and shared memory",
        example="database.size < 10MB",
        label="database",
        needs=Needs.DATABASE,
    ),
    _process(
        name="wal.max",
        unit=Unit.SIZE,
        of=_of(lambda resources: resources.wal_bytes_max),
        meaning="largest size of the write-ahead log while measuring",
        computed="the file's length in the readings, ten a second, from baseline to end",
        example="wal.max < 8MB",
        label="WAL max",
        needs=Needs.DATABASE,
    ),
    _io(
        name="io.read",
        of=_of(lambda resources: resources.read_bytes),
        meaning="bytes read by the engine process, cached or not",
        computed="bytes of read calls from baseline to end, including the harness's",
        example="io.read < 100MB",
        label="read",
        counts_up=True,
    ),
    _io(
        name="io.read_per_op",
        of=_of(lambda resources: resources.read_per_operation),
        meaning="bytes read by the engine process, per operation",
        computed="bytes of read calls from baseline to end, including the harness's / successful operations",
        example="io.read_per_op < 100kB",
        label="read per operation",
    ),
    _io(
        name="io.written",
        of=_of(lambda resources: resources.written_bytes),
        meaning="bytes written by the engine process, including the samples it sends",
        computed="bytes of write calls from baseline to end",
        example="io.written < 100MB",
        label="written",
        counts_up=True,
    ),
    _io(
        name="io.written_per_op",
        of=lambda view: view.run.inspection.written_per_operation,
        meaning="bytes written by the engine process, per operation",
        computed="bytes of write calls from baseline to end, minus what the harness sent / successful operations",
        example="io.written_per_op < 100kB",
        label="written per operation",
    ),
)
