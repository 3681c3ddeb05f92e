"""The metric families of the exposition, and what a run or a comparison says of each: in base units, as is the rule.

docs/reports.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from perfcli.errors import Verdict
from perfcli.regression.result import AbResult, Change, MetricComparison
from perfcli.report.saved import Reported
from perfcli.results import OperationResult, RunResult, ThresholdResult
from perfcli.units import NS_PER_S, Unit

Labels = Mapping[str, str]

_QUANTILES: Final = {"0.5": "p50_ns", "0.9": "p90_ns", "0.95": "p95_ns", "0.99": "p99_ns", "0.999": "p99_9_ns"}
_MEMORY: Final = ("growth", "peak", "per_pet", "after_cleanup")
_INTEGRITY: Final = ("lost", "duplicates", "lost_updates", "differences", "torn")


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a family."""

    value: float
    labels: Labels = field(default_factory=dict)
    suffix: str = ""


Samples = Iterator[Sample]


def _nothing(_: object) -> Samples:
    yield from ()


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: what it is called and means, and its samples of a run and of a comparison."""

    name: str
    kind: Literal["counter", "gauge", "summary"]  # that Prometheus' text format has too
    unit: str
    help: str
    of_run: Callable[[RunResult], Samples] = _nothing
    of_comparison: Callable[[AbResult], Samples] = _nothing

    def samples(self, result: Reported) -> Samples:
        """What a result says of it."""
        return self.of_comparison(result) if isinstance(result, AbResult) else self.of_run(result)


def _known(value: float | None, **labels: str) -> Samples:
    if value is not None:
        yield Sample(value, labels)


def _counted(value: int, **labels: str) -> Samples:
    yield Sample(value, labels, "_total")


def _run_info(result: RunResult) -> Samples:
    where = result.environment
    told = {
        "seed": str(result.seed),
        "commit": result.commit,
        "engine": result.engine,
        "engine_version": where.engine_version,
        "engine_modified": "yes" if result.engine_modified else "",
        "tool_version": where.tool_version,
        "python": where.python,
        "sqlite": where.sqlite,
    }
    yield Sample(1, {name: value for name, value in told.items() if value})


def _verdict(result: RunResult) -> Samples:
    for verdict in Verdict:
        yield Sample(int(result.verdict is verdict), {"verdict": verdict.value})


def _seconds(duration_ns: float | None) -> float | None:
    return None if duration_ns is None else duration_ns / NS_PER_S


def _outcomes(result: RunResult) -> Samples:
    for operation in result.operations:
        yield from _counted(operation.ok, operation=operation.name, outcome="ok")
        yield from _counted(operation.failed, operation=operation.name, outcome="failed")


def _latency(result: RunResult) -> Samples:
    for operation in result.operations:
        yield from _summary(operation, {"operation": operation.name})


def _summary(operation: OperationResult, labels: Labels) -> Samples:
    latency = operation.latency
    if latency is None:
        return
    count = latency.count or operation.ok
    for quantile, name in _QUANTILES.items():
        yield Sample(getattr(latency, name) / NS_PER_S, {**labels, "quantile": quantile})
    yield Sample(count, labels, "_count")
    yield Sample(latency.mean_ns * count / NS_PER_S, labels, "_sum")


def _extremes(result: RunResult) -> Samples:
    for operation in result.operations:
        if operation.latency is not None:
            for name in ("min", "max"):
                extreme_ns = getattr(operation.latency, f"{name}_ns")
                yield Sample(extreme_ns / NS_PER_S, {"operation": operation.name, "statistic": name})


def _throughput(result: RunResult) -> Samples:
    for operation in result.operations:
        yield Sample(operation.throughput_per_s, {"operation": operation.name})


def _memory(result: RunResult) -> Samples:
    for name in _MEMORY:
        yield from _known(getattr(result.memory, name), figure=name)


def _cpu(result: RunResult) -> Samples:
    yield from _known(result.resources.cpu_mean, statistic="mean")
    yield from _known(result.resources.cpu_max, statistic="max")


def _database(result: RunResult) -> Samples:
    yield from _known(result.resources.database_bytes, file="database")
    yield from _known(result.resources.wal_bytes_max, file="wal")


def _integrity(result: RunResult) -> Samples:
    for name in _INTEGRITY if result.integrity else ():
        yield from _known(getattr(result.integrity, name), kind=name)


def _by_threshold(of: Callable[[ThresholdResult], float | None]) -> Callable[[RunResult], Samples]:
    def samples(result: RunResult) -> Samples:
        for threshold in result.thresholds:
            soft = {} if threshold.strict else {"strict": "false"}
            phase = {"phase": threshold.phase} if threshold.phase else {}
            unit = threshold.unit.value
            yield from _known(of(threshold), threshold=threshold.expr, unit=unit, **phase, **soft)

    return samples


def _in_base_units(threshold: ThresholdResult, value: float | None) -> float | None:
    return _seconds(value) if threshold.unit is Unit.DURATION else value


def _baseline(result: RunResult) -> Samples:
    if result.baseline is not None:
        for operation in result.baseline.operations:
            yield from _known(operation.ratio, operation=operation.name, baseline=result.baseline.name)


def _change(result: AbResult) -> Samples:
    for change in Change:
        yield Sample(int(result.change is change), {"change": change.value})


def _by_metric(of: Callable[[MetricComparison], float | None]) -> Callable[[AbResult], Samples]:
    def samples(result: AbResult) -> Samples:
        for metric in result.metrics:
            yield from _known(of(metric), metric=metric.name)

    return samples


def _pairs(result: AbResult) -> Samples:
    yield Sample(result.pairing.pairs)


FAMILIES: Final = (
    Family("run_info", "gauge", "", "What ran", _run_info),
    Family("verdict", "gauge", "", "1 for the verdict of the run, 0 for the others", _verdict),
    Family(
        "tries",
        "gauge",
        "",
        "How often the scenario ran; all runs but the last were starved by other processes",
        lambda run: _known(len(run.earlier_tries) + 1),
    ),
    Family("exit_code", "gauge", "", "The exit code that the run gives", lambda run: _known(run.exit_code)),
    Family("duration_seconds", "gauge", "seconds", "Measured time", lambda run: _known(_seconds(run.duration_ns))),
    Family("iterations", "counter", "", "Iterations completed", lambda run: _counted(run.iterations)),
    Family(
        "dropped_iterations",
        "counter",
        "",
        "Iterations that were due and never started",
        lambda run: _counted(run.dropped_iterations),
    ),
    Family("operations", "counter", "", "Operations by their outcome", _outcomes),
    Family("latency_seconds", "summary", "seconds", "Latency of operations that answered rightly", _latency),
    # not under a name beside them: whoever sums up a label's values would count them twice
    Family(
        "overall_latency_seconds",
        "summary",
        "seconds",
        "Latency of all operations together",
        lambda run: _summary(run.total, {}),
    ),
    Family("latency_extreme_seconds", "gauge", "seconds", "The shortest and the longest latency", _extremes),
    Family(
        "throughput",
        "gauge",
        "",
        "Successful operations per second of planned time, or of measured time if longer",
        _throughput,
    ),
    Family("memory_bytes", "gauge", "bytes", "Memory of the engine process, the harness's left out", _memory),
    Family(
        "memory_slope_bytes",
        "gauge",
        "bytes",
        "Growth of RSS per operation",
        lambda run: _known(run.memory.slope_bytes_per_operation),
    ),
    Family("cpu_ratio", "gauge", "ratio", "CPU time of the engine process over elapsed time", _cpu),
    Family("database_bytes", "gauge", "bytes", "The database at the end, and its largest write-ahead log", _database),
    Family("integrity_faults", "gauge", "", "Where the database is not what was acknowledged", _integrity),
    Family(
        "threshold_passed",
        "gauge",
        "",
        "1 for a threshold that holds, 0 for one that does not; none for one that was not judged",
        _by_threshold(lambda threshold: int(threshold.passed) if threshold.judged else None),
    ),
    Family(
        "threshold_observed",
        "gauge",
        "",
        "What was observed of a threshold, times in seconds",
        _by_threshold(lambda threshold: _in_base_units(threshold, threshold.observed)),
    ),
    Family(
        "threshold_limit",
        "gauge",
        "",
        "The limit of a threshold, times in seconds",
        _by_threshold(lambda threshold: _in_base_units(threshold, threshold.limit)),
    ),
    Family("baseline_ratio", "gauge", "ratio", "Latency now over that of the baseline", _baseline),
    Family("ab_change", "gauge", "", "1 for what became of the candidate, 0 for the others", of_comparison=_change),
    Family("ab_pairs", "gauge", "", "Pairs that were completed", of_comparison=_pairs),
    Family("ab_ratio", "gauge", "ratio", "Candidate over base", of_comparison=_by_metric(lambda metric: metric.ratio)),
    Family(
        "ab_lower_ratio",
        "gauge",
        "ratio",
        "Lower 95% bound of candidate over base",
        of_comparison=_by_metric(lambda metric: metric.lower),
    ),
    Family(
        "ab_upper_ratio",
        "gauge",
        "ratio",
        "Upper 95% bound of candidate over base",
        of_comparison=_by_metric(lambda metric: metric.upper),
    ),
)
"""In the order they are written; each name is that in the text without its prefix."""
