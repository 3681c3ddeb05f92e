"""What was measured of operations and phases."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Literal

from pydantic import Field

from perfcli.metrics.histogram import STATISTICS
from perfcli.results.observed import Record
from perfcli.units import NS_PER_S, format_rate

_FIGURE: Final = (int, float, str, type(None))
_PARTS: Final = ("latency", "service_time", "growth")
"""Fields of `OperationResult` with figures of their own."""

TOTAL: Final = "all operations"
"""The name of all operations together."""


class LatencySummary(Record):
    """Statistics of samples: the latency or the service time of the successful ones, or how late iterations started.

    docs/methodology.md#statistics defines the percentiles.
    """

    count: int = Field(default=0, description="samples")
    exact: bool = Field(
        default=True,
        description="whether percentiles are of the samples themselves; those of more than 50,000 are read from "
        "a histogram, and right to 0.1%",
    )

    min_ns: int = Field(description="the fastest")
    mean_ns: float = Field(description="arithmetic mean")
    p50_ns: float = Field(description="median")
    p90_ns: float = Field(description="90th percentile")
    p95_ns: float = Field(description="95th percentile")
    p99_ns: float = Field(description="99th percentile")
    p99_9_ns: float = Field(description="99.9th percentile")
    max_ns: int = Field(description="the slowest")
    stddev_ns: float = Field(description="sample standard deviation")
    percentiles: dict[str, float] = Field(default={}, description="in ns: others that a threshold names, e.g. p75")

    def statistic(self, name: str) -> float | None:
        """The statistic called min, mean, median, max, stddev or pN, in ns; None for a percentile it does not hold."""
        field = STATISTICS.get(name)
        held: float | None = getattr(self, field) if field else self.percentiles.get(name)
        return held


class GrowthResult(Record):
    """How the latency of an operation grows with what is stored, see docs/methodology.md#growth-of-cost."""

    over: Literal["pets", "interactions"] = Field(description="pets that are stored, or interactions of a pet")
    ratio: float = Field(description="median latency of the last tenth over that of the first")
    exponent: float | None = Field(
        description="latency ~ size^exponent: 0 is constant, 1 is linear; null if the size barely changed"
    )
    points: list[tuple[float, float]] = Field(default=[], description="size and median latency in ns of each tenth")


class CounterResult(Record):
    """What an operation of your own counted with `ctx.count`."""

    unit: Literal["count", "size", "duration"] = Field(description="a plain number, bytes, or nanoseconds")
    sum: float = Field(default=0.0, description="over all successful operations")
    per_op: float | None = Field(default=None, description="the sum per successful operation; null without a success")


class OperationResult(Record):
    """One operation, or all of them together."""

    name: str = Field(description="the step's name, or its operation's")
    ok: int = Field(ge=0, description="operations with the right answer; only these are in `latency`")
    failed: int = Field(ge=0, description="operations that raised or returned the wrong thing")
    errors: dict[str, int] = Field(default={}, description="failed operations by kind, the most frequent first")
    throughput_per_s: float = Field(
        default=0.0, description="successful operations per second of planned time, or of measured time if longer"
    )
    latency: LatencySummary | None = Field(default=None, description="from the intended start; null without a success")
    service_time: LatencySummary | None = Field(
        default=None, description="from the actual start; null without a success"
    )
    failures: dict[str, int] | None = Field(
        default=None,
        description="failed operations by category: timeout, busy, stale, database, torn, other; null: unknown",
    )
    skipped: int = Field(default=0, description="steps that were not tried, as one they build upon had failed")
    preparation_ns: float | None = Field(
        default=None,
        description="mean time before `ctx.timed()` in a function of your own: in no latency, but it delays what "
        "follows; null without a success, and for other operations",
    )
    counters: dict[str, CounterResult] = Field(default={}, description="what a function of your own counted, by name")
    degradation: float | None = Field(
        default=None,
        description="last fifth against first fifth, corrected for the machine: 0.5 is 50% slower; null with too few "
        "successes",
    )
    raw_degradation: float | None = Field(
        default=None, description="degradation as timed, not corrected for the machine"
    )
    growth: GrowthResult | None = Field(
        default=None, description="how its latency grows with the stored data; null without `growth` in the scenario"
    )
    histogram_ns: dict[int, int] = Field(
        default={},
        repr=False,
        description="latency: the number of samples by the floor of their bucket, see docs/results.md#histograms",
    )

    def as_row(self) -> dict[str, int | float | str | None]:
        """Its figures in one flat dict: `ok`, `latency_p99_ns`, `growth_ratio`; counters by name, `letters_per_op`."""
        row: dict[str, int | float | str | None] = {}
        for name, value in self:
            if name in _PARTS:
                row |= {f"{name}_{key}": each for key, each in value or () if isinstance(each, _FIGURE)}
            elif isinstance(value, _FIGURE):
                row[name] = value
        for name, counter in self.counters.items():
            row |= {name: counter.sum, f"{name}_per_op": counter.per_op}
        return row

    @property
    def attempts(self) -> int:
        """Operations that were tried."""
        return self.ok + self.failed

    @property
    def success_rate(self) -> float | None:
        """The share that answered rightly; None where nothing was tried."""
        return self.ok / self.attempts if self.attempts else None


class LoadSlice(Record):
    """A part of an operation's successful samples, in the order of their start, and the machine's pace meanwhile."""

    start_ns: int = Field(description="start of its first sample, since measuring began")
    count: int = Field(ge=1, description="samples in it")
    mean_ns: float = Field(ge=0, allow_inf_nan=False, description="their mean latency")
    median_ns: float = Field(ge=0, allow_inf_nan=False, description="their median latency")
    reference_ns: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="time of the reference kernel then, or nearest to it; null if it never ran",
    )


