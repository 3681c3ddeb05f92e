"""AbResult: all that is known of two engines compared. Reports read this and nothing else; `ab --json` writes it."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from perfcli.errors import ExitCode, of_interrupt
from perfcli.results import Environment

AB_SCHEMA_VERSION: Final = 1
_NOTHING: Final = 1e-9


StoppedBy = Literal["precision", "most pairs", "time", "interrupt", "problem"]
"""Why no further pair was made."""


class Change(StrEnum):
    """What became of a metric."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    INCONCLUSIVE = "inconclusive"
    NO_CHANGE = "no change"


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


def ratio_above(floor: float, base: float, difference: float) -> float:
    """The candidate to the base, from ln((candidate + floor) / (base + floor)); of a base of 0 with both floors."""
    if not (difference and floor) or base < floor * _NOTHING:
        return math.exp(difference)
    return max(0.0, (base + floor) * math.exp(difference) - floor) / base


class MetricComparison(_Record):
    """One metric of both engines; lower is better in all of them."""

    name: str = Field(description="time, OPERATION.p50, OPERATION.p99, memory, database, statements or errors")
    unit: Literal["ns", "bytes", "statements", "errors"] = Field(description="of base and candidate; per operation")
    margin: float = Field(description="0.05: a change of less than 5 % is none")
    base: float = Field(description="the median over pairs")
    candidate: float = Field(description="what the paired change makes of the base: base x ratio")
    ratio: float = Field(description="candidate to base, from the Hodges–Lehmann estimate over pairs; 1.1 is 10 % more")
    lower: float | None = Field(description="its lower bound, one-sided confidence of 95 %; None of too few pairs")
    upper: float | None = Field(description="its upper bound, likewise")
    p_worse: float = Field(description="Holm-adjusted p of the one-sided signed-rank test that the candidate is worse")
    p_better: float
    change: Change
    differences: list[float] = Field(description="of each pair: ln((candidate + floor) / (base + floor))")
    floor: float = Field(default=0.0, description="added to both figures of a metric that may be 0")

    def ratio_of(self, difference: float) -> float:
        """The candidate to the base, if this were the difference of a pair."""
        return ratio_above(self.floor, self.base, difference)


class EngineSide(_Record):
    """One of the two engines."""

    name: str = Field(description="the path or revision given, or which default")
    version: str = Field(default="", description="digest of the engine's sources")
    commit: str = Field(default="", description="that holds exactly these sources; empty: none is known to")
    modified: bool = Field(default=False, description="they differ from the commit checked out around them")
    operations: int = Field(default=0, description="in all pairs, warm-up included")
    errors: dict[str, int] = Field(default={}, description="failed operations by kind")
    error_examples: dict[str, str] = Field(default={}, description="by kind: the first in full, with its traceback")
    left_running: list[str] = Field(default=[], description="some of the processes it left running, which were ended")
    lost_writes: int = 0
    lost_examples: list[str] = []
    problem: str = Field(default="", description="why it could not go on: it crashed, hung or does not open")

    @property
    def failed(self) -> int:
        """Operations that failed."""
        return sum(self.errors.values())

    @property
    def is_sound(self) -> bool:
        """Whether every operation answered rightly and nothing was lost."""
        return not (self.failed or self.lost_writes or self.problem)


class Pairing(_Record):
    """How the pairs were made."""

    pairs: int
    slices: int = Field(description="of each engine in each pair")
    slice_ns: int = Field(description="median length of a slice of the base")
    iterations: int = Field(description="of each vu in each slice")
    vus: int
    pinned: bool = Field(description="whether both engines of a pair were held on the same CPUs")
    stopped_by: StoppedBy


class AbResult(_Record):
    """A comparison of a candidate engine with a base engine."""

    kind: Literal["ab"] = "ab"
    schema_version: Literal[1] = AB_SCHEMA_VERSION
    scenario: str
    plan: str = Field(description="what each engine did, in one line")
    seed: int
    started_at: str = Field(description="UTC, ISO 8601")
    duration_ns: int
    base: EngineSide
    candidate: EngineSide
    pairing: Pairing
    alpha: float = Field(default=0.01, description="what p is held against: 0.01 over all scenarios compared at once")
    metrics: list[MetricComparison] = []
    change: Change = Field(description="the gravest of all metrics, and of errors and lost writes in one engine only")
    reasons: list[str] = Field(default=[], description="why, and what else to know")
    invalid: str = Field(default="", description="why nothing can be said: the base itself does not run")
    interrupted: str = Field(default="", description="by which signal, where there was one")
    environment: Environment

    def exit_code(self, *, strict: bool) -> ExitCode:
        """0 unless there is a regression (5), nothing could be compared (4), or a signal (129, 130, 143).

        Args:
            strict: whether an inconclusive comparison fails too.
        """
        if self.interrupted:
            return of_interrupt(self.interrupted)
        if self.invalid:
            return ExitCode.INVALID
        fails = self.change is Change.REGRESSION or (strict and self.change is Change.INCONCLUSIVE)
        return ExitCode.REGRESSION if fails else ExitCode.PASS
