"""SelftestResult: what the gate did on this machine with engines whose difference was known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Planted:
    """Gates on an engine with a known slowdown."""

    slowdown: float
    """0.1 is 10 % more time for each operation"""
    gates: int
    found: int
    """gates that called it a regression"""
    pairs_median: float


@dataclass(frozen=True, slots=True)
class SelftestResult:
    """How often the gate was wrong where it could be known, and how small a slowdown it can resolve here."""

    scenario: str
    engine_version: str
    """digest of the engine's sources"""
    gates_same: int
    """gates of an engine against itself"""
    false_alarms: int
    """how many of them called it a regression"""
    planted: list[Planted]
    smallest: float | None
    """the smallest slowdown that this machine can resolve in the time given; None where there is none"""
    pair_sd: dict[str, float]
    """by metric: standard deviation over pairs of ln(candidate / base), of an engine against itself"""
    seconds_per_gate: float
    duration_s: float
    pinned: bool
    """whether both engines of a pair had the same CPUs to themselves"""
    passed: bool
    interrupted: str = ""
    """by what, in words, where it was"""
    engine: str = ""
    """the engine of the working tree, or the installed one"""
    commit: str = ""
    """that holds exactly these sources; empty: none is known to"""
    engine_modified: bool = False
    """they differ from the commit checked out around them"""
