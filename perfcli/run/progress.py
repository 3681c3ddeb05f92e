"""Where a run is now, put together for an observer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from perfcli.judgement import Rule, describe_failure, judge_thresholds, rules_of
from perfcli.measurement.assembly import partial_run
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.parts import Wanted
from perfcli.metrics.timeline import Interval, Timeline
from perfcli.monitor import recent_cpu_use
from perfcli.observer import AtRisk, Observer, OperationSoFar, Progress, Recent, Second, Snapshot
from perfcli.plan import PlannedPhase
from perfcli.recorder import FLUSH_INTERVAL_NS
from perfcli.results import OperationResult, ThresholdResult, UnjudgedRun
from perfcli.thresholds import Threshold
from perfcli.units import NS_PER_S

MOST: Final = 240
"""As many as a wide terminal has columns."""

_UNSETTLED: Final = 10
"""So many of the newest seconds are looked at each time, those before them each twentieth time: calls can be long."""

_EACH: Final = 20

_Part = tuple[Timeline, int]
"""A time line, and how long after the load it began."""


class RecentSeconds:
    """Rate and p95 of all operations that began within each of the newest seconds."""

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        self._length_ns = NS_PER_S
        self._seen: dict[int, tuple[int, int, Second]] = {}
        self._looks = 0

    def newest(self, elapsed_ns: int) -> Recent:
        """The seconds whose samples have arrived, at most MOST; of those that last longer, what is known.

        Args:
            elapsed_ns: how long the load has lasted.
        """
        parts = self._parts()
        length_ns = max((timeline.second_ns for timeline, _ in parts), default=NS_PER_S)
        if length_ns != self._length_ns:
            self._length_ns = length_ns
            self._seen.clear()
        whole = max(0, elapsed_ns - FLUSH_INTERVAL_NS) // length_ns
        first = max(0, whole - MOST)
        self._looks += 1
        oldest = first if self._looks % _EACH == 0 else max(first, whole - _UNSETTLED)
        self._seen = {number: known for number, known in self._seen.items() if number >= first}
        for number in range(first, whole):
            if number >= oldest or number not in self._seen:
                self._look_at(number, parts)
        return Recent(length_ns, [self._seen[number][2] for number in range(first, whole)])

    def _parts(self) -> list[_Part]:
        measurement = self._measurement
        return [
            (samples.timeline, measurement.offset_ns(phase.index))
            for phase in measurement.plan.phases
            if measurement.phases[phase.index].began_ns is not None
            for samples in measurement.samples.select(phase=phase.index)
        ]

    def _look_at(self, number: int, parts: list[_Part]) -> None:
        spans = [(timeline, number * self._length_ns - later_ns) for timeline, later_ns in parts]
        # to count is cheap, and to add up histograms is not
        counts = [timeline.count(from_ns, from_ns + self._length_ns) for timeline, from_ns in spans]
        ok, failed = sum(each[0] for each in counts), sum(each[1] for each in counts)
        known = self._seen.get(number)
        if known is None or known[:2] != (ok, failed):
            whole = Interval()
            for timeline, from_ns in spans:
                whole.merge(timeline.between(from_ns, from_ns + self._length_ns))
            p95_ns = whole.histogram.percentile(0.95) if ok else None
            self._seen[number] = ok, failed, Second(ok * NS_PER_S / self._length_ns, p95_ns)


SNAPSHOT_INTERVAL_S: Final = 0.5
_REST: Final = 20
"""After each look it rests for so many times what that took: at most a twentieth of one CPU is spent."""

_NEAR: Final = 0.1
"""A threshold that is closer to its limit than this share of it is at risk."""


class Snapshots:
    """Looks at a measurement now and then.

    Args:
        clock_s: what time it is, in seconds.
    """

    def __init__(self, measurement: Measurement, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._measurement = measurement
        self._clock_s = clock_s
        rules = rules_of(measurement.plan.scenario)
        # early on a percentile has few samples beyond it: that is no risk yet
        self._rules = [
            each.with_thin_samples() for each in rules if each.rule.strict and not each.threshold.metric.at_end
        ]
        self._next_s = 0.0
        self._latest = Snapshot()

    def latest(self, elapsed_ns: int) -> Snapshot:
        """What was seen last; looked at anew where it is time for that.

        Args:
            elapsed_ns: how long the load has lasted.
        """
        began_s = self._clock_s()
        if began_s >= self._next_s and self._measurement.began_ns is not None:
            self._latest = self._look(self._measurement.began_ns + elapsed_ns)
            ended_s = self._clock_s()
            self._next_s = ended_s + max(SNAPSHOT_INTERVAL_S, _REST * (ended_s - began_s))
        return self._latest

    def _look(self, now_ns: int) -> Snapshot:
        """What is known now: the whole load, and the phases that have begun."""
        times = self._measurement.phases
        began = {phase.name for phase in self._measurement.plan.phases if times[phase.index].began_ns is not None}
        rules = [each for each in self._rules if not each.phase or each.phase in began]
        wanted = Wanted(
            [(each.phase, each.threshold) for each in rules],
            everything=False,
            latency_of=["", *self._measurement.samples.labels],
            now_ns=now_ns,
        )
        run = partial_run(self._measurement, wanted)
        p95_ns = run.total.latency.p95_ns if run.total.latency else None
        return Snapshot(tuple(map(_so_far, run.operations)), tuple(_at_risk(run, rules)), p95_ns)


def _so_far(operation: OperationResult) -> OperationSoFar:
    latency = operation.latency
    percentiles = [latency.statistic(name) if latency else None for name in ("p50", "p95", "p99")]
    return OperationSoFar(operation.name, operation.ok, operation.failed, *percentiles)


def _at_risk(run: UnjudgedRun, rules: Sequence[Rule]) -> Iterator[AtRisk]:
    if run.starved:
        yield AtRisk("", f"times are not judged: {run.starved}")
    for rule, judged in zip(rules, judge_thresholds(run, rules), strict=True):
        if judged.observed is not None and judged.judged and _is_near(rule.threshold, judged):
            phase = f"{judged.phase}: " if judged.phase else ""
            yield AtRisk(f"{phase}{judged.expr}", describe_failure(judged))


def _is_near(threshold: Threshold, judged: ThresholdResult) -> bool:
    if not judged.passed:
        return not _may_yet_hold(threshold, judged.observed or 0.0)
    if threshold.metric.counts_up:
        return False  # one that rises comes near its limit in any load
    # a share of 95 % has no room of a tenth above it
    return threshold.op in ("<", "<=") and judged.margin is not None and judged.margin < _NEAR


def _may_yet_hold(threshold: Threshold, observed: float) -> bool:
    """Whether a count on its way up has not come to a limit that it is to reach."""
    return threshold.metric.counts_up and threshold.op not in ("<", "<=") and observed <= threshold.limit


class ProgressReporter:
    """Tells an observer how far a run has come.

    Args:
        now_ns: reads the clock that times of the measurement are of.
    """

    def __init__(self, measurement: Measurement, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._measurement = measurement
        self._plan = measurement.plan
        self._now_ns = now_ns
        self._snapshots = Snapshots(measurement)
        self._recent = RecentSeconds(measurement)

    def report(self, observer: Observer, stage: str, lasted_s: float) -> None:
        """Tell it where the run is now.

        Args:
            lasted_s: how long the stage has lasted.
        """
        measurement = self._measurement
        progress = Progress(
            scenario=self._plan.title,
            stage=stage,
            elapsed_ns=round(lasted_s * 1e9),
            ok=measurement.samples.ok,
            failed=measurement.samples.failed,
            rss_bytes=measurement.readings[-1].rss if measurement.readings else 0,
        )
        if stage == "measuring" and measurement.began_ns is not None:
            progress = self._measuring(progress, self._now_ns(), measurement.began_ns, observer)
        elif stage == "warm-up":
            progress = replace(progress, **self._warming_up())
        observer.update(progress)

    def _measuring(self, progress: Progress, now_ns: int, began_ns: int, observer: Observer) -> Progress:
        measurement, running = self._measurement, self._running(now_ns)
        elapsed_ns = max(0, now_ns - began_ns)
        since_ns = {
            phase.index: max(0, now_ns - (measurement.phases[phase.index].began_ns or now_ns)) for phase in running
        }
        planned_iterations = [phase.load.planned_iterations for phase in running]
        shows_all = observer.wants_snapshots
        return replace(
            progress,
            elapsed_ns=max(since_ns.values(), default=elapsed_ns),
            phase=self._names(running),
            phases=[phase.name for phase in running] if self._plan.scenario.phases else [],
            faults=measurement.faults.on() if measurement.faults else [],
            cpu=recent_cpu_use(measurement.readings),
            planned_ns=self._planned_ns(running),
            iterations=sum(map(measurement.iterations_of, running)),
            planned_iterations=sum(filter(None, planned_iterations)) if running and all(planned_iterations) else None,
            vus=sum(phase.load.vus_at(since_ns[phase.index]) for phase in running),
            planned_vus=sum(phase.load.vu_count for phase in running),
            share_done=self._share_done(now_ns),
            rate_per_s=progress.ok / elapsed_ns * 1e9 if elapsed_ns else 0.0,
            snapshot=self._snapshots.latest(elapsed_ns) if shows_all else Snapshot(),
            recent=self._recent.newest(elapsed_ns) if shows_all else Recent(),
            run=lambda: partial_run(measurement, Wanted(now_ns=now_ns)),
        )

    def _warming_up(self) -> dict[str, Any]:
        """Which phases are about to begin, and how long they warm up."""
        to_come = [phase for phase in self._plan.phases if self._measurement.phases[phase.index].began_ns is None]
        warmed = [phase for phase in to_come if phase.wave == to_come[0].wave and phase.load.warmup_ns]
        planned_ns = max((phase.load.warmup_ns for phase in warmed), default=None)
        return {"phase": self._names(warmed), "planned_ns": planned_ns}

    def _running(self, now_ns: int) -> list[PlannedPhase]:
        """The phases that have begun and are not over."""
        processes = self._plan.scenario.pool.processes
        times = self._measurement.phases
        return [
            phase
            for phase in self._plan.phases
            if (began_ns := times[phase.index].began_ns) is not None
            and began_ns <= now_ns
            and times[phase.index].over_in < processes
        ]

    def _names(self, running: Sequence[PlannedPhase]) -> str:
        """ "rush (2 of 3)"; "" for a scenario whose load is no named phase."""
        if not self._plan.scenario.phases or not running:
            return ""
        number = f" ({running[-1].index + 1} of {len(self._plan.phases)})" if len(self._plan.phases) > 1 else ""
        return " + ".join(phase.name for phase in running) + number

    def _planned_ns(self, running: Sequence[PlannedPhase]) -> int | None:
        """From the beginning of the first of these phases to the end of the last; None if iterations decide."""
        begins = [self._measurement.offset_ns(phase.index) for phase in running]
        lengths = [phase.load.planned_ns for phase in running]
        ends = [begin + length for begin, length in zip(begins, lengths, strict=True) if length is not None]
        return max(ends) - min(begins) if ends and len(ends) == len(running) else None

    def _share_done(self, now_ns: int) -> float:
        """Of all phases, each with the same weight."""
        shares = [self._measurement.share_done(phase, now_ns) for phase in self._plan.phases]
        return sum(shares) / len(shares)
