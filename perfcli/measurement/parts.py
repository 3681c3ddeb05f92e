"""What a run and each of its phases did, as their part of the result: times, counts, rates, growth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, Final, Literal

from perfcli.measurement.measurement import Measurement
from perfcli.measurement.samples import OperationSamples, counter_results, mean_preparation_ns
from perfcli.measurement.windows import worst_window
from perfcli.metrics.distribution import Distribution
from perfcli.metrics.histogram import STATISTICS, percentile_of
from perfcli.metrics.slowdown import FIFTHS, Degradation, Fifths, SizeOverTime, degradation, growth
from perfcli.plan import PlannedPhase
from perfcli.recorder import FLUSH_INTERVAL_NS
from perfcli.results import TOTAL, Break, GrowthResult, LatencySummary, OperationResult, PhaseResult
from perfcli.scenario.canary_mode import canary_mode_of
from perfcli.thresholds import Threshold
from perfcli.units import NS_PER_S

_TENTHS: Final = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a result is asked for: everything once the load is over, and only what is needed while it goes on.

    Args:
        thresholds: each with the phase it judges, or "" for the whole run.
        everything: all that can be known, whether a threshold names it or not.
        latency_of: operations whose latency is wanted besides.
        now_ns: what time it is, while the load goes on.
        judged_until_ns: by phase and threshold: until when its windows have been judged before.
    """

    thresholds: Sequence[tuple[str, Threshold]] = ()
    everything: bool = True
    latency_of: Sequence[str] = ()
    now_ns: int | None = None
    judged_until_ns: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def of_phase(self, phase: str) -> list[Threshold]:
        """The thresholds of a phase, or of the whole run."""
        return [threshold for where, threshold in self.thresholds if where == phase]


