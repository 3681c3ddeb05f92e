"""ProfileResult: all that is known of one profile. The JSON that `profile --json` writes is this model."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from perfcli.results import OperationSource
from perfcli.results.findings import (
    CpuFindings,
    LockFigures,
    MemoryFindings,
    OperationParts,
    StatementFigures,
)

SCHEMA_VERSION: Final = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Overhead(_Record):
    """What a profiler adds to an operation, by a run without it of the same operations."""

    by: Literal["cpu", "memory", "sql", "locks"]
    operations: int
    typical_ns: float = Field(description="median service time of each operation, weighted by their numbers")
    plain_ns: float = Field(description="the same without a profiler")

    @property
    def added_ns(self) -> float:
        """Nanoseconds an operation; below 0 where the machine's noise is larger than the overhead."""
        return self.typical_ns - self.plain_ns

    @property
    def share(self) -> float:
        """Of the time without a profiler; 0.5 is half as long again."""
        return self.added_ns / self.plain_ns if self.plain_ns else 0.0


class Breakdown(_Record):
    """The parts of one operation, held against the time that the vus took for it."""

    parts: OperationParts
    service_time_ns: float | None = Field(description="mean of the run's own samples; None: none succeeded")

    @property
    def accounted(self) -> float | None:
        """The share of the samples' time that the parts make up; the rest is the profiler's own."""
        if not self.service_time_ns:
            return None
        parts = self.parts
        summed_ns = parts.ai_ns + parts.database_ns + parts.lock_wait_ns + parts.engine_ns
        return summed_ns / parts.count / self.service_time_ns


class ProfileResult(_Record):
    """What one `profile` found."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["profile"] = "profile"
    scenario: str
    plan: str
    operation_files: list[OperationSource] = Field(default=[], description="the files of own operations that ran")
    seed: int
    started_at: str = Field(description="UTC, ISO 8601")
    engine: str = Field(default="", description="which was profiled: the path or revision given, or which default")
    engine_version: str = Field(default="", description="digest of its sources")
    commit: str = Field(default="", description="that holds exactly these sources; empty: none is known to")
    engine_modified: bool = Field(default=False, description="they differ from the commit checked out around them")
    processes: int = Field(default=1, description="the first of them was profiled")
    operations: dict[str, int] = Field(default={}, description="operations done in the run of each profiler")
    cpu: CpuFindings | None = None
    memory: MemoryFindings | None = None
    sql: list[StatementFigures] | None = None
    locks: list[LockFigures] | None = None
    breakdown: list[Breakdown] = []
    overheads: list[Overhead] = []
    files: list[str] = Field(default=[], description="flame graphs that were written")
    notes: list[str] = []
    interrupted: str = ""
