"""A run against an earlier one: what became of its times and of its exact counters."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perfcli.errors import ExitCode
from perfcli.results.observed import Record

Outcome = Literal["regression", "improvement", "inconclusive", "no change", "incomparable"]


CounterOutcome = Literal["regression", "improvement", "no change", "incomparable"]


class OperationChange(Record):
    """One operation now, against the baseline."""

    name: str = Field(description="the operation, or `all operations`: each weighted by its count in the baseline")
    base_p50_ns: float | None = Field(default=None, description="median latency in the baseline's run, not normalised")
    p50_ns: float | None = Field(default=None, description="median latency in this run, not normalised")
    in_time: bool = Field(default=False, description="whether times were compared, not units of the reference kernel")
    ratio: float | None = Field(
        default=None,
        description="this run to the baseline's: Hodges–Lehmann estimate, 1.1 is 10% slower; null if there are "
        "too few values",
    )
    lower: float | None = Field(
        default=None, description="the ratio's lower bound at a one-sided confidence of 95%; null in older results"
    )
    upper: float | None = Field(
        default=None, description="the ratio's upper bound at a one-sided confidence of 95%; null in older results"
    )
    p_slower: float | None = Field(
        default=None,
        description="one-sided Mann–Whitney p that it is more than 5% slower, by Holm's method over all operations",
    )
    p_faster: float | None = Field(
        default=None,
        description="one-sided Mann–Whitney p that it is more than 5% faster, by Holm's method over all operations",
    )
    change: Literal["regression", "improvement", "inconclusive", "no change"] = Field(
        description="verdict on this operation"
    )
    reason: str = Field(default="", description="why it is inconclusive; else empty")


class CounterChange(Record):
    """An exact counter of one operation, of an engine against another or an earlier one."""

    operation: str = Field(description="the operation; empty for all together")
    metric: str = Field(description="name of the counter, as in thresholds")
    base: float | None = Field(description="mean of an operation in the baseline, or the base; null: no count")
    now: float | None = Field(description="mean of an operation now, or of the candidate; null: no count")
    change: CounterOutcome = Field(description="verdict: more than 2% is a change, of memory more than 5% and 64 B")
    reason: str = Field(default="", description="why it cannot be compared; else empty")


class BaselineComparison(Record):
    """A run against the baseline's run of the same scenario, see docs/results.md#kept-runs-and-baselines."""

    name: str = Field(description="the baseline's name, or its file's")
    commit: str = Field(default="", description="the commit of the baseline's engine; empty if it is not known")
    engine_version: str = Field(default="", description="digest of the sources of the baseline's engine")
    started_at: str = Field(
        default="", description="when the baseline's run began: UTC, ISO 8601; empty if there is none"
    )
    margin: float = Field(default=0.15, description="ignore changes smaller than this: 0.15 is 15%")
    change: Outcome = Field(description="verdict on the whole")
    reasons: list[str] = Field(default=[], description="if incomparable, what differs; else notes on the baseline")
    base_reference_ns: float | None = Field(
        default=None, description="median time of the reference kernel in the baseline's run"
    )
    reference_ns: float | None = Field(default=None, description="median time of the reference kernel in this run")
    operations: list[OperationChange] = Field(
        default=[], description="each operation; with several, all together come last"
    )
    counters: list[CounterChange] = Field(
        default=[], description="exact counters of each operation; empty if either run did not count"
    )
    rests_on: Literal["times", "exact counters", "times and exact counters"] = Field(
        default="times",
        description="what `change` rests on: times or counters; an incomparable one is ignored if "
        "the other is comparable",
    )
    strict: bool = Field(default=False, description="whether `--strict` was given")

    @property
    def exit_code(self) -> ExitCode:
        """5 for a regression; with `strict` 5 for what is inconclusive, too, and 4 for what is incomparable; else 0."""
        if self.change == "regression" or (self.strict and self.change == "inconclusive"):
            return ExitCode.REGRESSION
        return ExitCode.INVALID if self.strict and self.change == "incomparable" else ExitCode.PASS
