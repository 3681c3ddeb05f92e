"""Where pairs are made: what comparison takes of one, as plain values that travel, and the pairs of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, fields
from random import Random
from typing import Any, Final, Protocol

from perfcli.ab.measures import Measured, latencies, measure, slice_ns
from perfcli.ab.pairs import Pair, PairMaker
from perfcli.ab.side import SideOutcome
from perfcli.plan import ExecutionPlan
from perfcli.pool.protocol import WorkerPool
from perfcli.results import ExactCounters, MachineResult
from perfcli.run.exact_counts import count_exactly
from perfcli.wire import Message, Opened

_PAIRS_OF_A_TEMPLATE: Final = 5

BothPools = tuple[WorkerPool[Any], WorkerPool[Any]]
OpenPools = Callable[[], AbstractContextManager[BothPools]]
"""Opens pools for the base and the candidate, for a few pairs."""

BothPlans = tuple[ExecutionPlan, ExecutionPlan]


@dataclass(frozen=True, slots=True)
class PairOutcome:
    """What a pair says."""

    base: SideOutcome
    candidate: SideOutcome
    measured: dict[str, Measured]
    """By metric; empty if one of them could not go on."""

    slice_ns: int
    iterations: int
    is_alike: bool
    problem: str = ""
    """Why one of them could not go on."""

    is_of_candidate: bool = False
    """Whether that was the candidate."""

    machine: str = ""
    """The machine of a cluster that it was made on; "" if it was here."""

    @classmethod
    def of(cls, pair: Pair, plan: ExecutionPlan, iterations: int) -> PairOutcome:
        """Of a pair whose engines have been ended."""
        slices = [] if pair.problem else latencies(pair, plan)
        return cls(
            base=SideOutcome.of(pair.sides[0]),
            candidate=SideOutcome.of(pair.sides[1]),
            measured=measure(pair, slices, plan) if slices else {},
            slice_ns=slice_ns(slices) if slices else 0,
            iterations=iterations,
            is_alike=pair.is_alike,
            problem=str(pair.problem) if pair.problem else "",
            is_of_candidate=pair.problem is not None and not pair.problem.side.is_base,
        )

    @classmethod
    def read(cls, given: dict[str, Any]) -> PairOutcome:
        """As `written` wrote it."""
        measured = {name: Measured(*values) for name, values in given["measured"].items()}
        sides = {name: SideOutcome(**given[name]) for name in ("base", "candidate")}
        return cls(**{**given, **sides, "measured": measured})

    def written(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CountOutcome:
    """What was counted of an engine."""

    counters: ExactCounters | None
    version: str
    is_interrupted: bool = False
    problem: str = ""
    """Why there are no counters."""

    @classmethod
    def read(cls, given: dict[str, Any]) -> CountOutcome:
        """As `written` wrote it."""
        counters = given["counters"]
        return cls(**{**given, "counters": None if counters is None else ExactCounters.model_validate(counters)})

    def written(self) -> dict[str, Any]:
        """As plain values."""
        counters = None if self.counters is None else self.counters.model_dump(mode="json")
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"counters": counters}


class PairSource(Protocol):
    """Makes pairs and counts."""

    @property
    def is_pinned(self) -> bool:
        """Whether both engines of a pair are held on the same CPUs."""

    @property
    def machines(self) -> Sequence[MachineResult]:
        """Those of a cluster that pairs are made on; none if it is here."""

    def count(self, plan: ExecutionPlan, *, of_candidate: bool) -> CountOutcome:
        """Count what operations of one engine cost."""

    def make(self) -> PairOutcome:
        """Make a pair, or give one that was made meanwhile.

        Raises:
            Interrupted: the comparison is being stopped.
        """

    def problem_of_base_alone(self) -> str:
        """Why a pair of two bases cannot go on; "" if it can."""


class LocalPairs:
    """Pairs of this machine, until it is closed. Counts and pairs may be asked for in any order.

    Args:
        cpus: that both engines can be pinned to; none if that is impossible.
        of_them: how many of these each pair is given.
        random: draws the CPUs and who begins.
        stopped: why to stop, if there is a reason.
    """

    def __init__(
        self,
        plans: BothPlans,
        open_pools: OpenPools,
        cpus: Sequence[int],
        of_them: int,
        random: Random,
        stopped: Callable[[], str],
    ) -> None:
        self.machines: Sequence[MachineResult] = ()
        self.is_pinned = bool(cpus)
        self._plan = plans[0]
        self._open_pools = open_pools
        self._stopped = stopped
        self._maker = PairMaker(plans, cpus, of_them, random, lambda: bool(stopped()))
        self._stack = ExitStack()
        self._pools: BothPools | None = None
        self._made = 0

    def count(self, plan: ExecutionPlan, *, of_candidate: bool) -> CountOutcome:
        """Count what operations of one engine cost."""
        versions: list[str] = []

        def take(message: Message) -> None:
            if isinstance(message, Opened):
                versions.append(message.version)

        counters, ending = count_exactly(plan, self._opened()[int(of_candidate)], self._stopped, take)
        return CountOutcome(
            counters=counters,
            version=versions[-1] if versions else "",
            is_interrupted=bool(ending.interrupted),
            problem=ending.setup_error or ending.error or ending.disturbed,
        )

    def make(self) -> PairOutcome:
        """Make a pair."""
        if self._made and self._made % _PAIRS_OF_A_TEMPLATE == 0:
            self.close()
        pair = self._maker.make(self._opened())
        self._made += 1
        return PairOutcome.of(pair, self._plan, max(self._maker.rhythm.iterations.values(), default=0))

    def problem_of_base_alone(self) -> str:
        """Why a pair of two bases cannot go on."""
        base = self._opened()[0]
        problem = self._maker.make((base, base)).problem
        return str(problem) if problem else ""

    def close(self) -> None:
        """Let go of the pools."""
        self._stack.close()
        self._pools = None

    def _opened(self) -> BothPools:
        if self._pools is None:
            self._pools = self._stack.enter_context(self._open_pools())
        return self._pools
