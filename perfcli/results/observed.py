"""What was observed of the engine: its processes from outside, itself from inside, and whether it kept its data."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, ConfigDict, Field


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
