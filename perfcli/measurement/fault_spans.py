"""The samples of a run held against its faults: which operations overlap them, and what became of those.

An operation overlaps a fault from the time it was due to its end. A frame may arrive late, but never before the fault
is known that an operation in it overlaps: the tool notes a fault as it begins, and a frame holds what has ended.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

from perfcli.faults.base import Seen
from perfcli.measurement.restarts import Restart
from perfcli.measurement.windows import Activity, SteadyState, value_of
from perfcli.metrics.timeline import Interval
from perfcli.plan import ExecutionPlan, PlannedPhase
from perfcli.recorder import OK, SKIPPED, UNKNOWN, Frame
from perfcli.results import FaultResult
from perfcli.thresholds import Threshold
from perfcli.units import NS_PER_S
from perfcli.workload import places

_STEADY_BEFORE_NS: Final = 2 * NS_PER_S
_LATE_NS: Final = 10_000_000
_OUTSIDE: Final = ("outside", "")


@dataclass(slots=True)
class FaultSpan:
    """One time that a fault was inflicted, in ns of the tool's clock."""

    name: str
    began_ns: int
    ended_ns: int | None = None
    in_flight: int = 0
    operations: int = 0
    failed: int = 0
    longest_ns: int = 0
    late: Counter[str] = field(default_factory=Counter)
    hits: int | None = None
    first_due_ns: int = sys.maxsize

    @property
    def reaches_ns(self) -> int:
        """From when on the load shows it: an operation in flight as it begins counts from the time it was due."""
        return min(self.began_ns, self.first_due_ns)

    def overlaps(self, due_ns: int, end_ns: int) -> bool:
        """Whether an operation was due or in flight in it."""
        return self.began_ns <= end_ns and (self.ended_ns is None or due_ns <= self.ended_ns)

    def add(self, due_ns: int, start_ns: int, end_ns: int, phase: str, *, ok: bool) -> None:
        """Take in an operation of a phase that overlaps it."""
        self.operations += 1
        self.failed += not ok
        self.first_due_ns = min(self.first_due_ns, due_ns)
        self.in_flight += due_ns < self.began_ns
        if start_ns - due_ns >= _LATE_NS:
            self.late[phase] += 1
        self.longest_ns = max(self.longest_ns, end_ns - due_ns)


