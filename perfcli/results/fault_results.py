"""What became of each fault of a scenario."""

from __future__ import annotations

from pydantic import Field

from perfcli.results.observed import Record


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
