"""The samples of a run as the tool collects them: by operation, every one kept, so that statistics are exact."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from perfcli.recorder import FIELDS, OK, Frame
from perfcli.scenario.models import Scenario
from perfcli.units import NS_PER_S
from perfcli.workload import unpack


@dataclass(frozen=True, slots=True)
class FailureKind:
    """A kind of failure, and what it says of the engine: "timeout", "busy", "database" or ""."""

    kind: str
    category: str


@dataclass(slots=True)
class OperationSamples:
    """The samples of one operation. Starts and latencies in ns, in the order frames arrived."""

    starts: array[int] = field(default_factory=lambda: array("q"))
    latencies: array[int] = field(default_factory=lambda: array("q"))
    failed_starts: array[int] = field(default_factory=lambda: array("q"))
    failures: Counter[int] = field(default_factory=Counter)

    @property
    def service_times(self) -> array[int]:
        """From the actual start: in a closed model, where nothing is due before it starts, the latencies themselves."""
        return self.latencies

    @property
    def ok(self) -> int:
        """Operations that answered rightly."""
        return len(self.latencies)

    @property
    def failed(self) -> int:
        """Operations that did not."""
        return len(self.failed_starts)

    def in_order(self) -> list[int]:
        """Latencies in the order of their start, also where several vus sent them."""
        order = sorted(range(len(self.starts)), key=self.starts.__getitem__)
        return [self.latencies[i] for i in order]


@dataclass(slots=True)
class Second:
    """What began within one second."""

    ok: int = 0
    failed: int = 0
    latency_sum_ns: int = 0
    latency_max_ns: int = 0


class Samples:
    """All measured samples of a run, by the label of their step."""

    def __init__(self, scenario: Scenario) -> None:
        self.operations: dict[str, OperationSamples] = {label: OperationSamples() for label in scenario.labels}
        self._of_step = [self.operations.get(step.label) for step in scenario.flow]
        self._kinds: dict[int, FailureKind] = {}

    def learn(self, outcome: int, kind: FailureKind) -> None:
        """The meaning of an outcome's number."""
        self._kinds[outcome] = kind

    def add(self, frame: Frame) -> None:
        """Take in the samples of a frame."""
        fields = iter(frame.rows)
        for packed, outcome, intended_ns, start_ns, end_ns in zip(*[fields] * FIELDS, strict=True):
            operation = self._of_step[unpack(packed)[0]]
            assert operation is not None
            if outcome == OK:
                operation.starts.append(start_ns)
                operation.latencies.append(end_ns - intended_ns)
            else:
                operation.failed_starts.append(start_ns)
                operation.failures[outcome] += 1

    @property
    def ok(self) -> int:
        """Operations of all labels that answered rightly."""
        return sum(operation.ok for operation in self.operations.values())

    @property
    def failed(self) -> int:
        """Operations of all labels that did not."""
        return sum(operation.failed for operation in self.operations.values())

    def select(self, label: str) -> Sequence[OperationSamples]:
        """One operation's samples, or those of all where the label is empty."""
        return [self.operations[label]] if label else list(self.operations.values())

    def errors(self, operations: Iterable[OperationSamples]) -> dict[str, int]:
        """Failures by kind, the most frequent first."""
        counts: Counter[str] = Counter()
        for number, count in self._failures(operations).items():
            counts[self._kinds[number].kind] += count
        return dict(counts.most_common())

    def failures_of(self, category: str, operations: Iterable[OperationSamples]) -> int:
        """How many failures were of one category."""
        failures = self._failures(operations)
        return sum(count for number, count in failures.items() if self._kinds[number].category == category)

    def by_second(self, origin_ns: int) -> dict[int, Second]:
        """What began in each second since the origin."""
        seconds: defaultdict[int, Second] = defaultdict(Second)
        for operation in self.operations.values():
            for start_ns, latency_ns in zip(operation.starts, operation.latencies, strict=True):
                second = seconds[(start_ns - origin_ns) // NS_PER_S]
                second.ok += 1
                second.latency_sum_ns += latency_ns
                second.latency_max_ns = max(second.latency_max_ns, latency_ns)
            for start_ns in operation.failed_starts:
                seconds[(start_ns - origin_ns) // NS_PER_S].failed += 1
        return dict(sorted(seconds.items()))

    @staticmethod
    def _failures(operations: Iterable[OperationSamples]) -> Counter[int]:
        return sum((operation.failures for operation in operations), Counter())
