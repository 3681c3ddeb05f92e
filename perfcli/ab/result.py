"""The metrics that `ab` compares, and AbResult: all that is known of two engines compared.

Reports read it and nothing else; `ab --json` writes it.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from pydantic import Field

from perfcli.errors import ExitCode, of_interrupt
from perfcli.results import CounterChange, Environment, MachineResult, OperationSource
from perfcli.results.observed import Record
from perfcli.units import format_size

AB_SCHEMA_VERSION: Final = 1
_NOTHING: Final = 1e-9

MARGIN: Final = 0.05
TAIL_MARGIN: Final = 0.20
"""Of p99, which rests on a hundredth of the samples."""

LEAST_FOR_TAIL: Final = 200
"""Samples of an operation in a pair, of each engine; with fewer, less than two would lie beyond p99."""

DATABASE_FLOOR: Final = 64.0
"""Bytes per operation. Figures that can be 0 are compared above a floor: ln((candidate + floor) / (base + floor))."""

ERRORS_FLOOR: Final = 0.001
"""A share of the operations."""


class ComparedMetric(NamedTuple):
    """A metric for documents; less of it is better."""

    meaning: str
    margin: str
    unseen: str
    """What it cannot show; "" if it shows all of it."""


_OF_ALL: Final = f"{MARGIN:.0%}"
COMPARED_METRICS: Final = {
    "time": ComparedMetric("time with at least one operation in progress, per operation", _OF_ALL, "concurrency"),
    "OPERATION.p50": ComparedMetric("median latency of a slice", _OF_ALL, ""),
    "OPERATION.p99": ComparedMetric(
        f"99th percentile of the latencies in a pair, from {LEAST_FOR_TAIL} samples on",
        f"{TAIL_MARGIN:.0%}",
        "events rarer than 1 in 100",
    ),
    "database": ComparedMetric(
        "growth of the database's pages in use, per operation",
        f"{_OF_ALL}, above {format_size(DATABASE_FLOOR)}",
        "less than one page of 4 KiB",
    ),
    "errors": ComparedMetric("share of the operations that failed", f"{_OF_ALL}, above {ERRORS_FLOOR:.1%}", ""),
}


StoppedBy = Literal["precision", "most pairs", "time", "interrupt", "problem"]
"""Why no further pair was made."""


class Change(StrEnum):
    """What became of a metric."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    INCONCLUSIVE = "inconclusive"
    NO_CHANGE = "no change"


def ratio_above(floor: float, base: float, difference: float) -> float:
    """The candidate to the base, from ln((candidate + floor) / (base + floor)); of a base of 0 with both floors."""
    if not (difference and floor) or base < floor * _NOTHING:
        return math.exp(difference)
    return max(0.0, (base + floor) * math.exp(difference) - floor) / base


class MetricComparison(Record):
    """One metric of both engines; lower is better in all of them."""

    name: str = Field(description="time, OPERATION.p50, OPERATION.p99, database or errors")
    unit: Literal["ns", "bytes", "statements", "errors"] = Field(
        description="of `base` and `candidate`, per operation; `statements` in older results alone"
    )
    margin: float = Field(description="smallest change that counts: 0.05 is 5%")
    base: float = Field(description="the median over pairs")
    candidate: float = Field(description="`base` × `ratio`")
    ratio: float = Field(description="candidate to base, from the Hodges–Lehmann estimate over pairs; 1.1 is 10% more")
    lower: float | None = Field(
        description="the ratio's lower bound at a one-sided confidence of 95%; null with too few pairs"
    )
    upper: float | None = Field(
        description="the ratio's upper bound at a one-sided confidence of 95%; null with too few pairs"
    )
    p_worse: float = Field(
        description="p that the candidate is worse: one-sided signed-rank test, Holm-adjusted over the metrics"
    )
    p_better: float = Field(
        description="p that the candidate is better: one-sided signed-rank test, Holm-adjusted over the metrics"
    )
    change: Change = Field(description="verdict on this metric")
    differences: list[float] = Field(description="per pair: ln((candidate + floor) / (base + floor))")
    floor: float = Field(
        default=0.0,
        description="added to both figures of a metric that may be 0: 64 B, 0.1% errors; 0 for times",
    )

    def ratio_of(self, difference: float) -> float:
        """The candidate to the base, if this were the difference of a pair."""
        return ratio_above(self.floor, self.base, difference)


