"""The samples of a run as the tool collects them, by phase and operation, within bounded memory."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, repeat
from operator import add
from typing import Final

from perfcli.metrics.distribution import Distribution
from perfcli.metrics.timeline import Timeline
from perfcli.operations.own.declared import CounterUnit
from perfcli.operations.own.journal import Tally
from perfcli.plan import INCARNATION, ExecutionPlan
from perfcli.recorder import NOT_DUE, OK, SKIPPED, UNKNOWN, Frame
from perfcli.results import CounterResult, VuWork
from perfcli.workload import Workload, pauses, places, unpack

PLANNED_STEPS: Final = 1_000
"""Steps of each vu in the digest of the plan, pauses included."""

_PERFORMED_OPERATIONS: Final = 200_000
"""Operations of all vus that are held against the plan; more would take longer than the run itself."""


def planned_digest(plan: ExecutionPlan) -> str:
    """The digest of the first steps that the seed prescribes to each vu, whatever the machine's speed."""
    digest = _new_digest()
    for vu in range(plan.vus):
        digest.update(array("q", islice(Workload(plan.phase_of(vu), plan.seed, vu).steps(), PLANNED_STEPS)))
    return digest.hexdigest()


def prescribed(plan: ExecutionPlan, vu: int, operations: int) -> array[int]:
    """The packed draws of one vu's first operations: its steps without the pauses."""
    skipped = pauses(plan.phase_of(vu))
    steps = Workload(plan.phase_of(vu), plan.seed, vu).steps()
    return array("q", islice((step for step in steps if unpack(step)[0] not in skipped), operations))


