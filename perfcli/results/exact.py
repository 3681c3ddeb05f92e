"""What operations cost in counts, not in time: the same number on any machine with the same software."""

from __future__ import annotations

from pydantic import Field

from perfcli.results.observed import Record


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