class EngineSide(Record):
    """One of the two engines."""

    name: str = Field(description="the path or revision given, `the working tree` or `the installed engine`")
    version: str = Field(default="", description="digest of the engine's source files")
    commit: str = Field(default="", description="commit with exactly these sources; empty if unknown")
    modified: bool = Field(default=False, description="whether the sources differ from the checked-out commit")
    operations: int = Field(default=0, description="in all pairs, warm-up included")
    errors: dict[str, int] = Field(default={}, description="failed operations by kind")
    error_examples: dict[str, str] = Field(
        default={}, description="by kind of error: the first one in full, as in a run"
    )
    left_running: list[str] = Field(
        default=[], description="processes it left running, some of them by name; they were ended"
    )
    lost_writes: int = Field(default=0, description="acknowledged writes missing from its databases")
    lost_examples: list[str] = Field(default=[], description="examples")
    problem: str = Field(
        default="", description="why it stopped: it crashed, hung or did not open; empty if it did not"
    )

    @property
    def failed(self) -> int:
        """Operations that failed."""
        return sum(self.errors.values())

    @property
    def is_sound(self) -> bool:
        """Whether every operation answered rightly and nothing was lost."""
        return not (self.failed or self.lost_writes or self.problem)


class Pairing(Record):
    """How the pairs were made."""

    pairs: int = Field(description="pairs that were completed")
    slices: int = Field(description="of each engine in each pair")
    slice_ns: int = Field(description="median length of a slice of the base")
    iterations: int = Field(description="of each vu in each slice")
    vus: int = Field(description="vus of each engine")
    pinned: bool = Field(description="whether both engines of a pair were held on the same CPUs")
    stopped_by: StoppedBy = Field(description="why the comparison stopped")


class AbMachine(MachineResult):
    """A machine of a cluster, with the result of its own pairs."""

    pairs: int = Field(default=0, description="pairs that were made on it")
    ratios: dict[str, float] = Field(
        default={}, description="candidate to base by metric: the median over the pairs of this machine"
    )


class AbResult(Record):
    """A comparison of a candidate engine with a base engine."""

    kind: Literal["ab"] = Field(default="ab", description="identifies the kind of file")
    schema_version: Literal[1] = Field(
        default=AB_SCHEMA_VERSION, description="version of the format; see docs/results.md#schema-version"
    )
    scenario: str = Field(description="the scenario's name")
    plan: str = Field(description="what each engine did, in one line")
    operation_files: list[OperationSource] = Field(
        default=[], description="the files of own operations that both engines ran"
    )
    seed: int = Field(description="seed of the operations; both engines of every pair replay it")
    started_at: str = Field(description="when the comparison began: UTC, ISO 8601")
    duration_ns: int = Field(description="how long the whole comparison took")
    base: EngineSide = Field(description="the engine compared with")
    candidate: EngineSide = Field(description="the engine judged")
    pairing: Pairing = Field(description="how the pairs were made")
    alpha: float = Field(
        default=0.01, description="significance level: 0.01, divided by the number of scenarios compared at once"
    )
    metrics: list[MetricComparison] = Field(default=[], description="each metric that both engines have in every pair")
    counters: list[CounterChange] = Field(
        default=[], description="exact counters of each operation that both engines have, counted once"
    )
    not_counted: str = Field(
        default="", description="why there are no exact counters; empty if there are, and in older results"
    )
    change: Change = Field(
        description="most severe verdict of all metrics and exact counters; also a regression if only the candidate "
        "failed or lost writes"
    )
    reasons: list[str] = Field(default=[], description="reasons beyond the metrics")
    invalid: str = Field(default="", description="why the comparison is impossible; empty if it is possible")
    interrupted: str = Field(default="", description="signal that interrupted it; empty if none did")
    environment: Environment = Field(description="machine it ran on, as in a run")
    machines: list[AbMachine] = Field(
        default=[], description="the machines of a cluster that made the pairs; empty without `--cluster`"
    )

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
