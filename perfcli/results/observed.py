"""What was observed of the engine and of the machines it ran on: from outside and inside, its data, faults, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from perfcli.units import format_duration


class Record(BaseModel):
    """Frozen; fields that a later version adds are ignored."""

    # a field that a later version adds does not make its results unreadable here
    model_config = ConfigDict(extra="ignore", frozen=True)


class LeakResult(Record):
    """What the rule for leaks saw, see docs/methodology.md#leaks."""

    slope: float = Field(
        description="Theil–Sen slope of RSS, in bytes per operation like the following ones, without the beginning"
    )
    lower_bound: float = Field(description="lower bound of that slope, at 99% confidence")
    second_half_slope: float = Field(description="slope of the second half alone")
    growth_bytes: float = Field(description="total growth along the slope")
    judged: float = Field(description="value of `memory.leak`: the lower bound if all parts of the rule agree, else 0")


class MemoryResult(Record):
    """Memory of the engine process in bytes, seen from outside.

    docs/methodology.md#memory explains the marks. Null: the run ended before.
    """

    harness_rss: int | None = Field(default=None, description="RSS before the engine was imported: the harness's own")
    baseline_rss: int | None = Field(default=None, description="RSS after set-up and warm-up")
    end_rss: int | None = Field(default=None, description="RSS after the load")
    cleanup_rss: int | None = Field(default=None, description="RSS after the engine's cache was emptied")
    baseline_uss: int | None = Field(
        default=None, description="USS, memory that no other process shares, after set-up and warm-up"
    )
    end_uss: int | None = Field(default=None, description="USS after the load")
    active_pets: int | None = Field(
        default=None, description="pets in the engine's cache at the end of the load; null if unknown"
    )
    growth: int | None = Field(default=None, description="`end_rss` − `baseline_rss`")
    peak: int | None = Field(default=None, description="highest RSS from baseline to end, less `harness_rss`")
    per_pet: float | None = Field(
        default=None, description="RSS added since the engine opened, per active pet; null without one"
    )
    after_cleanup: int | None = Field(default=None, description="`cleanup_rss` − `baseline_rss`")
    slope_bytes_per_operation: float | None = Field(default=None, description="Theil–Sen slope of RSS over operations")
    leak: LeakResult | None = Field(default=None, description="result of the leak rule; null with too few readings")


class ResourceResult(Record):
    """What else the engine process used while it was measured."""

    cpu_mean: float | None = Field(default=None, description="CPU time / elapsed time; 1.0 is one core")
    cpu_max: float | None = Field(
        default=None, description="highest CPU use between two readings; null if the load was too short"
    )
    cpu_ns_per_operation: float | None = Field(
        default=None, description="CPU time / successful operations, including the harness's"
    )
    generator_cpu: float | None = Field(
        default=None,
        description="CPU time / elapsed time of the busiest process that loads an engine in another process; null "
        "without one",
    )
    threads_max: int | None = Field(default=None, description="threads of the process, the harness's included")
    open_files_max: int | None = Field(default=None, description="file descriptors, the harness's included")
    open_files_limit: int | None = Field(
        default=None, description="limit (RLIMIT_NOFILE) of the process nearest to it; null on macOS"
    )
    read_bytes: int | None = Field(
        default=None, description="of read calls while measured, cached or not; null on macOS"
    )
    read_per_operation: float | None = Field(default=None, description="read_bytes over successful operations")
    written_bytes: int | None = Field(default=None, description="of write calls while measured; null on macOS")
    database_bytes: int | None = Field(default=None, description="the database file at the end")
    wal_bytes_max: int | None = Field(default=None, description="the largest write-ahead log seen")


class MonitorSample(Record):
    """One reading of the engine process from outside."""

    at_ns: int = Field(description="since measuring began; negative before")
    rss: int = Field(description="resident set size, the harness's share included")
    uss: int | None = Field(default=None, description="unshared memory; read at the marks only, else null")
    cpu: float | None = Field(
        default=None,
        description="since the previous reading, 1.0 is one core; null for the first, and after too little time",
    )
    threads: int = Field(description="threads of the process")
    open_files: int = Field(description="file descriptors")
    read_bytes: int | None = Field(default=None, description="of read calls since the process began; null on macOS")
    written_bytes: int | None = Field(default=None, description="of write calls since the process began; null on macOS")
    database_bytes: int = Field(default=0, description="the database file")
    wal_bytes: int = Field(default=0, description="its write-ahead log")
    operations: int = Field(
        default=0, description="measured operations the tool knew of by then; frames arrive up to 250 ms late"
    )


