"""A pair: a fresh process of each engine, alive together on the same CPUs, taking turns in short slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from perfcli.ab.side import EngineProblem, Side
from perfcli.plan import ExecutionPlan
from perfcli.pool.protocol import WorkerPool
from perfcli.recorder import Frame

SLICES: Final = 12
"""Of each engine, in each wave of each pair."""

SLICE_NS: Final = 5_000_000
_WARM_UP_SLICES: Final = 2
_MOST_TRIES: Final = 30
_MOST_GROWTH: Final = 8

Both = tuple[list[Frame], list[Frame]]
"""What the base and the candidate did in a slice."""


@dataclass(slots=True)
class Rhythm:
    """Iterations of each vu in a slice, by wave; found by the first pair and kept by all, so that all do the same."""

    iterations: dict[int, int] = field(default_factory=dict)


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


class PairMaker:
    """Makes one pair after another of the same plan.

    Args:
        cpus: that both engines can be pinned to; none where that cannot be done.
        of_them: how many of these each pair is given.
        random: draws the CPUs and who begins.
    """

    def __init__(
        self,
        plans: tuple[ExecutionPlan, ExecutionPlan],
        cpus: Sequence[int],
        of_them: int,
        random: Random,
        stopped: Callable[[], bool],
    ) -> None:
        self.rhythm = Rhythm()
        self._plans = plans
        self._cpus = cpus
        self._of_them = of_them
        self._random = random
        self._stopped = stopped

    def make(self, pools: tuple[WorkerPool[Any], WorkerPool[Any]]) -> Pair:
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
        before = base.database_bytes(), candidate.database_bytes()
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
            side.pin(cpus)

    def _take_turns(self, pair: Pair, turns: list[Side], wave: int) -> None:
        """Slices in the order ABBA, so that a machine that slows down or speeds up does not favour one of them."""
        iterations = self.rhythm.iterations.get(wave) or self._find_rhythm(pair.sides[0], turns, wave)
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
        self.rhythm.iterations[wave] = iterations
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


def _work(frames: Sequence[Frame]) -> dict[int, list[int]]:
    """The operations of each vu, in their order."""
    work: dict[int, list[int]] = {}
    for frame in frames:
        work.setdefault(frame.vu, []).extend(frame.draws)
    return work