class Part:
    """A whole run or one of its phases, as far as it is measured; a figure without samples is None, never 0.

    Args:
        phase: only what happened in it; the whole run if it is None.
    """

    def __init__(self, measurement: Measurement, wanted: Wanted, phase: PlannedPhase | None = None) -> None:
        self._measurement = measurement
        self._phase = phase
        self._wanted = wanted
        self._thresholds = wanted.of_phase("" if phase is None else phase.name)
        self._samples = measurement.samples
        over_ns = measurement.duration_ns if phase is None else measurement.duration_of(phase)
        self._goes_on = over_ns is None and wanted.now_ns is not None
        self.duration_ns = over_ns if over_ns is not None else self._elapsed_ns()

    def fields(self, labels: Iterable[str]) -> dict[str, Any]:
        """The fields that a run and a phase have in common."""
        measurement, phase = self._measurement, self._phase
        phases = measurement.plan.phases if phase is None else [phase]
        offered_per_s, achieved_per_s = self._rates(phases)
        return {
            "duration_ns": self.duration_ns,
            "iterations": sum(map(measurement.iterations_of, phases)),
            "dropped_iterations": sum(map(self._dropped_in, phases)),
            "interrupted_iterations": sum(
                times.interrupted + times.killed for times in (measurement.phases[each.index] for each in phases)
            ),
            "warmup_iterations": sum(
                iterations
                for vu, iterations in measurement.warmup_iterations.items()
                if measurement.plan.phase_of(vu) in phases
            ),
            "offered_per_s": offered_per_s,
            "achieved_per_s": achieved_per_s,
            "schedule_lag": self._schedule_lag(phases),
            "torn_reads": self._torn_reads(phases),
            "windows": {
                **{each.text: self._worst_window(each) for each in self._thresholds if each.window},
                **{each.text: self._in_span(each) for each in self._thresholds if each.span},
            },
            "total": self._operation(TOTAL, ""),
            "operations": [self._operation(label, label) for label in labels],
        }

    def _dropped_in(self, phase: PlannedPhase) -> int:
        """Iterations that a phase prescribes but time did not allow; none if the load was stopped on purpose."""
        measurement, planned = self._measurement, phase.load.planned_iterations
        if planned is None or measurement.ended_ns is None or measurement.is_cut_short:
            return 0
        times = measurement.phases[phase.index]
        return max(0, planned - measurement.iterations_of(phase) - times.interrupted - times.killed)

    def _elapsed_ns(self) -> int | None:
        """How long the part has lasted, while it goes on."""
        began_ns = (
            self._measurement.began_ns if self._phase is None else self._measurement.phases[self._phase.index].began_ns
        )
        now_ns = self._wanted.now_ns
        return None if now_ns is None or began_ns is None else max(0, now_ns - began_ns)

    def _asks(self, metric: str, label: str) -> bool:
        """Whether a metric of an operation is wanted."""
        return self._wanted.everything or any(
            each.metric.name.startswith(metric) and each.operation == label and not each.is_of_part
            for each in self._thresholds
        )

    def _operation(self, name: str, label: str) -> OperationResult:
        chosen = self._select(label)
        ok, failed = sum(each.ok for each in chosen), sum(each.failed for each in chosen)
        asks = self._asks
        parts = [each.timeline.distribution() for each in chosen] if self._wants_latency(label) else []
        whole = _whole(parts)
        service = [each.service_timeline.distribution() for each in chosen] if asks("service_time", label) else []
        degraded = self._degradation(label) if asks("degradation", label) or asks("raw_degradation", label) else None
        return OperationResult(
            name=name,
            ok=ok,
            failed=failed,
            errors=self._samples.errors(chosen),
            failures=self._samples.categories(chosen),
            skipped=sum(each.skipped for each in chosen),
            preparation_ns=mean_preparation_ns(chosen),
            counters=counter_results(chosen),
            throughput_per_s=ok / (self.duration_ns / NS_PER_S) if self.duration_ns else 0.0,
            latency=self._summary("latency", label, [whole]),
            service_time=self._summary("service_time", label, service),
            degradation=degraded and degraded.judged,
            raw_degradation=degraded and degraded.raw,
            growth=self._growth(label) if asks("growth", label) else None,
            histogram_ns=whole.histogram().to_counts() if self._wanted.everything else {},
        )

    def _wants_latency(self, label: str) -> bool:
        return self._asks("latency", label) or (self._phase is None and label in self._wanted.latency_of)

    def _select(self, label: str) -> Sequence[OperationSamples]:
        return self._samples.select(label, None if self._phase is None else self._phase.index)

    def _summary(self, metric: str, label: str, parts: Sequence[Distribution]) -> LatencySummary | None:
        distribution = _whole(parts)
        if not len(distribution):
            return None
        histogram = distribution.histogram()
        named = {
            each.statistic
            for each in self._thresholds
            if (each.metric.name, each.operation) == (metric, label) and percentile_of(each.statistic) is not None
        }
        return LatencySummary(
            count=len(distribution),
            exact=distribution.is_exact,
            min_ns=histogram.min,
            mean_ns=histogram.mean,
            p50_ns=distribution.percentile(0.5),
            p90_ns=distribution.percentile(0.9),
            p95_ns=distribution.percentile(0.95),
            p99_ns=distribution.percentile(0.99),
            p99_9_ns=distribution.percentile(0.999),
            max_ns=histogram.max,
            stddev_ns=histogram.stddev,
            percentiles={name: distribution.statistic(name) for name in sorted(named - STATISTICS.keys())},
        )

    def _degradation(self, label: str) -> Degradation | None:
        """The last fifth of the operations against the first."""
        fifths, early, late = [], [], []
        for phase, samples in self._by_phase(label):
            slices = samples.timeline.slices(FIFTHS)
            if (found := Fifths.of(slices)) is not None:
                fifths.append(found)
                early += self._measurement.references[phase].during(slices[0].start_ns, slices[0].end_ns)
                late += self._measurement.references[phase].during(slices[-1].start_ns, slices[-1].end_ns)
        return degradation(fifths, median(early) if early else None, median(late) if late else None)

    def _growth(self, label: str) -> GrowthResult | None:
        """The cost of operations over what is stored, by tenths; of several operations the one that grows the most."""
        found = (self._growth_of(phase, samples) for phase, samples in self._by_phase(label))
        return max((each for each in found if each), key=lambda each: each.exponent or 0.0, default=None)

    def _growth_of(self, phase: int, samples: OperationSamples) -> GrowthResult | None:
        planned = self._measurement.plan.phases[phase]
        if planned.phase.growth is None:
            return None
        over = planned.phase.growth.over
        stored = self._stored(planned, over)
        points = [
            (stored.at((part.start_ns + part.end_ns) // 2), part.median_ns) for part in samples.timeline.slices(_TENTHS)
        ]
        found = growth(points)
        if found is None:
            return None
        return GrowthResult(over=over, ratio=found.ratio, exponent=found.exponent, points=points)

    def _stored(self, phase: PlannedPhase, what: Literal["pets", "interactions"]) -> SizeOverTime:
        """How many pets or interactions were stored at any time of a phase."""
        plan = self._measurement.plan
        before = plan.scenario.setup.pets if what == "pets" else 0
        for earlier in plan.phases[: phase.index + 1]:
            warmed_up = self._measurement.warmed_up[earlier.index]
            before += sum(warmed_up[place] for place, step in enumerate(earlier.flow) if step.effects.adds(what))
            labels = {step.label for step in earlier.flow if step.effects.adds(what)}
            operations = [samples for label in labels for samples in self._samples.select(label, earlier.index)]
            if earlier.index < phase.index:
                before += sum(samples.ok for samples in operations)
        return SizeOverTime.of(before, [samples.timeline for samples in operations])

    def _torn_reads(self, phases: Sequence[PlannedPhase]) -> int | None:
        """Reads of partly another save; None if no pet bears marks, or none is read."""
        reads = {step.label for phase in phases for step in phase.flow if step.reads}
        tried = any(each.ok + each.failed for label in reads for each in self._select(label))
        if not tried or not canary_mode_of(self._measurement.plan.scenario).in_fields:
            return None
        return self._samples.categories(self._select("")).get("torn", 0)

    def _rates(self, phases: Sequence[PlannedPhase]) -> tuple[float | None, float | None]:
        """Iterations due and done per second, in the phases of an open model that are over."""
        offered = achieved = seconds = 0.0
        for phase in phases:
            duration_ns = self._measurement.duration_of(phase)
            if phase.load.offered_per_s is None or duration_ns is None or self._measurement.is_cut_short:
                continue
            nominal_ns = phase.load.longest_ns
            in_time = nominal_ns / max(nominal_ns, duration_ns)
            offered += phase.load.planned_iterations or 0
            # what a planned kill cut off was delivered
            killed = self._measurement.phases[phase.index].killed
            achieved += (self._measurement.iterations_of(phase) + killed) * in_time
            seconds += nominal_ns / NS_PER_S
        return (offered / seconds, achieved / seconds) if seconds else (None, None)

    def _schedule_lag(self, phases: Sequence[PlannedPhase]) -> LatencySummary | None:
        lags = [self._samples.lags[each.index] for each in phases] if self._asks("schedule_lag", "") else []
        return self._summary("schedule_lag", "", lags)

    def _worst_window(self, threshold: Threshold) -> float | None:
        if not self.duration_ns:
            return None
        phase = self._phase
        by_service_time = threshold.metric.name == "service_time"
        timeline = self._measurement.timeline(threshold.operation, phase, by_service_time=by_service_time)
        if not self._goes_on:
            return worst_window(timeline, threshold, self.duration_ns)
        # while the load goes on, what the newest interval holds has not all arrived yet
        known_ns = max(0, self.duration_ns - FLUSH_INTERVAL_NS)
        since_ns = self._wanted.judged_until_ns.get((phase.name if phase else "", threshold.text), 0)
        return worst_window(timeline, threshold, known_ns, since_ns=since_ns)

    def _in_span(self, threshold: Threshold) -> float | None:
        """What a threshold that judges a span of time alone has there."""
        faults, measured_ns = self._measurement.faults, self.duration_ns
        if faults is None or not measured_ns:
            return None
        begins_ns = 0 if self._phase is None else self._measurement.offset_ns(self._phase.index)
        return faults.value(threshold, begins_ns, begins_ns + measured_ns, self._phase)

    def _by_phase(self, label: str) -> Iterator[tuple[int, OperationSamples]]:
        phases = range(len(self._samples.phases)) if self._phase is None else [self._phase.index]
        return ((phase, samples) for phase in phases for samples in self._samples.select(label, phase))


def phase_result(measurement: Measurement, wanted: Wanted, planned: PlannedPhase) -> PhaseResult:
    """One phase of a run."""
    began_ns, of_phase = measurement.began_ns, measurement.phases[planned.index]
    begins = None if began_ns is None or of_phase.began_ns is None else of_phase.began_ns - began_ns
    return PhaseResult(
        name=planned.name,
        plan=measurement.plan.describe_phase(planned),
        vus=planned.load.vu_count,
        began_ns=begins,
        planned_iterations=planned.load.planned_iterations,
        offered_line=planned.load.offered_line,
        vus_line=planned.load.vus_line,
        broke=break_of(measurement, planned),
        **Part(measurement, wanted, planned).fields(planned.phase.labels),
    )


def break_of(measurement: Measurement, planned: PlannedPhase) -> Break | None:
    """Where a ramp was when a threshold of its own, or of the whole run, ended the load."""
    began_ns, ended_ns = measurement.phases[planned.index].began_ns, measurement.phases[planned.index].ended_ns
    if measurement.broken_off is None or began_ns is None:
        return None
    phase, at_ns = measurement.broken_off
    was_over = at_ns < began_ns or (ended_ns is not None and ended_ns < at_ns)
    if was_over or phase not in ("", planned.name):
        return None
    load, elapsed_ns = planned.load, min(at_ns - began_ns, planned.load.longest_ns)
    if len({rate for _, rate in load.offered_line}) > 1:
        return Break(at_ns=at_ns - began_ns, rate_per_s=_rate_at(load.offered_line, elapsed_ns))
    if not load.is_open and len({vus for _, vus in load.vus_line}) > 1:
        vus = [vus for begins_ns, vus in load.vus_line if begins_ns <= elapsed_ns and vus]
        return Break(at_ns=at_ns - began_ns, vus=vus[-1] if vus else 0)
    return None


def _rate_at(line: Sequence[tuple[int, float]], elapsed_ns: int) -> float:
    """The rate of arrivals at a time, by the line through them."""
    for (begins_ns, from_per_s), (ends_ns, to_per_s) in pairwise(line):
        if begins_ns <= elapsed_ns <= ends_ns and begins_ns < ends_ns:
            return from_per_s + (to_per_s - from_per_s) * (elapsed_ns - begins_ns) / (ends_ns - begins_ns)
    return line[-1][1]


def _whole(parts: Sequence[Distribution]) -> Distribution:
    if len(parts) == 1:
        return parts[0]
    whole = Distribution()
    for part in parts:
        whole.merge(part)
    return whole