class SaveCounts(Record):
    """How many acknowledged saves could be checked; see docs/methodology.md#saves."""

    acknowledged: int = Field(
        default=0, description="saves that the engine acknowledged, warm-up included: the sum of the following"
    )
    checked: int = Field(
        default=0,
        description="last save of its pet, read before another replaced it, or saved with a note",
    )
    superseded: int = Field(default=0, description="replaced by another save before any read")
    unchecked: int = Field(
        default=0, description="saves of pets that vus share and also talk to or care for, without `history: true`"
    )


class Integrity(Record):
    """Acknowledged writes, compared with the database as read after the load.

    docs/methodology.md#integrity has the rules.
    """

    acknowledged: int = Field(
        description="pets of the set-up, and writes of warm-up and load, that the engine acknowledged"
    )
    set_up: int = Field(default=0, description="pets of the set-up among them")
    lost: int | None = Field(
        description="acknowledged writes missing from the database, and stale reads; null if no write of "
        "the load could be checked"
    )
    stale_reads: int = Field(
        default=0,
        description="stale reads among the lost: they returned a value that an acknowledged save had replaced",
    )
    duplicates: int | None = Field(
        default=None,
        description="writes stored more often than requested; null if the load wrote nothing, "
        "or not all answers are known",
    )
    damaged: str = Field(default="", description="what SQLite's integrity check reports; empty if the file is sound")
    lost_updates: int | None = Field(
        default=None,
        description="acknowledged care actions missing from pets' numbers; null if no threshold asks",
    )
    differences: int | None = Field(
        default=None,
        description="pet fields that a new process reads differently; null if no threshold asks",
    )
    torn: int = Field(default=0, description="reads that mix two saves of a pet")
    saves: SaveCounts = Field(default=SaveCounts(), description="how many saves could be checked")
    examples: list[str] = Field(default=[], description="examples of the faults, in words")

    @property
    def violation(self) -> str:
        """What shows that the engine did not keep what it acknowledged, once each; "" for nothing."""
        if self.damaged:
            return f"the database is damaged: {self.damaged}"
        lost = [f"{self.lost:,} acknowledged write{'s' if self.lost > 1 else ''} lost"] if self.lost else []
        return ", ".join([*lost, *([f"{self.duplicates:,} stored twice"] if self.duplicates else [])])


class Inspection(Record):
    """Findings from inside the engine process; null or empty if not looked for, or if there is nothing.

    With several processes: everything they left, the longest shutdown, and the costs in the first process.
    """

    shutdown_ns: int | None = Field(default=None, description="time the engine takes to shut down")
    threads_left: list[str] = Field(default=[], description="names of threads that outlive its shutdown")
    connections_left: int | None = Field(default=None, description="open descriptors of the database that outlive it")
    processes_left: list[str] = Field(
        default=[],
        description="processes and daemons that outlived the engine's processes and were ended: name, pid and "
        "command line",
    )
    files_left: list[str] = Field(
        default=[], description="stray files in the engine's working directory or by its database"
    )
    log_errors: dict[str, int] = Field(default={}, description="records of level ERROR and above, by logger")
    log_examples: dict[str, str] = Field(default={}, description="one such record, by logger")
    written_per_operation: float | None = Field(
        default=None, description="bytes of write calls per operation, without the harness"
    )
    fsyncs_per_operation: float | None = Field(default=None, description="disk flushes per operation")
    fsyncs_not_told: str = Field(
        default="", description="why flushes could not be counted, if a threshold asked for them"
    )
    printed_bytes: int | None = Field(default=None, description="what the engine wrote to stdout and stderr")

    def merged(self, other: Inspection) -> Inspection:
        """With what was seen inside another engine process, if it was shut down."""
        if other.shutdown_ns is None:
            return self
        return Inspection(
            shutdown_ns=max(self.shutdown_ns or 0, other.shutdown_ns),
            threads_left=self.threads_left + other.threads_left,
            connections_left=(self.connections_left or 0) + (other.connections_left or 0),
            files_left=sorted({*self.files_left, *other.files_left}),
            log_errors=dict(Counter(self.log_errors) + Counter(other.log_errors)),
            log_examples=other.log_examples | self.log_examples,
            fsyncs_per_operation=self.fsyncs_per_operation or other.fsyncs_per_operation,
            fsyncs_not_told=self.fsyncs_not_told or other.fsyncs_not_told,
        )


class FaultResult(Record):
    """One time that a fault was due."""

    name: str = Field(description="its name")
    kind: str = Field(description="name of the fault")
    phase: str = Field(description="the phase it belongs to")
    at_ns: int = Field(description="when it was inflicted, since measuring began; when it was due if it was not")
    lasted_ns: int | None = Field(default=None, description="how long it lasted; null if it was not inflicted")
    in_flight: int = Field(default=0, description="operations that were in flight when it began")
    operations: int = Field(default=0, description="operations that overlap it, counted from the time they were due")
    failed: int = Field(default=0, description="how many of them failed")
    late: dict[str, int] = Field(
        default={}, description="by phase, those of them that began 10 ms or more after they were due"
    )
    longest_ns: int = Field(default=0, description="the longest of them, from the time it was due")
    outage_ns: int | None = Field(
        default=None, description="longest time without a success that overlaps it, while operations were due"
    )
    hits: int | None = Field(
        default=None,
        description="what it hit: writes by SQLite, calls of the AI, or connections; null if unknown",
    )
    recovery_ns: int | None = Field(
        default=None, description="from its end until the load was steady again; null if it never was"
    )
    problem: str = Field(default="", description="why it was without effect, or not inflicted")


