"""From what two engines did in a pair to one difference for each metric."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import median
from typing import Final, Literal, NamedTuple

from perfcli.ab.gate import Compared
from perfcli.ab.result import (
    DATABASE_FLOOR,
    ERRORS_FLOOR,
    LEAST_FOR_TAIL,
    TAIL_MARGIN,
    AbMachine,
    ratio_above,
)
from perfcli.ab.side import EngineProblem, Side
from perfcli.metrics.distribution import Distribution
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame
from perfcli.results import MachineResult
from perfcli.workload import places

Unit = Literal["ns", "bytes", "errors"]


Both = tuple[list[Frame], list[Frame]]
"""What the base and the candidate did in a slice."""


@dataclass(slots=True)
class Pair:
    """What two engines did beside one another."""

    sides: tuple[Side, Side]
    """The base, the candidate."""
    slices: list[Both] = field(default_factory=list)
    database_growth: tuple[float, float] = (0.0, 0.0)
    """Bytes that each operation added, those of the warm-up too."""
    problem: EngineProblem | None = None
    """Why one of them could not go on."""

    @property
    def is_alike(self) -> bool:
        """Whether both did the same operations, slice by slice."""
        return all(_work(base) == _work(candidate) for base, candidate in self.slices)


def _work(frames: Sequence[Frame]) -> dict[int, list[int]]:
    """The operations of each vu, in their order."""
    work: dict[int, list[int]] = {}
    for frame in frames:
        work.setdefault(frame.vu, []).extend(frame.draws)
    return work


class Measured(NamedTuple):
    """One metric of a pair."""

    unit: Unit
    base: float
    candidate: float
    difference: float
    """ln(candidate / base)."""


_FLOORS: Final = {"database": DATABASE_FLOOR, "errors": ERRORS_FLOOR}
"""Of figures that may be 0: differences are of what lies above nothing much."""


class Latencies:
    """The successful operations of one engine in one slice."""

    def __init__(self, frames: Sequence[Frame], plan: ExecutionPlan) -> None:
        self.of: defaultdict[str, list[int]] = defaultdict(list)
        """In ns, by label."""
        self._spans: list[tuple[int, int]] = []
        for frame in frames:
            flow = plan.flow_of(frame.vu)
            for index, place in enumerate(places(frame.draws)):
                start_ns, took_ns = frame.starts[index], frame.durations[index]
                self._spans.append((start_ns, start_ns + took_ns))
                if index not in frame.failures:
                    self.of[flow[place].label].append(took_ns)

    @property
    def operations(self) -> int:
        """All that were tried."""
        return len(self._spans)

    def busy_ns(self) -> int:
        """How long at least one operation was going on: of one vu the sum of all, of several what they took together.

        The sum over several vus would count the time they wait for one another, which is theirs in random parts.
        """
        busy = reached = 0
        for start_ns, end_ns in sorted(self._spans):
            busy += max(0, end_ns - max(start_ns, reached))
            reached = max(reached, end_ns)
        return busy


Slices = Sequence[tuple[Latencies, Latencies]]
"""Of a pair, each with what the base did and the candidate."""


def latencies(pair: Pair, plan: ExecutionPlan) -> Slices:
    """What both engines of a pair did, slice by slice."""
    return [(Latencies(base, plan), Latencies(candidate, plan)) for base, candidate in pair.slices]


def measure(pair: Pair, slices: Slices, plan: ExecutionPlan) -> dict[str, Measured]:
    """Every metric that both engines of a pair have a figure of, by name."""
    return dict(chain(_times(slices, plan), _costs(pair)))


def slice_ns(slices: Slices) -> int:
    """The median length of a slice of the base."""
    return round(median(base.busy_ns() for base, _ in slices))


def gathered(pairs: Sequence[Mapping[str, Measured]], margin: float) -> list[Compared]:
    """The metrics that all pairs have, ready to be judged."""
    names = [name for name in pairs[0] if all(name in pair for pair in pairs)] if pairs else []
    return [
        Compared(
            name,
            pairs[0][name].unit,
            max(margin, TAIL_MARGIN) if name.endswith(".p99") else margin,
            [pair[name].base for pair in pairs],
            [pair[name].difference for pair in pairs],
            is_rough=name.endswith(".p99"),
            floor=_FLOORS.get(name, 0.0),
        )
        for name in names
    ]


def machines_of(
    machines: Sequence[MachineResult], made_on: Sequence[str], pairs: Sequence[Mapping[str, Measured]]
) -> list[AbMachine]:
    """What the pairs of each machine say for themselves.

    Args:
        made_on: of each pair, the name of its machine.
    """

    def of(machine: MachineResult) -> AbMachine:
        own = [pair for pair, name in zip(pairs, made_on, strict=True) if name == machine.name]
        names = [name for name in own[0] if all(name in pair for pair in own)] if own else []
        medians = {
            name: ratio_above(
                _FLOORS.get(name, 0.0),
                median(pair[name].base for pair in own),
                median(pair[name].difference for pair in own),
            )
            for name in names
        }
        return AbMachine(**machine.model_dump(), pairs=len(own), ratios=medians)

    return list(map(of, machines))


def _times(slices: Slices, plan: ExecutionPlan) -> Iterator[tuple[str, Measured]]:
    yield from _named("time", _by_slices(slices, lambda each: each.busy_ns() / max(1, each.operations)))
    for label in plan.scenario.labels:
        yield from _named(
            f"{label}.p50",
            _by_slices(slices, lambda each, of=label: median(each.of[of]) if each.of[of] else 0),  # type: ignore[misc]
        )
        yield from _named(f"{label}.p99", _tail(slices, label))


def _named(name: str, measured: Measured | None) -> Iterator[tuple[str, Measured]]:
    if measured is not None:
        yield name, measured


def _by_slices(slices: Slices, figure: Callable[[Latencies], float]) -> Measured | None:
    """The median over slices of the difference, as one slice may have met with something else on the machine."""
    figures = [(figure(base), figure(candidate)) for base, candidate in slices]
    known = [(base, candidate) for base, candidate in figures if base > 0 and candidate > 0]
    if not known:
        return None
    difference = median(math.log(candidate / base) for base, candidate in known)
    return Measured("ns", median(base for base, _ in known), median(candidate for _, candidate in known), difference)


def _tail(slices: Slices, label: str) -> Measured | None:
    samples = [Distribution.of(chain.from_iterable(both[which].of[label] for both in slices)) for which in (0, 1)]
    if min(map(len, samples)) < LEAST_FOR_TAIL:
        return None
    base, candidate = (max(1.0, each.percentile(0.99)) for each in samples)
    return Measured("ns", base, candidate, math.log(candidate / base))


def _costs(pair: Pair) -> Iterator[tuple[str, Measured]]:
    base, candidate = (side.outcome.failed_share for side in pair.sides)
    figures: tuple[tuple[str, Unit, tuple[float, float]], ...] = (
        ("database", "bytes", pair.database_growth),
        ("errors", "errors", (base, candidate)),
    )
    for name, unit, (before, after) in figures:
        difference = math.log((max(0.0, after) + _FLOORS[name]) / (max(0.0, before) + _FLOORS[name]))
        yield name, Measured(unit, before, after, difference)
