"""What profilers find: each in the engine process, and all of them as the result of one profile."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from perfcli.results import OperationSource
from perfcli.results.observed import Record


class FunctionTime(Record):
    """One function of the operations' stacks."""

    name: str = Field(description="its qualified name")
    place: str = Field(description="file:line of its definition")
    self_share: float = Field(description="of the time within operations, 0..1: the function itself, C calls included")
    total_share: float = Field(description="the same, with all it called")


class CpuFindings(Record):
    """Where the time of all vus' operations went, by stack samples."""

    samples: int = Field(description="stacks that were sampled")
    sampled_ns: int = Field(description="time within operations, of all vus")
    harness_share: float = Field(description="share of the vus' time in the harness and its pauses, excluded")
    functions: list[FunctionTime] = Field(default=[], description="by self time, the longest first")


class FlameGraph(Record):
    """The stacks themselves, as files to look at."""

    html: str = Field(description="a page for a browser")
    speedscope: str = Field(description="a file for speedscope")


class KeptLine(Record):
    """What one line allocated during the load that was still there with the cache emptied and garbage collected."""

    place: str = Field(description="file:line")
    source: str = Field(default="", description="the line itself")
    in_engine: bool = Field(description="whether the line is the engine's")
    kept_bytes: int = Field(description="bytes that were still there")
    blocks: int = Field(description="allocations that were still there")


class MemoryFindings(Record):
    """Allocations that outlive the load, by line."""

    kept_bytes: int = Field(description="total of all lines, without the harness")
    lines: list[KeptLine] = Field(default=[], description="the engine's first, the largest first")


class FullScan(Record):
    """A table that a statement reads from end to end."""

    table: str = Field(description="its name")
    rows: int = Field(description="in the table after the load; counted up to 1,000")


class StatementFigures(Record):
    """All runs of one statement within operations, or in the engine's own threads meanwhile."""

    sql: str = Field(description="values written into it replaced by ?")
    count: int = Field(description="how often it ran")
    total_ns: int = Field(description="executing and fetching, without waiting for the write lock")
    mean_ns: float = Field(description="total_ns over count")
    p99_ns: float = Field(description="99th percentile")
    rows: int = Field(description="fetched, or changed")
    lock_wait_ns: int = Field(default=0, description="waiting for other writers")
    called_from: list[str] = Field(default=[], description="the engine's lines that asked for it, innermost first")
    operations: dict[str, int] = Field(default={}, description="count by operation; '' for the engine's own threads")
    plan: list[str] = Field(default=[], description="of EXPLAIN QUERY PLAN after the load")
    no_plan: str = Field(default="", description="why there is none")
    full_scans: list[FullScan] = Field(default=[], description="tables that it reads from end to end")
    repeated_in: str = Field(default="", description="the operation that runs it many times over (N+1)")
    most_in_one_operation: int = Field(default=0, description="how often it ran in one operation at most")


class LockFigures(Record):
    """One lock, or all that are made at the same place."""

    kind: Literal["Lock", "RLock", "Condition", "SQLite"] = Field(description="SQLite: its write lock")
    place: str = Field(description="file:line in the engine that creates it; for SQLite's own lock its name")
    source: str = Field(default="", description="that line itself")
    acquired: int = Field(description="how often it was asked for within operations")
    waits: int = Field(description="how often it was not free")
    wait_ns: int = Field(description="time waited, all together")
    longest_ns: int = Field(description="the longest wait")
    operations: dict[str, int] = Field(default={}, description="ns waited, by operation")


class OperationParts(Record):
    """Where the time of one operation went; the parts exclude one another."""

    operation: str = Field(description="its name")
    count: int = Field(description="how often it ran")
    whole_ns: int = Field(description="from the call to its return, all calls together")
    ai_ns: int = Field(description="within the simulated AI")
    database_ns: int = Field(description="executing statements and fetching rows, without waiting")
    lock_wait_ns: int = Field(description="waiting for SQLite's write lock and for the engine's locks")
    engine_ns: int = Field(description="all the rest")


class Findings(Record):
    """What one profiler found in one run."""

    cpu: CpuFindings | None = None
    flame_graph: FlameGraph | None = None
    memory: MemoryFindings | None = None
    sql: list[StatementFigures] | None = None
    locks: list[LockFigures] | None = None
    parts: list[OperationParts] = Field(default=[])


SCHEMA_VERSION: Final = 1


class Overhead(Record):
    """What a profiler adds to an operation, by a run without it of the same operations."""

    by: Literal["cpu", "memory", "sql", "locks"] = Field(description="the profiler")
    operations: int = Field(description="operations in its run")
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


class Breakdown(Record):
    """The parts of one operation, held against the time that the vus took for it."""

    parts: OperationParts = Field(description="where its time went")
    service_time_ns: float | None = Field(description="mean of the run's own samples; None: none succeeded")

    @property
    def accounted(self) -> float | None:
        """The share of the samples' time that the parts make up; the rest is the profiler's own."""
        if not self.service_time_ns:
            return None
        parts = self.parts
        summed_ns = parts.ai_ns + parts.database_ns + parts.lock_wait_ns + parts.engine_ns
        return summed_ns / parts.count / self.service_time_ns


class ProfileResult(Record):
    """What one `profile` found."""

    schema_version: Literal[1] = Field(default=SCHEMA_VERSION, description="rises as that of a run does")
    kind: Literal["profile"] = Field(default="profile", description="identifies the kind of file")
    scenario: str = Field(description="the scenario's name")
    plan: str = Field(description="what ran, in one line")
    operation_files: list[OperationSource] = Field(default=[], description="the files of own operations that ran")
    seed: int = Field(description="repeat the operations with --seed")
    started_at: str = Field(description="UTC, ISO 8601")
    engine: str = Field(default="", description="which was profiled: the path or revision given, or which default")
    engine_version: str = Field(default="", description="digest of its sources")
    commit: str = Field(default="", description="that holds exactly these sources; empty: none is known to")
    engine_modified: bool = Field(default=False, description="they differ from the commit checked out around them")
    processes: int = Field(default=1, description="the first of them was profiled")
    operations: dict[str, int] = Field(default={}, description="operations done in the run of each profiler")
    cpu: CpuFindings | None = Field(default=None, description="null: not asked for")
    memory: MemoryFindings | None = Field(default=None, description="null: not asked for")
    sql: list[StatementFigures] | None = Field(default=None, description="null: not asked for")
    locks: list[LockFigures] | None = Field(default=None, description="null: not asked for")
    breakdown: list[Breakdown] = Field(default=[], description="by operation: where its time went")
    overheads: list[Overhead] = Field(default=[], description="what each profiler cost")
    files: list[str] = Field(default=[], description="flame graphs that were written")
    notes: list[str] = Field(default=[], description="what to know of these figures")
    interrupted: str = Field(default="", description="the signal that ended it; empty for none")
