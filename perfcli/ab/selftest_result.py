"""SelftestResult: what the gate did on this machine with engines whose difference was known."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Planted:
    """Gates on an engine with a known slowdown."""

    slowdown: float = Field(description="0.1 is 10% more time for each operation")
    gates: int = Field(description="gates on such an engine")
    found: int = Field(description="those that called it a regression")
    pairs_median: float = Field(description="pairs of such a gate")


@dataclass(frozen=True, slots=True)
class SelftestResult:
    """How often the gate was wrong where it could be known, and how small a slowdown it can resolve here."""

    scenario: str = Field(description="the scenario's name")
    engine_version: str = Field(description="digest of the engine's source files")
    gates_same: int = Field(description="gates of an engine against itself")
    false_alarms: int = Field(description="how many of them called it a regression")
    planted: list[Planted] = Field(description="gates on an engine with a known slowdown")
    smallest: float | None = Field(
        description="the smallest slowdown that 95 of 100 gates find here (0.1 is 10%); null if there is none"
    )
    pair_sd: dict[str, float] = Field(
        description="by metric: standard deviation over pairs of ln(candidate / base), of an engine against itself"
    )
    seconds_per_gate: float = Field(description="median over gates")
    duration_s: float = Field(description="how long the self-test took")
    pinned: bool = Field(description="whether both engines of a pair were held on the same CPUs")
    passed: bool = Field(description="whether the gate can be relied on here")
    interrupted: str = Field(default="", description="by what; empty if it was not")
    engine: str = Field(default="", description="`the working tree` or `the installed engine`")
    commit: str = Field(
        default="", description="the commit that holds exactly these sources; empty if none is known to"
    )
    engine_modified: bool = Field(
        default=False, description="whether they differ from the commit checked out around them"
    )
