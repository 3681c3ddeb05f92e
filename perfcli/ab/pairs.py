"""A pair: a fresh process of each engine, alive together on the same CPUs, taking turns in short slices.

What a comparison takes of one are plain values, so that pairs can be made on other machines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from typing import Any, Final, Protocol

from perfcli.ab.measures import Measured, Pair, latencies, measure, slice_ns
from perfcli.ab.side import EngineProblem, Side, SideOutcome
from perfcli.plan import ExecutionPlan
from perfcli.pool.protocol import WorkerPool
from perfcli.recorder import Frame
from perfcli.results import ExactCounters, MachineResult
from perfcli.run.exact_counts import count_exactly
from perfcli.wire import Message, Opened

SLICES: Final = 12
"""Of each engine, in each wave of each pair."""

SLICE_NS: Final = 5_000_000
_WARM_UP_SLICES: Final = 2
_MOST_TRIES: Final = 30
_MOST_GROWTH: Final = 8
_PAIRS_OF_A_TEMPLATE: Final = 5

BothPools = tuple[WorkerPool[Any], WorkerPool[Any]]
OpenPools = Callable[[], AbstractContextManager[BothPools]]
"""Opens pools for the base and the candidate, for a few pairs."""

BothPlans = tuple[ExecutionPlan, ExecutionPlan]


class PairMaker:
    """Makes one pair after another of the same plan.

    Args:
        cpus: that both engines can be pinned to; none where that cannot be done.
        of_them: how many of these each pair is given.
        random: draws the CPUs and who begins.
    """

    def __init__(
        self,
        plans: BothPlans,
        cpus: Sequence[int],
        of_them: int,
        random: Random,
        stopped: Callable[[], bool],
    ) -> None:
        self.iterations: dict[int, int] = {}
        """Of each vu in a slice, by wave; found by the first pair and kept by all, so that all do the same."""
        self._plans = plans
        self._cpus = cpus
        self._of_them = of_them
        self._random = random
        self._stopped = stopped

    def make(self, pools: BothPools) -> Pair:
        """Start both engines, have them take turns, and end them.

        Raises:
            Interrupted: the comparison is being stopped.
        """
        with ExitStack() as stack:
            order = (0, 1) if self._random.random() < 0.5 else (1, 0)
            started = {which: self._start(stack, pools[which], which) for which in order}
            pair = Pair((started[0], started[1]))
            try:
                self._work(pair, [started[which] for which in order])
            except EngineProblem as problem:
                pair.problem = problem
            return pair

    def _start(self, stack: ExitStack, pool: WorkerPool[Any], which: int) -> Side:
        database = stack.enter_context(pool.make_database())
        handle = pool.start(self._plans[which], database)
        stack.callback(handle.end)
        return Side(handle, self._plans[which], self._stopped, is_base=which == 0)

    def _work(self, pair: Pair, turns: list[Side]) -> None:
        base, candidate = pair.sides
        self._reach_checkpoint(pair)
        before = [side.handle.database.used_bytes() for side in pair.sides]
        # until here, and from the end of the load on, they work at the same time: where there are CPUs for both
        self._pin(pair, self._random.sample(self._cpus, min(self._of_them, len(self._cpus))))
        for side in turns:
            side.go()
        for wave in range(len(self._plans[0].waves)):
            self._take_turns(pair, turns, wave)
        self._pin(pair, self._cpus)
        for side in turns:
            side.end_load()
        self._reach_checkpoint(pair)
        pair.database_growth = base.growth_since(before[0]), candidate.growth_since(before[1])
        for side in turns:
            side.go()
        for side in pair.sides:
            side.leave()

    @staticmethod
    def _reach_checkpoint(pair: Pair) -> None:
        for side in pair.sides:
            side.reach_checkpoint()

    @staticmethod
    def _pin(pair: Pair, cpus: Sequence[int]) -> None:
        if not cpus:
            return
        for side in pair.sides:
            side.handle.pin(cpus)

    def _take_turns(self, pair: Pair, turns: list[Side], wave: int) -> None:
        """Slices in the order ABBA, so that a machine that slows down or speeds up does not favour one of them."""
        iterations = self.iterations.get(wave) or self._find_rhythm(pair.sides[0], turns, wave)
        for _ in range(_WARM_UP_SLICES):
            _do(turns, wave, iterations, measured=False)
        for number in range(SLICES):
            done = _do(turns[:: -1 if number % 2 else 1], wave, iterations, measured=True)
            pair.slices.append((done[id(pair.sides[0])], done[id(pair.sides[1])]))

    def _find_rhythm(self, base: Side, turns: list[Side], wave: int) -> int:
        """Iterations that take the base about as long as a slice, twice in succession; tried by both engines alike."""
        iterations, in_succession = 1, 0
        for _ in range(_MOST_TRIES):
            took_ns = self._try_out(base, turns, wave, iterations)
            in_succession = in_succession + 1 if took_ns >= SLICE_NS / 2 else 0
            iterations = max(1, min(round(iterations * SLICE_NS / took_ns), _MOST_GROWTH * iterations))
            if in_succession == 2:
                break
        self.iterations[wave] = iterations
        return iterations

    @staticmethod
    def _try_out(base: Side, turns: list[Side], wave: int, iterations: int) -> float:
        """What a vu of the base takes, in ns; the lesser of two times, as an engine that is new there starts slowly."""
        times = []
        for _ in range(2):
            frames = _do(turns, wave, iterations, measured=False)[id(base)]
            times.append(sum(sum(frame.durations) for frame in frames) / max(1, len({frame.vu for frame in frames})))
        return max(1.0, min(times))


def _do(turns: Sequence[Side], wave: int, iterations: int, *, measured: bool) -> dict[int, list[Frame]]:
    """One slice of each, in this order: the samples by the id of the side.

    Raises:
        EngineProblem: of one of them; of the base where both have one, as the candidate is then no worse.
    """
    done, problems = {}, []
    for side in turns:
        try:
            done[id(side)] = side.do(wave, iterations, measured=measured)
        except EngineProblem as problem:
            problems.append(problem)
    if problems:
        raise min(problems, key=lambda problem: not problem.side.is_base)
    return done


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
        base, candidate = (replace(side.outcome, left_running=list(side.handle.leftovers())) for side in pair.sides)
        return cls(
            base=base,
            candidate=candidate,
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
        return PairOutcome.of(pair, self._plan, max(self._maker.iterations.values(), default=0))

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
