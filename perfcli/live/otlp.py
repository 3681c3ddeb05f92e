"""The registry's metrics to a collector, every 10 s and at the end, over OTLP (https://opentelemetry.io/docs/specs/otlp).

Latencies go as exponential histograms made from our own. Figures that add up are sent of the smallest parts there are,
an operation within its phase, so that a sum over all attributes counts nothing twice.
"""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from perfcli.errors import PerfError, UsageError
from perfcli.figures import METRICS, STATISTICS, Metric, Spread, counter_metrics, counters_of
from perfcli.observer import Progress
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.report.openmetrics import in_base_unit, known_views
from perfcli.report.reported import Reported
from perfcli.results import OperationResult, RunResult, UnjudgedRun, variation_text
from perfcli.streams import complain
from perfcli.units import NS_PER_S, Unit
from perfcli.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import ExponentialHistogramDataPoint, MetricsData, NumberDataPoint

INTERVAL_S: Final = 10.0
PREFIX: Final = "digipal_perf."

_TO_LEAVE_S: Final = 5.0
_TO_GIVE_UP_S: Final = 0.5
_MOST_BUCKETS: Final = 160
"""As many as the OpenTelemetry SDK gives an exponential histogram."""

_SCALES: Final = range(8, -11, -1)
_UNITS: Final = {
    Unit.DURATION: "s",
    Unit.SIZE: "By",
    Unit.SIZE_PER_OPERATION: "By/{operation}",
    Unit.RATE: "{operation}/s",
    Unit.PERCENTAGE: "1",
    Unit.COUNT: "1",
    Unit.NUMBER: "1",
}
"""In UCUM, as OpenTelemetry's conventions ask for."""

Attributes = Mapping[str, str]


