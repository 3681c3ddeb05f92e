"""What profilers find, as the engine process hands it over."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class FunctionTime(_Record):
    """One function of the operations' stacks."""

    name: str
    place: str = Field(description="file:line of its definition")
    self_share: float = Field(description="of the time within operations, 0..1: the function itself, C calls included")
    total_share: float = Field(description="the same, with all it called")


class CpuFindings(_Record):
    """Where the time of all vus' operations went, by stack samples."""

    samples: int
    sampled_ns: int = Field(description="time within operations, of all vus")
    harness_share: float = Field(description="of the vus' time: the harness itself and its pauses, left out")
    functions: list[FunctionTime] = Field(default=[], description="by self time, the longest first")


class FlameGraph(_Record):
    """The stacks themselves, as files to look at."""

    html: str
    speedscope: str


class KeptLine(_Record):
    """What one line allocated during the load that was still there with the cache emptied and garbage collected."""

    place: str = Field(description="file:line")
    source: str = Field(default="", description="the line itself")
    in_engine: bool
    kept_bytes: int
    blocks: int


class MemoryFindings(_Record):
    """Allocations that outlive the load, by line."""

    kept_bytes: int = Field(description="of all lines, the harness's own left out")
    lines: list[KeptLine] = Field(default=[], description="the engine's first, the largest first")


class FullScan(_Record):
    """A table that a statement reads from end to end."""

    table: str
    rows: int = Field(description="in the table after the load; counted up to 1,000")


class StatementFigures(_Record):
    """All runs of one statement within operations, or in the engine's own threads meanwhile."""

    sql: str = Field(description="values written into it replaced by ?")
    count: int
    total_ns: int = Field(description="executing and fetching; waiting for the write lock left out")
    mean_ns: float
    p99_ns: float
    rows: int = Field(description="fetched, or changed")
    lock_wait_ns: int = Field(default=0, description="waiting for other writers")
    called_from: list[str] = Field(default=[], description="the engine's lines that asked for it, innermost first")
    operations: dict[str, int] = Field(default={}, description="count by operation; '' for the engine's own threads")
    plan: list[str] = Field(default=[], description="of EXPLAIN QUERY PLAN after the load")
    no_plan: str = Field(default="", description="why there is none")
    full_scans: list[FullScan] = []
    repeated_in: str = Field(default="", description="the operation that runs it many times over (N+1)")
    most_in_one_operation: int = 0


class LockFigures(_Record):
    """One lock, or all that are made at the same place."""

    kind: Literal["Lock", "RLock", "Condition", "SQLite"]
    place: str = Field(description="the engine's line that makes it, file:line; of SQLite's own its name")
    source: str = Field(default="", description="that line itself")
    acquired: int = Field(description="how often it was asked for within operations")
    waits: int
    wait_ns: int
    longest_ns: int
    operations: dict[str, int] = Field(default={}, description="ns waited, by operation")


class OperationParts(_Record):
    """Where the time of one operation went; the parts exclude one another."""

    operation: str
    count: int
    whole_ns: int = Field(description="from the call to its return, all calls together")
    ai_ns: int
    database_ns: int
    lock_wait_ns: int
    engine_ns: int


class Findings(_Record):
    """What one profiler found in one run."""

    cpu: CpuFindings | None = None
    flame_graph: FlameGraph | None = None
    memory: MemoryFindings | None = None
    sql: list[StatementFigures] | None = None
    locks: list[LockFigures] | None = None
    parts: list[OperationParts] = []