class SecondOfLoad(Record):
    """One second of the time series, or a little longer in a load of more than four minutes."""

    second: int = Field(description="since measuring began; 0 is the first")
    length_ns: int = Field(
        default=NS_PER_S,
        description="how long it is: less than a second if the load ended in it, more in a load of more than "
        "four minutes",
    )
    ok: int = Field(description="successful operations that began in it")
    failed: int = Field(description="failed operations that began in it")
    mean_ns: float | None = Field(default=None, description="mean latency of the successful ones; null without one")
    p50_ns: float | None = Field(default=None, description="their median, right to 0.1%; null without one")
    p95_ns: float | None = Field(
        default=None, description="their 95th percentile, right to 0.1%; null without one, and in older results"
    )
    p99_ns: float | None = Field(
        default=None, description="their 99th percentile, right to 0.1%; rough with fewer than 1,000 operations"
    )
    max_ns: int | None = Field(default=None, description="highest latency of the successful ones; null without one")


class VuWork(Record):
    """The work of one vu, with a digest of its operations, users and choices in order."""

    vu: int = Field(description="number of the vu, from 0")
    incarnation: int = Field(default=0, description="how often its engine process had been replaced by then")
    iterations: int = Field(description="iterations it completed while measured")
    operations: int = Field(description="operations it tried while measured")
    digest: str = Field(
        description="digest of its first operations with their pets and variants, in order: its share of "
        "200,000, 1,000 at least"
    )


class Part(Record):
    """What a run has, and each of its phases."""

    duration_ns: int | None = Field(
        default=None, description="measured time; null if the run ended before measuring began"
    )
    iterations: int = Field(default=0, description="passes over the flow that all vus completed while measured")
    dropped_iterations: int = Field(
        default=0, description="iterations that were due, or that the load prescribes, and that never began"
    )
    interrupted_iterations: int = Field(
        default=0, description="iterations that were cut off when `graceful_stop` was over"
    )
    warmup_iterations: int = Field(default=0, description="passes over the flow during warm-up")
    offered_per_s: float | None = Field(
        default=None, description="iterations due per second, with an arrival rate; null for a load that was cut short"
    )
    achieved_per_s: float | None = Field(
        default=None, description="iterations done per second, with an arrival rate; null for a load that was cut short"
    )
    schedule_lag: LatencySummary | None = Field(
        default=None, description="from the time an iteration was due to its start, with an arrival rate"
    )
    torn_reads: int | None = Field(default=None, description="null: no pet is both saved with canaries and read")
    windows: dict[str, float | None] = Field(
        default={}, description="by threshold with `for` or `within`: the value that decides it, in its base unit"
    )
    total: OperationResult = Field(description="all operations together, under the name `all operations`")
    operations: list[OperationResult] = Field(
        default=[], description="each operation by its name, in the order of the flow"
    )

    def operation(self, name: str) -> OperationResult:
        """The operation of that name.

        Raises:
            LookupError: there is none; the message names those that there are.
        """
        for operation in self.operations:
            if operation.name == name:
                return operation
        raise LookupError(f"no operation {name!r}: there are {', '.join(each.name for each in self.operations)}")


class Break(Record):
    """Where a ramp was when a threshold with `abort_on_fail` ended it."""

    at_ns: int = Field(description="when, since the phase began")
    rate_per_s: float | None = Field(default=None, description="the rate of arrivals by then; null for a ramp of vus")
    vus: int | None = Field(default=None, description="the vus by then; null for a ramp of arrivals")

    def __str__(self) -> str:
        """ "812/s", "37 vus"."""
        if self.rate_per_s is not None:
            return format_rate(self.rate_per_s)
        return f"{self.vus:,} {'vu' if self.vus == 1 else 'vus'}"


class PhaseResult(Part):
    """One phase of a run."""

    name: str = Field(description="the phase's name; with `vus: [1, 5]` those of its two parts end in `-1` and `-5`")
    plan: str = Field(description="what ran, in one line")
    vus: int = Field(description="vus of the phase")
    began_ns: int | None = Field(default=None, description="since measuring began; null if the phase never did")
    planned_iterations: int | None = Field(default=None, description="null: limited by time only")
    offered_line: list[tuple[int, float]] = Field(
        default=[],
        description="the planned rate of arrivals over time: each point is [ns since the phase began, iterations "
        "per second], with straight lines between; empty without an arrival rate",
    )
    vus_line: list[tuple[int, int]] = Field(
        default=[],
        description="the planned number of vus over time: each step is [ns since the phase began, vus from then on]; "
        "of an arrival rate, how many there may be; empty in older results",
    )
    broke: Break | None = Field(
        default=None, description="where a ramp was when a threshold with `abort_on_fail` ended it; null if none did"
    )

    def due_between(self, from_ns: float, until_ns: float) -> float:
        """How many iterations were due in a stretch, in ns since the phase began; 0 if its own pace decided."""
        due = 0.0
        for (begins_ns, from_per_s), (ends_ns, to_per_s) in pairwise(self.offered_line):
            first_ns, last_ns = max(begins_ns, from_ns), min(ends_ns, until_ns)
            if first_ns < last_ns:
                middle = ((first_ns + last_ns) / 2 - begins_ns) / (ends_ns - begins_ns)
                due += (from_per_s + (to_per_s - from_per_s) * middle) * (last_ns - first_ns) / NS_PER_S
        return due
