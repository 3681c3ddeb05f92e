"""Where a run is now, put together for an observer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from perfcli.measurement.measurement import Measurement
from perfcli.measurement.recent import RecentSeconds
from perfcli.observer import Observer, Progress, Recent, Snapshot
from perfcli.plan import PlannedPhase
from perfcli.run.threshold_watch import Snapshots


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
            scenario=self._plan.scenario.name,
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
            planned_ns=self._planned_ns(running),
            iterations=sum(map(measurement.iterations_of, running)),
            planned_iterations=sum(filter(None, planned_iterations)) if running and all(planned_iterations) else None,
            vus=sum(phase.load.vus_at(since_ns[phase.index]) for phase in running),
            planned_vus=sum(phase.load.vu_count for phase in running),
            share_done=self._share_done(now_ns),
            rate_per_s=progress.ok / elapsed_ns * 1e9 if elapsed_ns else 0.0,
            snapshot=self._snapshots.latest(elapsed_ns) if shows_all else Snapshot(),
            recent=self._recent.newest(elapsed_ns) if shows_all else Recent(),
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