class PerformedWork:
    """The operations that one of `vus` performed, in their order."""

    def __init__(self, vus: int) -> None:
        self._most = max(1_000, _PERFORMED_OPERATIONS // vus)
        self._digest = _new_digest()
        self._hashed = 0
        self.operations = 0
        self.tried = 0
        """Operations without those that were skipped."""
        self.iterations = 0
        self.until_ns = 0
        """When the last one ended."""

    def add(self, frame: Frame) -> None:
        """Take in the next operations."""
        packed = frame.draws
        room = self._most - self._hashed
        head = packed[:room]
        self._digest.update(head)
        self._hashed += len(head)
        self.operations += len(packed)
        self.tried += len(packed) - sum(outcome == SKIPPED for outcome in frame.failures.values())
        self.iterations = frame.iterations
        if packed:
            self.until_ns = frame.starts[-1] + frame.durations[-1]

    def agrees(self, plan: ExecutionPlan, vu: int) -> bool:
        """Whether these are the operations the plan prescribes to this vu."""
        expected = _new_digest()
        expected.update(prescribed(plan, vu, self._hashed))
        return expected.digest() == self._digest.digest()

    def of(self, vu: int) -> VuWork:
        """The record of this work, by a vu of any incarnation."""
        incarnation, vu = divmod(vu, INCARNATION)
        return VuWork(
            vu=vu,
            incarnation=incarnation,
            iterations=self.iterations,
            operations=self.operations,
            digest=self._digest.hexdigest(),
        )


def _new_digest() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


_MOST_REFERENCES: Final = 20_000


@dataclass(slots=True)
class PhaseTimes:
    """When a phase ran, as readings of the clock; None until it is known."""

    began_ns: int | None = None
    ended_ns: int | None = None
    interrupted: int = 0
    killed: int = 0  # iterations that a kill cut off, and that no other process does again
    over_in: int = 0  # engine processes in which it is over


@dataclass(slots=True)
class References:
    """What the reference kernel took, and when since the phase began; of 20,000 times every second one is dropped."""

    at_ns: array[int] = field(default_factory=lambda: array("q"))
    took_ns: array[int] = field(default_factory=lambda: array("q"))

    def add(self, at_ns: int, took_ns: int) -> None:
        """It took so long at that time."""
        if len(self.at_ns) == _MOST_REFERENCES:
            self.at_ns, self.took_ns = self.at_ns[::2], self.took_ns[::2]
        self.at_ns.append(at_ns)
        self.took_ns.append(took_ns)

    def during(self, begins_ns: int, ends_ns: int) -> list[int]:
        """What it took within a span of time; where it was not run then, what it took at the nearest time."""
        times = list(zip(self.at_ns, self.took_ns, strict=True))
        inside = [took_ns for at_ns, took_ns in times if begins_ns <= at_ns <= ends_ns]
        if inside or not times:
            return inside
        middle_ns = (begins_ns + ends_ns) // 2
        return [min(times, key=lambda each: abs(each[0] - middle_ns))[1]]


_NO_FAILURES: Final = {OK: "ok", SKIPPED: "skipped", UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class FailureKind:
    """A kind of failure, and what it says of the engine: "timeout", "busy", "stale", "database", "torn" or ""."""

    kind: str
    category: str
    example: str = ""
    """The first of them in full."""


@dataclass(slots=True)
class OperationSamples:
    """The samples of one operation in one phase."""

    is_open: bool = False
    ok: int = 0
    """Operations that answered rightly."""
    timeline: Timeline = field(default_factory=Timeline)
    """Of latencies, as is `service_timeline` of service times; in ns since the phase began."""
    failures: Counter[int] = field(default_factory=Counter)
    skipped: int = 0
    own: Tally = field(default_factory=Tally)
    """What a function of the user's own reported of those that answered rightly."""
    counters: dict[str, CounterUnit] = field(default_factory=dict)
    """What it declares to count, with units."""
    _service_timeline: Timeline = field(default_factory=Timeline)

    @property
    def service_timeline(self) -> Timeline:
        """From the actual starts: in a closed model, where nothing is due before it starts, the same."""
        return self._service_timeline if self.is_open else self.timeline

    @property
    def failed(self) -> int:
        """Operations that did not."""
        return self.failures.total()

    def add(self, starts: array[int], service_times: array[int], lags: array[int], origin_ns: int) -> None:
        """Take in operations with the right answer, ascending by start; `origin_ns` is when the phase began."""
        # what was not due is as late as the step before it, whose latency has it
        late = map(max, lags, repeat(0))
        latencies = array("q", map(add, service_times, late)) if lags else service_times
        self.ok += len(latencies)
        self.timeline.add(starts, latencies, origin_ns=origin_ns)
        if self.is_open:
            self._service_timeline.add(starts, service_times, origin_ns=origin_ns)

    def add_failures(self, starts: array[int], outcomes: Iterable[int], origin_ns: int) -> None:
        """Take in operations that did not."""
        self.timeline.add_failures(starts, origin_ns=origin_ns)
        if self.is_open:
            self._service_timeline.add_failures(starts, origin_ns=origin_ns)
        self.failures.update(outcomes)


class Samples:
    """All measured samples of a run, by the index of their phase and the label of their step."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self._plan = plan
        self.phases: list[dict[str, OperationSamples]] = [
            {label: OperationSamples(phase.load.is_open) for label in phase.phase.labels} for phase in plan.phases
        ]
        for phase, operations in zip(plan.phases, self.phases, strict=True):
            for step in phase.flow:
                if step.counters:
                    operations[step.label].counters.update(step.counters)
        self.lags = [Distribution() for _ in plan.phases]
        self._kinds: dict[int, FailureKind] = {}

    def kind_of(self, outcome: int) -> str:
        """What an outcome's number means: "ok", "skipped", "unknown" or the kind of a failure."""
        return _NO_FAILURES.get(outcome) or self._kinds[outcome].kind

    def learn(self, outcome: int, kind: FailureKind) -> None:
        """The meaning of an outcome's number."""
        self._kinds[outcome] = kind

    def add(self, frame: Frame, origin_ns: int) -> None:
        """Take in the samples of a frame; `origin_ns` is the clock's reading when the phase began."""
        phase = self._plan.phase_of(frame.vu)
        operations = self.phases[phase.index]
        starts, service_times = frame.starts, frame.durations
        for place, tally in frame.page.tallies.items():
            operations[phase.flow[place].label].own.add(tally.calls, tally.preparation_ns, tally.counts)
        if frame.lags:
            self.lags[phase.index].add(array("q", filter(NOT_DUE.__ne__, frame.lags)))
        if len(operations) == 1 and not frame.failures:
            next(iter(operations.values())).add(starts, service_times, frame.lags, origin_ns)
            return
        of_step = [operations.get(step.label) for step in phase.flow]
        chosen: defaultdict[int, list[int]] = defaultdict(list)
        for index, place in enumerate(places(frame.draws)):
            outcome = frame.failures.get(index, OK)
            if outcome == OK:
                chosen[place].append(index)
                continue
            operation = of_step[place]
            assert operation is not None
            if outcome == SKIPPED:
                operation.skipped += 1
            else:
                operation.add_failures(starts[index : index + 1], [outcome], origin_ns)
        for place, indexes in chosen.items():
            operation = of_step[place]
            assert operation is not None
            operation.add(_pick(starts, indexes), _pick(service_times, indexes), _pick(frame.lags, indexes), origin_ns)

    @property
    def ok(self) -> int:
        """Operations that answered rightly."""
        return sum(operation.ok for operation in self.select())

    @property
    def failed(self) -> int:
        """Operations that did not."""
        return sum(operation.failed for operation in self.select())

    @property
    def labels(self) -> list[str]:
        """The labels of all phases, each once."""
        return list(dict.fromkeys(label for phase in self.phases for label in phase))

    def select(self, label: str = "", phase: int | None = None) -> Sequence[OperationSamples]:
        """The samples of one label, or of all where it is empty; of one phase, or of all."""
        chosen = self.phases if phase is None else [self.phases[phase]]
        return [samples for operations in chosen for name, samples in operations.items() if not label or name == label]

    def errors(self, operations: Iterable[OperationSamples]) -> dict[str, int]:
        """Failures by kind, the most frequent first."""
        counts: Counter[str] = Counter()
        for number, count in self._failures(operations).items():
            counts[self._kinds[number].kind] += count
        return dict(counts.most_common())

    def examples(self) -> dict[str, str]:
        """One failure of each kind in full, of the kinds that were measured."""
        measured = self._failures(self.select())
        kinds = [kind for number, kind in self._kinds.items() if measured[number] and kind.example]
        return {kind.kind: kind.example for kind in reversed(kinds)}

    def categories(self, operations: Iterable[OperationSamples]) -> dict[str, int]:
        """Failures by category, e.g. timeout or busy; those of none are other."""
        counts: Counter[str] = Counter()
        for number, count in self._failures(operations).items():
            counts[self._kinds[number].category or "other"] += count
        return dict(sorted(counts.items()))

    @staticmethod
    def _failures(operations: Iterable[OperationSamples]) -> Counter[int]:
        return sum((operation.failures for operation in operations), Counter())


def _pick(column: array[int], indexes: list[int]) -> array[int]:
    return array("q", map(column.__getitem__, indexes)) if column else column


def mean_preparation_ns(operations: Iterable[OperationSamples]) -> float | None:
    """How long functions of the user's own took before their timed part; None without a success."""
    own = [each.own for each in operations if each.own.calls]
    return sum(each.preparation_ns for each in own) / sum(each.calls for each in own) if own else None


def counter_results(operations: Sequence[OperationSamples]) -> dict[str, CounterResult]:
    """What they counted together; the mean is over the operations that declare the counter."""
    units = {name: unit for each in operations for name, unit in each.counters.items()}
    results = {}
    for name, unit in units.items():
        own = [each.own for each in operations if name in each.counters]
        total, calls = sum(each.counts.get(name, 0) for each in own), sum(each.calls for each in own)
        results[name] = CounterResult(unit=unit, sum=total, per_op=total / calls if calls else None)
    return results
