"""The metrics that a kept run still tells, by the names that thresholds give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from perfcli.errors import UsageError
from perfcli.metrics.catalog import METRICS, Metric, is_statistic, percentile_of
from perfcli.metrics.histogram import Histogram
from perfcli.results import LatencySummary, OperationResult, RunResult
from perfcli.thresholds import did_you_mean

_KEPT_STATISTICS: Final = {
    "min": "min_ns",
    "mean": "mean_ns",
    "median": "p50_ns",
    "p50": "p50_ns",
    "p90": "p90_ns",
    "p95": "p95_ns",
    "p99": "p99_ns",
    "p99.9": "p99_9_ns",
    "max": "max_ns",
    "stddev": "stddev_ns",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A metric as thresholds name it: of one operation, or of the whole run where `operation` is empty."""

    metric: Metric
    operation: str = ""
    statistic: str = ""

    def __str__(self) -> str:
        return ".".join(filter(None, (self.operation, self.metric.name, self.statistic)))


def parse_subject(text: str, run: RunResult) -> Subject:
    """The metric that `text` names, as in a threshold, known of a run like this one.

    Raises:
        UsageError: there is no such metric or operation, or a kept run does not tell it; the hint lists what there is.
    """
    operation, name = "", text.strip()
    if _metric_in(name) is None and "." in name:
        operation, _, name = name.partition(".")
    metric = _metric_in(name)
    if metric is None or not _is_told(metric):
        raise UsageError(f"--metric {text}: {_why_not_told(metric, text)}", hint=_what_there_is())
    known = [each.name for each in run.operations]
    if operation and operation not in known:
        meant = did_you_mean([operation], known)
        raise UsageError(
            f"--metric {text}: {run.name} has no operation {operation}{meant}", hint=f"it has {', '.join(known)}"
        )
    if operation and not metric.per_operation:
        raise UsageError(f"--metric {text}: {metric.name} is of the whole run: write --metric {metric.name}")
    statistic = name[len(metric.name) + 1 :]
    if metric.needs_statistic and not is_statistic(statistic):
        wanted = f"{operation}.{metric.name}".lstrip(".")
        raise UsageError(f"--metric {text}: {metric.name} needs a statistic", hint=f"e.g. --metric {wanted}.p50")
    return Subject(metric, operation, statistic)


def needs_histogram(text: str) -> bool:
    """Whether a metric is a percentile that only a histogram tells, e.g. latency.p75."""
    _, _, statistic = text.strip().rpartition("latency.")
    return percentile_of(statistic) is not None and statistic not in _KEPT_STATISTICS


def observed(run: RunResult, subject: Subject) -> float | None:
    """The value of a metric in its base unit (ns, bytes, a fraction, per second); None where it was not measured."""
    part = (
        run.total if not subject.operation else next((o for o in run.operations if o.name == subject.operation), None)
    )
    if part is None:
        return None
    if subject.metric.needs_statistic:
        return _latency(part, subject.metric.name, subject.statistic)
    name = subject.metric.name
    return _at(part, _OF_OPERATION[name]) if name in _OF_OPERATION else _at(run, _OF_RUN[name])


def _metric_in(name: str) -> Metric | None:
    """The metric of "memory.growth", or of "latency.p50" and "latency"."""
    first, _, _ = name.partition(".")
    metric = METRICS.get(name) or METRICS.get(first)
    return metric if metric and (metric.name == name or metric.needs_statistic) else None


def _is_told(metric: Metric) -> bool:
    return metric.name in (*_TIMES, *_OF_OPERATION, *_OF_RUN)


def _why_not_told(metric: Metric | None, text: str) -> str:
    if metric is not None:
        return f"a kept run does not tell {metric.name}"
    meant = did_you_mean([text, *reversed(text.split("."))], METRICS)
    operation, _, statistic = text.rpartition(".")
    if is_statistic(statistic) and not meant:
        return f"it names a statistic and no metric: write {'.'.join(filter(None, (operation, 'latency', statistic)))}"
    return f"there is no such metric{meant}"


def _what_there_is() -> str:
    alone = ", ".join(name for name in METRICS if name in _OF_RUN)
    each = ", ".join(_OF_OPERATION)
    return (
        "there are, of an operation or of all ([OPERATION.]metric): latency.STATISTIC and service_time.STATISTIC "
        f"(p50, p99, mean, max), {each}; of the whole run: {alone}"
    )


def _latency(part: OperationResult, name: str, statistic: str) -> float | None:
    summary: LatencySummary | None = getattr(part, name)
    if summary is None:
        return None
    if field := _KEPT_STATISTICS.get(statistic):
        return float(getattr(summary, field))
    quantile = percentile_of(statistic)
    if quantile is None or name != "latency" or not part.histogram_ns:
        return None
    return Histogram.from_counts(part.histogram_ns).percentile(quantile)


def _at(record: object, path: str) -> float | None:
    """The figure at a dotted path of attributes; None where one on the way is."""
    found: Any = record
    for name in path.split("."):
        found = None if found is None else getattr(found, name)
    return None if found is None else float(found)


_TIMES: Final = ("latency", "service_time")
_OF_OPERATION: Final = {
    "success_rate": "success_rate",
    "throughput": "throughput_per_s",
    "degradation": "degradation",
    "growth.ratio": "growth.ratio",
    "growth.exponent": "growth.exponent",
}
"""Where an operation's result has its metrics; `_OF_RUN` of a whole run's."""
_OF_RUN: Final = {
    "iterations": "iterations",
    "dropped_iterations": "dropped_iterations",
    "interrupted_iterations": "interrupted_iterations",
    "duration": "duration_ns",
    "memory.growth": "memory.growth",
    "memory.peak": "memory.peak",
    "memory.per_pet": "memory.per_pet",
    "memory.slope": "memory.slope_bytes_per_operation",
    "memory.leak": "memory.leak.judged",
    "memory.after_cleanup": "memory.after_cleanup",
    "cpu.mean": "resources.cpu_mean",
    "cpu.max": "resources.cpu_max",
    "lost_writes": "integrity.lost",
    "duplicate_writes": "integrity.duplicates",
    "lost_updates": "integrity.lost_updates",
    "fidelity.differences": "integrity.differences",
    "io.written_per_op": "inspection.written_per_operation",
    "io.fsyncs_per_op": "inspection.fsyncs_per_operation",
    "engine.shutdown_time": "inspection.shutdown_ns",
    "engine.connections_left": "inspection.connections_left",
    "stray_output": "inspection.printed_bytes",
}
