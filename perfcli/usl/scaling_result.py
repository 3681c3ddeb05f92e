"""ScalingResult: what `scaling` measured, and the law that was fitted to it. `scaling --json` writes it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal

from pydantic import Field

from perfcli.errors import ExitCode, Verdict
from perfcli.inference.usl import Interval, UslEstimate, estimate_usl
from perfcli.metrics.histogram import Histogram
from perfcli.results import Environment, MachineResult, RunResult
from perfcli.results.observed import Record

LEAST_BLOCKS: Final = 5
"""Of fewer blocks intervals would say little."""

LEAST_LOADS: Final = 4
"""Three constants are fitted to the means of the loads, and the residual needs one to be left."""

ENOUGH_LOADS: Final = 6
"""With fewer, the constants follow what was measured too closely for the residual to say much."""

MOST_RESIDUAL: Final = 0.1
"""The law does not describe an engine that is further from it."""

_CURVE_POINTS: Final = 60

Of = Literal["vus", "processes"]
"""What there are more of from load to load."""


class Constant(Record):
    """A constant of the law, with its 95% interval."""

    value: float | None = Field(description="null: there is none, or it is infinite")
    lower: float = Field(description="lower end of the interval")
    upper: float | None = Field(description="upper end of the interval; null: unbounded")

    @classmethod
    def of(cls, value: float, interval: Interval) -> Constant:
        """The constant with a value and an interval that may be infinite."""
        return cls(value=_finite(value), lower=interval.lower, upper=_finite(interval.upper))


class Law(Record):
    """The Universal Scalability Law X(N) = λN / (1 + σ(N − 1) + κN(N − 1)), fitted to the mean of each load."""

    lambda_per_s: Constant = Field(description="throughput of one")
    sigma: Constant = Field(description="contention: the share of the work that runs one at a time")
    kappa: Constant = Field(description="coherency: what each two cost one another")
    peak: Constant = Field(description="the load with the largest throughput; unbounded if `kappa` may be 0")
    residual: float = Field(description="root mean square of the residuals of `points`: 0.1 is 10%")
    curve: list[tuple[float, float, float, float | None]] = Field(
        description="points of the curve: load, throughput per second, lower and upper end of its 95% interval"
    )

    @property
    def holds(self) -> bool:
        """Whether the law describes what was measured."""
        return self.residual <= MOST_RESIDUAL


@dataclass(slots=True)
class Measured:
    """What a run adds to its load."""

    per_s: float
    ok: int
    failed: int
    latency: Counter[int]

    @classmethod
    def of(cls, run: RunResult) -> Measured:
        """Of a run that passed."""
        latency: Counter[int] = Counter()
        for operation in run.operations:
            latency.update(operation.histogram_ns)
        return cls(run.total.throughput_per_s, run.total.ok, run.total.failed, latency)


class LoadPoint(Record):
    """What was measured at one load, in all complete blocks together."""

    load: int = Field(description="the number of vus, or of engine processes")
    throughput_per_s: float = Field(description="successful operations per second: mean over blocks")
    blocks_per_s: list[float] = Field(description="the same in each block")
    ok: int = Field(description="successful operations")
    failed: int = Field(description="failed operations")
    p50_ns: float | None = Field(description="median latency; null without a success")
    p95_ns: float | None = Field(description="95th percentile")
    p99_ns: float | None = Field(description="99th percentile")
    fit_per_s: float | None = Field(default=None, description="throughput by the law; null without one")
    residual: float | None = Field(default=None, description="measured against fitted throughput: 0.1 is 10% above")

    @classmethod
    def of(cls, load: int, measured: Sequence[Measured]) -> LoadPoint:
        """What several runs at a load show together."""
        latency: Counter[int] = Counter()
        for each in measured:
            latency.update(each.latency)
        histogram = Histogram.from_counts(latency)
        p50, p95, p99 = (histogram.percentile(q) if histogram.count else None for q in (0.5, 0.95, 0.99))
        return cls(
            load=load,
            throughput_per_s=fmean(each.per_s for each in measured),
            blocks_per_s=[each.per_s for each in measured],
            ok=sum(each.ok for each in measured),
            failed=sum(each.failed for each in measured),
            p50_ns=p50,
            p95_ns=p95,
            p99_ns=p99,
        )


class ScalingResult(Record):
    """Throughput over load."""

    scenario: str = Field(description="the scenario's name")
    of: Of = Field(description="unit of the loads; each of `processes` has one vu")
    loads: list[int] = Field(description="the loads asked for, ascending")
    in_process: bool = Field(description="whether vus are threads in the engine's process")
    plan: str = Field(description="what ran at the largest load, in one line")
    seed: int = Field(description="seed; pass it to `--seed` to replay the order and the operations")
    started_at: str = Field(description="when the first run began: UTC, ISO 8601")
    duration_ns: int = Field(description="from then on until the last run was over")
    planned_blocks: int = Field(description="blocks asked for")
    blocks: int = Field(description="complete blocks")
    starved: list[str] = Field(default=[], description="of each block that was dropped: what kept it from the CPU")
    points: list[LoadPoint] = Field(
        description="the loads that were measured, ascending; with fewer than 5 complete blocks, all runs count"
    )
    law: Law | None = Field(default=None, description="null with fewer than 5 complete blocks, or 4 loads")
    verdict: Verdict = Field(description="as of the run that ended it; pass if none did")
    reasons: list[str] = Field(default=[], description="why it did not pass")
    exit_code: int = Field(default=ExitCode.PASS, description="what `scaling` exits with")
    engine: str = Field(default="", description="as in the result of a run")
    commit: str = Field(default="", description="as in the result of a run")
    engine_modified: bool = Field(default=False, description="as in the result of a run")
    environment: Environment | None = Field(default=None, description="machine and versions; null without a run")
    machines: list[MachineResult] = Field(
        default=[], description="the machines of a cluster that it ran on; empty without `--cluster`"
    )

    @property
    def peak(self) -> Constant | None:
        """The peak, if the law shows one beyond doubt within the loads or beyond."""
        law = self.law
        if law is None or not law.holds or not law.kappa.lower or law.peak.upper is None:
            return None
        return law.peak


def fitted(points: Sequence[LoadPoint]) -> tuple[list[LoadPoint], Law]:
    """The points with their residuals, and the law fitted to them.

    Raises:
        ValueError: a load has no throughput, or there are too few of them.
    """
    loads = [point.load for point in points]
    estimate = estimate_usl(loads, list(zip(*(point.blocks_per_s for point in points), strict=True)))
    fit = estimate.fit
    measured = []
    for point in points:
        expected = fit.throughput(point.load)
        residual = point.throughput_per_s / expected - 1
        measured.append(point.model_copy(update={"fit_per_s": expected, "residual": residual}))
    law = Law(
        lambda_per_s=Constant.of(fit.lambda_, estimate.lambda_),
        sigma=Constant.of(fit.sigma, estimate.sigma),
        kappa=Constant.of(fit.kappa, estimate.kappa),
        peak=Constant.of(fit.peak, estimate.peak),
        residual=math.sqrt(math.fsum((point.residual or 0.0) ** 2 for point in measured) / len(measured)),
        curve=_curve(estimate, loads[0], loads[-1]),
    )
    return measured, law


def _curve(estimate: UslEstimate, first: int, last: int) -> list[tuple[float, float, float, float | None]]:
    places = (first + (last - first) * step / (_CURVE_POINTS - 1) for step in range(_CURVE_POINTS))
    return [
        (at, estimate.fit.throughput(at), interval.lower, _finite(interval.upper))
        for at in places
        for interval in [estimate.throughput(at)]
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
