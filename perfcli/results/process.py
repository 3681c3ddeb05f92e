"""What the engine's processes used, seen from outside."""

from __future__ import annotations

from pydantic import Field

from perfcli.results.record import Record


class LeakResult(Record):
    """What the rule for leaks saw, see docs/methodology.md#leaks."""

    slope: float = Field(
        description="Theil–Sen slope of RSS in bytes per operation, as the following ones, without the beginning"
    )
    lower_bound: float = Field(description="lower bound of that slope, at 99% confidence")
    second_half_slope: float = Field(description="slope of the second half alone")
    growth_bytes: float = Field(description="what the slope adds up to")
    judged: float = Field(description="what `memory.leak` is: the lower bound if all parts of the rule agree, else 0")


class MemoryResult(Record):
    """Memory of the engine process in bytes, seen from outside.

    docs/methodology.md#memory explains the marks. Null: the run did not get that far.
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
        default=None, description="pets in the engine's cache at the end of the load; null if it does not tell"
    )
    growth: int | None = Field(default=None, description="`end_rss` − `baseline_rss`")
    peak: int | None = Field(default=None, description="highest RSS from baseline to end, less `harness_rss`")
    per_pet: float | None = Field(
        default=None, description="RSS added since the engine opened, per active pet; null without one"
    )
    after_cleanup: int | None = Field(default=None, description="`cleanup_rss` − `baseline_rss`")
    slope_bytes_per_operation: float | None = Field(default=None, description="Theil–Sen slope of RSS over operations")
    leak: LeakResult | None = Field(default=None, description="what the rule for leaks saw; null with too few readings")


class ResourceResult(Record):
    """What else the engine process used while it was measured."""

    cpu_mean: float | None = Field(default=None, description="CPU time over elapsed time, 1.0 is one core")
    cpu_max: float | None = Field(
        default=None, description="the highest between two readings; null if the load was too short to tell"
    )
    cpu_ns_per_operation: float | None = Field(
        default=None, description="CPU time over successful operations, the harness's included"
    )
    threads_max: int | None = Field(default=None, description="threads of the process, the harness's included")
    open_files_max: int | None = Field(default=None, description="file descriptors, the harness's included")
    open_files_limit: int | None = Field(
        default=None, description="how many the process that came closest to it may hold (RLIMIT_NOFILE); null on macOS"
    )
    read_bytes: int | None = Field(
        default=None, description="of read calls while measured, cached or not; null on macOS"
    )
    read_per_operation: float | None = Field(default=None, description="read_bytes over successful operations")
    written_bytes: int | None = Field(default=None, description="of write calls while measured; null on macOS")
    database_bytes: int | None = Field(default=None, description="the database file at the end")
    wal_bytes_max: int | None = Field(default=None, description="the largest write-ahead log seen")


class MonitorSample(Record):
    """One look at the engine process from outside."""

    at_ns: int = Field(description="since measuring began; negative before")
    rss: int = Field(description="resident set size, the harness's share included")
    uss: int | None = Field(default=None, description="unshared memory; read at the marks only, else null")
    cpu: float | None = Field(
        default=None,
        description="since the reading before, 1.0 is one core; null for the first, and if too little time passed",
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