class Restart(Record):
    """An engine process that was killed as planned, and replaced on the same database."""

    process: int = Field(description="number of the engine process, from 0")
    at_ns: int = Field(description="when it was killed, since measuring began")
    down_ns: int | None = Field(
        default=None, description="from the kill until its vus worked again; null if the run was over before"
    )
    unknown: int = Field(
        description="operations that were in flight at the kill or not reported yet: neither lost nor stored twice"
    )


class OperationCounts(Record):
    """What one operation cost, counted; each figure is the mean of an operation, null if it was not counted."""

    done: int = Field(description="operations that were counted, for each figure anew")
    failed: int = Field(default=0, description="failures among the operations counted")
    calls: float | None = Field(default=None, description="calls in Python")
    steps: float | None = Field(default=None, description="instructions of SQLite's virtual machine")
    statements: float | None = Field(default=None, description="SQL statements")
    pages: float | None = Field(default=None, description="pages written to the write-ahead log")


class ExactCounters(Record):
    """Counts of an engine process of their own, see docs/methodology.md#exact-counters."""

    seed: int = Field(description="the seed of the operations that were counted")
    tool_version: str = Field(description="version of digipal-perf")
    system: str = Field(description="operating system, without its release")
    python: str = Field(description="implementation and version of Python")
    sqlite: str = Field(description="version of the SQLite library")
    sqlite_options: str = Field(description="digest of SQLite's compile options")
    operations: dict[str, OperationCounts] = Field(default={}, description="by operation")
    kept_bytes: float | None = Field(
        default=None, description="memory that an operation leaves allocated in Python, the mean of all"
    )
    not_exact: dict[str, str] = Field(
        default={},
        description="figures that differ from count to count, by `OPERATION.METRIC`, or `METRIC` for all, with the "
        "reason; they are shown and never compared",
    )
    not_counted: dict[str, str] = Field(default={}, description="by metric: why it has no value")
    failures: dict[str, int] = Field(default={}, description="failed operations by kind of failure")

    def is_exact(self, metric: str, label: str = "") -> bool:
        """Whether the same engine gives the same number in each count; of all operations, if each does."""
        if label:
            return metric not in self.not_exact and f"{label}.{metric}" not in self.not_exact
        return not any(name == metric or name.endswith(f".{metric}") for name in self.not_exact)


class MachineClock(Record):
    """Its clock, beside that of the tool's machine."""

    offset_ns: int = Field(description="how far it is ahead")
    bound_ns: int = Field(description="how far off `offset_ns` may be: half of the shortest round trip")
    drift_ppm: float | None = Field(
        default=None, description="how much faster it runs, in millionths; null in runs of less than two seconds"
    )


class MachineResult(Record):
    """A machine of a cluster."""

    name: str = Field(description="what the cluster calls it: the name of its dask worker")
    host: str = Field(default="", description="its host name")
    cpus: int = Field(default=0, description="CPUs that its processes may use")
    python: str = Field(default="", description="implementation and version")
    sqlite: str = Field(default="", description="version of the SQLite library")
    kernel_ns: int = Field(default=0, description="the reference kernel there, before the run: the least of some runs")
    role: Literal["whole", "server", "load", "server and load"] = Field(
        default="whole", description="what ran there: the whole run, or its part of a split run"
    )
    processes: list[int] = Field(default=[], description="the processes with vus that ran there, by their numbers")
    clock: MachineClock | None = Field(default=None, description="null if the whole run took place there")
    start_late_ns: int | None = Field(
        default=None, description="how long after the common start its slowest process began; null without vus"
    )
    samples: int = Field(default=0, description="operations that its vus tried while measured")


UNSURE_NS: Final = 50_000_000
"""With a larger bound, windows that join machines get no verdict: intervals of the time line take 100 ms."""


def unsure_clocks(machines: Sequence[MachineResult]) -> str:
    """Whose clock is known too little for windows of time that join machines; "" if all are known."""
    at_work = [machine for machine in machines if machine.processes and machine.clock]
    if len(at_work) < 2:
        return ""
    unsure = [machine for machine in at_work if machine.clock and machine.clock.bound_ns > UNSURE_NS]
    return ", ".join(
        f"the clock of {each.name} is known to ±{format_duration(each.clock.bound_ns)}" for each in unsure if each.clock
    )