class FaultSpans:
    """The faults of one run, and what the samples show of them."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self._plan = plan
        self._spans: dict[int, FaultSpan] = {}
        self._newest: list[FaultSpan] = []
        self._why_not: dict[int, str] = {}
        self._parts: defaultdict[tuple[str, str], defaultdict[tuple[int, str], Interval]] = defaultdict(
            lambda: defaultdict(Interval)
        )
        self._origin_ns = 0
        self.activity = Activity()

    def begin(self, number: int, at_ns: int) -> None:
        """The fault of this number in the plan was inflicted."""
        self._spans[number] = FaultSpan(self._plan.faults[number].fault.label, at_ns)
        self._newest.insert(0, self._spans[number])

    def end(self, number: int, at_ns: int, hits: int | None = None) -> None:
        """It was lifted, and had hit this many of the engine's calls; None if that is not known."""
        self._spans[number].ended_ns = at_ns
        self._spans[number].hits = hits

    def give_up(self, number: int, why: str) -> None:
        """It could not be inflicted, or not on all engine processes."""
        self._why_not[number] = why
        if span := self._spans.pop(number, None):
            self._newest.remove(span)

    def over_ns(self, phase: int) -> int | None:
        """When the last fault of a phase was over; None while one is to come, or there; 0 if all were given up."""
        last_ns = 0
        for number, occurrence in enumerate(self._plan.faults):
            if occurrence.phase != phase or number in self._why_not:
                continue
            span = self._spans.get(number)
            if span is None or span.ended_ns is None:
                return None
            last_ns = max(last_ns, span.ended_ns)
        return last_ns

    def on(self) -> list[str]:
        """The names of those that are on now."""
        return [span.name for span in self._spans.values() if span.ended_ns is None]

    def add(self, frame: Frame, origin_ns: int) -> None:
        """Take in measured samples; `origin_ns` is when measuring began."""
        self._origin_ns = origin_ns
        phase = self._plan.phase_of(frame.vu)
        labels = [step.label for step in phase.flow]
        lags = frame.lags or repeat(0)
        samples = zip(places(frame.draws), frame.starts, frame.durations, lags, strict=False)
        for index, (place, start_ns, took_ns, lag_ns) in enumerate(samples):
            outcome = frame.failures.get(index, OK)
            if outcome in (SKIPPED, UNKNOWN):
                continue
            due_ns, end_ns, ok = start_ns - max(0, lag_ns), start_ns + took_ns, outcome == OK
            self.activity.add(due_ns - origin_ns, end_ns - origin_ns, ok=ok)
            for part in self._parts_of(due_ns, start_ns, end_ns, phase.name, ok=ok):
                interval = self._parts[part][phase.index, labels[place]]
                if ok:
                    interval.histogram.add_all(array("q", (end_ns - due_ns,)))
                else:
                    interval.failed += 1

    def add_unanswered(self, restart: Restart) -> None:
        """Take in what was in flight or due when its process was killed.

        What became of it is unknown: it is neither right nor failed, and overlaps what was on from then on.
        """
        killed_ns = restart.death.killed_ns
        for at_ns in (*restart.in_flight_ns, *restart.waiting_ns):
            self.activity.add(at_ns - self._origin_ns, killed_ns - self._origin_ns, ok=False)
        for span in self._newest:
            before = (at_ns for at_ns in restart.in_flight_ns if at_ns < span.began_ns)
            span.in_flight += sum(span.overlaps(at_ns, max(killed_ns, span.began_ns)) for at_ns in before)

    def _parts_of(self, due_ns: int, start_ns: int, end_ns: int, phase: str, *, ok: bool) -> Iterator[tuple[str, str]]:
        overlapped: dict[tuple[str, str], None] = {}
        behind = None
        for span in self._newest:
            if span.overlaps(due_ns, end_ns):
                span.add(due_ns, start_ns, end_ns, phase, ok=ok)
                overlapped["during", span.name] = None
            elif span.ended_ns is not None and span.ended_ns < due_ns and behind is None:
                behind = span.name
        if overlapped:
            yield from overlapped
            return
        yield _OUTSIDE
        if behind is not None:
            yield "after", behind

    def value(self, threshold: Threshold, from_ns: int, until_ns: int, phase: PlannedPhase | None) -> float | None:
        """What a threshold with a span judges, of the whole load or a phase; None without a sample.

        Args:
            from_ns: when that begins, in ns since measuring began.
            until_ns: when it ends.
        """
        span = threshold.span
        assert span is not None
        whole = Interval()
        for (index, label), interval in self._parts[span.kind, span.fault].items():
            if threshold.operation in ("", label) and (phase is None or phase.index == index):
                whole.merge(interval)
        length_ns = sum(end - begin for begin, end in self._stretches(span.kind, span.fault, from_ns, until_ns))
        return value_of(threshold, whole, length_ns)

    def _stretches(self, kind: str, fault: str, from_ns: int, until_ns: int) -> Iterator[tuple[int, int]]:
        """The times that a span of a threshold stands for, in ns since measuring began."""
        behind = ""
        at_ns = from_ns
        for span in sorted(self._spans.values(), key=lambda span: span.began_ns):
            began_ns = span.began_ns - self._origin_ns
            ended_ns = until_ns if span.ended_ns is None else span.ended_ns - self._origin_ns
            if kind == "during" and span.name == fault:
                yield max(from_ns, min(began_ns, until_ns)), max(from_ns, min(ended_ns, until_ns))
            if kind == "outside" or (kind == "after" and behind == fault):
                yield min(at_ns, until_ns), max(at_ns, min(began_ns, until_ns))
            at_ns, behind = max(at_ns, ended_ns), span.name
        if (kind == "outside" or (kind == "after" and behind == fault)) and at_ns < until_ns:
            yield at_ns, until_ns

    def unsteady(self, steady: SteadyState) -> str:
        """Why the load was not steady for 2 s before the first fault; "" if it was, or there was none."""
        if not self._spans:
            return ""
        first_ns = min(span.reaches_ns for span in self._spans.values()) - self._origin_ns
        return steady.breach_before(first_ns, _STEADY_BEFORE_NS)

    def results(self, steady: SteadyState, due_ns: Sequence[int], until_ns: int) -> Iterator[FaultResult]:
        """The record of each time that a fault was due.

        Args:
            due_ns: when each was due, in ns since measuring began.
            until_ns: when the load was over.
        """
        for number, occurrence in enumerate(self._plan.faults):
            fault = {
                "name": occurrence.fault.label,
                "kind": occurrence.fault.kind,
                "phase": self._plan.phases[occurrence.phase].name,
            }
            span = self._spans.get(number)
            if span is None:
                why = self._why_not.get(number, "the load ended before it was due")
                yield FaultResult(**fault, at_ns=due_ns[number], problem=f"not inflicted: {why}")
                continue
            began_ns = span.began_ns - self._origin_ns
            ended_ns = until_ns if span.ended_ns is None else span.ended_ns - self._origin_ns
            outage_ns = self.activity.outage_ns(began_ns, ended_ns)
            seen = Seen(ended_ns - began_ns, span.failed, span.longest_ns, outage_ns, span.hits)
            unseen = occurrence.fault.why_unseen(seen)
            after_end_ns = steady.recovery_ns(ended_ns, self._next_ns(span, until_ns))
            counted_ns = seen.lasted_ns if occurrence.fault.replaces_processes else 0
            yield FaultResult(
                **fault,
                at_ns=began_ns,
                lasted_ns=seen.lasted_ns,
                in_flight=span.in_flight,
                operations=span.operations,
                failed=span.failed,
                late=dict(span.late),
                longest_ns=span.longest_ns,
                outage_ns=outage_ns,
                hits=span.hits,
                recovery_ns=None if after_end_ns is None else after_end_ns + counted_ns,
                problem=f"no effect: {unseen}" if unseen else "",
            )

    def _next_ns(self, span: FaultSpan, until_ns: int) -> int:
        """When the next fault began to show, or the load was over."""
        later = [each.reaches_ns for each in self._spans.values() if each.began_ns > (span.ended_ns or span.began_ns)]
        return min(later) - self._origin_ns if later else until_ns