class Collector:
    """Sends what is known of runs to a collector. If it is slow, gone or confused, a note on stderr says so.

    Args:
        url: of the collector; /v1/metrics is added where it has no path. Headers and the time limit come from the
            standard variables, OTEL_EXPORTER_OTLP_HEADERS and OTEL_EXPORTER_OTLP_TIMEOUT.

    Raises:
        UsageError: the address is none.
        PerfError: the extra `otel` is not installed.
    """

    wants_snapshots = False

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--otlp {url}: expected the URL of a collector, e.g. http://localhost:4318")
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.sdk.resources import Resource
        except ImportError as error:
            raise PerfError(
                f"--otlp needs the OpenTelemetry SDK, which cannot be imported: {error}",
                hint="pip install 'digipal-perf[otel]'",
            ) from error
        endpoint = url if parts.path.strip("/") else f"{url.rstrip('/')}/v1/metrics"
        self._exporter = OTLPMetricExporter(endpoint=endpoint)
        self._resource = Resource.create({"service.name": "digipal-perf", "service.version": VERSION})
        self._complaints = _Complaints()
        self._common: Attributes = {}
        self._start_ns = 0
        self._next_s = 0.0
        self._waiting: deque[MetricsData] = deque()
        self._newest: MetricsData | None = None
        self._changed = threading.Condition()
        self._is_closed = False
        self._lost = 0
        self._thread = threading.Thread(target=self._send_all, daemon=True, name="otlp")
        self._thread.start()

    def begin(self, plan: ExecutionPlan, engine: EngineSource, number: int, of: int) -> None:
        """A scenario is about to run on an engine."""
        named = {
            "scenario": plan.scenario.name,
            "variation": variation_text(plan.variation),
            "engine": engine.name,
            "commit": engine.commit_of(engine.digest),
        }
        self._common = {name: value for name, value in named.items() if value}
        self._start_ns = time.time_ns()
        self._next_s = time.monotonic() + INTERVAL_S

    def note(self, text: str) -> None:
        """Nothing that is measured."""

    def update(self, progress: Progress) -> None:
        """Send what is known every 10 s; what the collector has not taken until then is replaced."""
        if progress.run is None or time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + INTERVAL_S
        data = self._data(progress.run())
        with self._changed:
            self._newest = data
            self._changed.notify()

    def end(self, result: Reported) -> None:
        """Send the result of a run."""
        if isinstance(result, RunResult):
            data = self._data(result)
            with self._changed:
                self._newest = None
                self._waiting.append(data)
                self._changed.notify()

    def close(self) -> None:
        """Wait for what is on its way, 5 s at most."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(_TO_LEAVE_S)
        if self._thread.is_alive() or self._lost:
            why = self._complaints.reason or "it did not answer within 5 s"
            advice = "see that it runs there, and takes OTLP over HTTP"
            complain(f"Warning: --otlp {self._url}: the collector did not accept everything: {why}: {advice}")
        self._exporter.shutdown()
        self._thread.join(_TO_GIVE_UP_S)  # it logs that it gives up
        self._complaints.close()

    def _send_all(self) -> None:
        from opentelemetry.sdk.metrics.export import MetricExportResult

        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._newest or self._is_closed)
                data = self._waiting.popleft() if self._waiting else self._newest
                if data is self._newest:
                    self._newest = None
            if data is None:
                return
            if self._exporter.export(data) is not MetricExportResult.SUCCESS:
                self._lost += 1

    def _data(self, run: UnjudgedRun) -> MetricsData:
        from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        made = _Made(self._common, self._start_ns, time.time_ns())
        scope = ScopeMetrics(InstrumentationScope("digipal-perf", VERSION), list(made.metrics(run)), "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


class _Made:
    """The metrics of a run, made for one moment."""

    def __init__(self, common: Attributes, start_ns: int, now_ns: int) -> None:
        self._common = common
        self._start_ns = start_ns
        self._now_ns = now_ns

    def metrics(self, run: UnjudgedRun) -> Iterator[Any]:
        """All that the run holds."""
        from opentelemetry.sdk.metrics import export

        cumulative = export.AggregationTemporality.CUMULATIVE
        parts = list(_smallest_parts(run))
        counted = [
            self._number(count, {**attributes, "outcome": outcome})
            for operation, attributes in parts
            for outcome, count in (("ok", operation.ok), ("failed", operation.failed))
        ]
        operations = export.Sum(counted, cumulative, is_monotonic=True)
        yield export.Metric(f"{PREFIX}operations", "operations by their outcome", "{operation}", operations)
        for metric in (*METRICS.values(), *counter_metrics(counters_of(run)).values()):
            if metric.name == "latency":
                points = [
                    self._histogram(operation, attributes) for operation, attributes in parts if operation.latency
                ]
                data: Any = export.ExponentialHistogram(points, cumulative)
            else:
                data = export.Gauge(list(self._gauges(metric, run)))
            if data.data_points:
                yield export.Metric(PREFIX + metric.name, metric.meaning, _UNITS[metric.unit], data)

    def _gauges(self, metric: Metric, run: UnjudgedRun) -> Iterator[NumberDataPoint]:
        for view, labels in known_views(metric, run):
            if not metric.needs_statistic:
                value = metric.value(view)
                if value is not None and math.isfinite(value):
                    yield self._number(in_base_unit(metric.unit, value), labels)
            elif isinstance(spread := metric.of(view), Spread):
                for statistic in STATISTICS:
                    if (held := spread.statistic(statistic)) is not None:
                        yield self._number(in_base_unit(metric.unit, held), {**labels, "statistic": statistic})

    def _number(self, value: float, attributes: Attributes) -> NumberDataPoint:
        from opentelemetry.sdk.metrics.export import NumberDataPoint

        return NumberDataPoint({**self._common, **attributes}, self._start_ns, self._now_ns, value)

    def _histogram(self, operation: OperationResult, attributes: Attributes) -> ExponentialHistogramDataPoint:
        from opentelemetry.sdk.metrics.export import Buckets, ExponentialHistogramDataPoint

        latency = operation.latency
        assert latency is not None
        scale, offset, counts, zeros = exponential(operation.histogram_ns)
        return ExponentialHistogramDataPoint(
            {**self._common, **attributes},
            self._start_ns,
            self._now_ns,
            count=sum(counts) + zeros,
            sum=latency.mean_ns * latency.count / NS_PER_S,
            scale=scale,
            zero_count=zeros,
            positive=Buckets(offset, counts),
            negative=Buckets(0, []),
            flags=0,
            min=latency.min_ns / NS_PER_S,
            max=latency.max_ns / NS_PER_S,
        )


def _smallest_parts(run: UnjudgedRun) -> Iterator[tuple[OperationResult, Attributes]]:
    if len(run.phases) < 2:
        yield from ((operation, {"operation": operation.name}) for operation in run.operations)
    for phase in run.phases if len(run.phases) > 1 else ():
        yield from ((operation, {"operation": operation.name, "phase": phase.name}) for operation in phase.operations)


def exponential(counts_ns: Mapping[int, int]) -> tuple[int, int, list[int], int]:
    """A histogram of ns as an exponential one of seconds: scale, offset, counts from there on, and how many were 0.

    Bucket `i` of scale `s` holds what lies above 2^(i / 2^s) and not above 2^((i + 1) / 2^s), in seconds
    (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram). The scale is the largest, at
    most 8, with which no more than 160 buckets are needed.
    """
    zeros = counts_ns.get(0, 0)
    logs = [(math.log2(ns / NS_PER_S), count) for ns, count in sorted(counts_ns.items()) if ns and count]
    if not logs:
        return 0, 0, [], zeros
    (low, _), (high, _) = logs[0], logs[-1]
    scale = next(s for s in _SCALES if _index(high, s) - _index(low, s) < _MOST_BUCKETS)
    offset = _index(low, scale)
    counts = [0] * (_index(high, scale) - offset + 1)
    for log, count in logs:
        counts[_index(log, scale) - offset] += count
    return scale, offset, counts, zeros


def _index(log2: float, scale: int) -> int:
    return math.ceil(log2 * 2.0**scale) - 1


class _Complaints(logging.Handler):
    """Keeps what the exporter logs, which would otherwise be written across the console."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._logger = logging.getLogger("opentelemetry")
        self._propagated, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)

    @property
    def reason(self) -> str:
        """The last line; of one with an error of the system, that alone: the rest is how libraries wrapped it."""
        return next(iter(re.findall(r"\[Errno -?\d+\] ([\w ,-]+)", self.last)), self.last)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the last line that gives a reason; that it gave up is none."""
        if not self.last or "due to timeout" not in record.getMessage():
            self.last = " ".join(record.getMessage().split())

    def close(self) -> None:
        """Let others log as before."""
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated
        super().close()
