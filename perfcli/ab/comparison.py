"""`digipal-perf ab`: does the candidate take longer than the base? Pairs until they are enough, then a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

from perfcli.ab.gate import ALPHA, PINNED, UNPINNED, Compared, PairLimits, conclusion, enough, judge
from perfcli.ab.measures import Measured, gathered, machines_of
from perfcli.ab.pairs import SLICES, BothPools, LocalPairs, OpenPools, PairOutcome, PairSource
from perfcli.ab.result import MARGIN, AbResult, EngineSide, MetricComparison, Pairing, StoppedBy
from perfcli.ab.side import BASE, CANDIDATE, Interrupted, Total, naming
from perfcli.cpus import pinnable_cpus
from perfcli.figures import Needs
from perfcli.figures.count_changes import count_changes
from perfcli.measurement.assembly import describe_environment
from perfcli.plan import ExecutionPlan, Slices
from perfcli.pool.processes import LocalPool, forked
from perfcli.pool.template import Template
from perfcli.results import CounterChange
from perfcli.run.supervision import StopRequest
from perfcli.scenario.models import Scenario
from perfcli.scenario.pool_settings import ONE_PROCESS

_LEAST_OF_SEVERAL: Final = 20

Tell = Callable[[int, int, Callable[[], Sequence[MetricComparison]]], None]
"""Told after every pair: how many there are, how many there can be, and how to learn what they say so far."""


def prepared(plan: ExecutionPlan, *, keep_ai: bool, slowdown: float = 0.0) -> ExecutionPlan:
    """The plan of one engine of a pair.

    Left out is what no engine can change: pauses, the AI's own time, limits of time, faults, thresholds. Executors do
    not count, as vus work in slices, and one engine process does all of the work.

    Args:
        keep_ai: let the simulated AI take its time, as somebody asked for it.
        slowdown: planted: each call takes longer by this share of its time.
    """
    scenario = _bare(plan.scenario, keep_ai=keep_ai)
    return plan.model_copy(update={"scenario": scenario, "slices": Slices(slowdown=slowdown)})


def _bare(scenario: Scenario, *, keep_ai: bool) -> Scenario:
    phases = [
        phase.model_copy(
            update={
                "flow": [step.model_copy(update={"timeout": None}) for step in phase.flow if not step.is_pause],
                "thresholds": [],
                "growth": None,
            }
        )
        for phase in scenario.phases_to_run
    ]
    ai = scenario.engine.ai if keep_ai else scenario.engine.ai.model_copy(update={"latency": "0ms", "jitter": "0ms"})
    update = {
        "engine": scenario.engine.model_copy(update={"ai": ai}),
        "pool": ONE_PROCESS,
        "load": None,
        "phases": phases,
        "flow": [],
        "steady_state": [],
        "faults": [],
        "thresholds": [],
    }
    return scenario.model_copy(update=update)


def describe(plan: ExecutionPlan) -> str:
    """What both engines do, in one line."""
    phases = [
        f"{phase.load.vu_count} {'vu' if phase.load.vu_count == 1 else 'vus'}: "
        f"{'a mix of ' if phase.phase.is_mix else ''}{', '.join(phase.phase.labels)}"
        for phase in plan.phases
    ]
    return "; ".join([*phases, *plan.describe_engine()])


@dataclass(frozen=True, slots=True)
class ComparisonOptions:
    """How two engines are compared.

    Args:
        margin: 0.05: a change of less than 5 % is none; p99 has at least 20 %.
        most_pairs: however unsure it still is; None for the gate's own limit.
        max_time_s: after which no further pair begins; None for as long as it takes.
        cpus: to use of those that both engines are pinned to.
        scenarios: that share the probability of a false alarm: each is judged by its part.
    """

    margin: float = MARGIN
    most_pairs: int | None = None
    max_time_s: float | None = None
    cpus: int = 1
    scenarios: int = 1

    @property
    def alpha(self) -> float:
        """What the adjusted p of a metric is held against."""
        return ALPHA / self.scenarios

    def limits(self, *, pinned: bool) -> PairLimits:
        """How many pairs to make. With a small alpha, the least p of 15 pairs leaves little room for many metrics."""
        limits = PINNED if pinned else UNPINNED
        most = self.most_pairs or limits.most
        least = max(limits.least, _LEAST_OF_SEVERAL) if self.scenarios > 1 else limits.least
        return PairLimits(min(least, most), limits.step, most)


def from_engines(base: Path, candidate: Path) -> OpenPools:
    """Pools of processes that import their engine from these directories."""

    @contextmanager
    def opened() -> Iterator[BothPools]:
        with Template() as template:
            yield LocalPool(base, forked(template)), LocalPool(candidate, forked(template))

    return opened


class Comparison:
    """Makes pairs of a base and a candidate, and says what they show.

    Args:
        plans: of the base and of the candidate, with `slices`.
        names: what to call them.
        cpus: that both can be pinned to; None for all that this process may use.
        counted: the plan by which each engine's exact counters are counted before the pairs; None: count nothing.
        random: draws the CPUs and who begins.
    """

    def __init__(
        self,
        plans: tuple[ExecutionPlan, ExecutionPlan],
        names: tuple[str, str],
        options: ComparisonOptions,
        *,
        counted: ExecutionPlan | None = None,
        cpus: Sequence[int] | None = None,
        random: Random | None = None,
        stop: StopRequest | None = None,
        tell: Tell = lambda done, most, so_far: None,
    ) -> None:
        self._plans = plans
        self._plan = plans[0]
        self._counted = counted
        self._options = options
        self._stop = stop or StopRequest()
        self._tell = tell
        self._cpus = pinnable_cpus() if cpus is None else cpus
        self._random = random or Random()
        self._totals = Total(names[0]), Total(names[1])
        self._measured: list[dict[str, Measured]] = []
        self._machines: list[str] = []
        """Of each pair, where it was made."""
        self._slice_ns: list[int] = []
        self._iterations = 0
        self._alike = True
        self._counters: list[CounterChange] = []
        self._not_counted = ""

    def run(self, open_pools: OpenPools) -> AbResult:
        """Compare on this machine."""
        pairs = LocalPairs(
            self._plans, open_pools, self._cpus, self._options.cpus, self._random, lambda: self._stop.reason
        )
        with closing(pairs):
            return self.run_with(pairs)

    def run_with(self, source: PairSource) -> AbResult:
        """Count once, take pairs until they are enough, and conclude."""
        started_at, began_s = datetime.now(UTC), time.monotonic()
        stopped_by = self._take_pairs(source, began_s)
        metrics = judge(self._gathered(), self._options.alpha)
        base, candidate = (each.whole() for each in self._totals)
        change, reasons, invalid = conclusion(
            base, candidate, metrics, self._spoilt(), self._plan.scenario.labels, self._counters
        )
        return AbResult(
            scenario=self._plan.scenario.name,
            plan=describe(self._plan),
            operation_files=self._plan.scenario.operation_sources,
            seed=self._plan.seed,
            started_at=started_at.isoformat(timespec="seconds"),
            duration_ns=round((time.monotonic() - began_s) * 1e9),
            base=base,
            candidate=candidate,
            pairing=Pairing(
                pairs=len(self._measured),
                slices=SLICES * len(self._plan.waves),
                slice_ns=round(median(self._slice_ns)) if self._slice_ns else 0,
                iterations=self._iterations,
                vus=self._plan.vus,
                pinned=source.is_pinned,
                stopped_by=stopped_by,
            ),
            machines=machines_of(source.machines, self._machines, self._measured),
            alpha=self._options.alpha,
            metrics=metrics,
            counters=self._counters,
            not_counted=self._not_counted,
            change=change,
            reasons=[*reasons, *_left_running(base, candidate)],
            invalid=invalid,
            interrupted=self._stop.reason,
            environment=describe_environment(candidate.version),
        )

    def _take_pairs(self, source: PairSource, began_s: float) -> StoppedBy:
        limits = self._options.limits(pinned=source.is_pinned)
        looks = set(limits.looks())
        try:
            if self._counted is not None:
                self._count(source, self._counted)
            while self._add(source.make()):
                made = len(self._measured)
                so_far = self._gathered()
                self._tell(made, limits.most, partial(judge, so_far, self._options.alpha))
                if made in looks and enough(so_far, self._options.alpha):
                    return "precision"
                if made >= limits.most:
                    return "most pairs"
                if self._options.max_time_s and time.monotonic() - began_s >= self._options.max_time_s:
                    return "time"
            base, candidate = self._totals
            if candidate.problem:
                # a full disk or a bug of both stops both, and who met with it first was chance
                base.problem = source.problem_of_base_alone()
        except Interrupted:
            return "interrupt"
        return "problem"

    def _count(self, source: PairSource, plan: ExecutionPlan) -> None:
        """Count what operations of each engine cost; one that cannot be counted leaves the verdict to the pairs.

        Raises:
            Interrupted: the comparison is being stopped.
            UsageError: own operations cannot be loaded on an engine.
        """
        if why_not := plan.scenario.target.lacks.get(Needs.ENGINE, ""):
            self._not_counted = why_not
            return
        found = []
        for which, total in zip((BASE, CANDIDATE), self._totals, strict=True):
            with naming(which):
                count = source.count(plan, of_candidate=which == CANDIDATE)
            total.note_version(count.version)
            if count.is_interrupted:
                raise Interrupted
            if count.counters is None:
                self._not_counted = f"{which} could not be counted: {count.problem.partition(chr(10))[0]}"
                return
            found.append(count.counters)
        self._counters = count_changes(found[0], found[1], names=(BASE, CANDIDATE))

    def _add(self, pair: PairOutcome) -> bool:
        """Take in a pair; False if an engine could not go on."""
        for total, side in zip(self._totals, (pair.base, pair.candidate), strict=True):
            total.add(side)
        self._iterations = max(self._iterations, pair.iterations)
        if pair.problem:
            self._totals[int(pair.is_of_candidate)].problem = pair.problem
            return False
        self._measured.append(pair.measured)
        self._machines.append(pair.machine)
        self._slice_ns.append(pair.slice_ns)
        self._alike &= pair.is_alike
        return True

    def _spoilt(self) -> str:
        """Why the pairs cannot be compared; "" where they can."""
        unsteady = "; ".join(total.unsteady for total in self._totals if total.unsteady)
        return unsteady or ("" if self._alike else "the two engines did different operations")

    def _gathered(self) -> list[Compared]:
        return gathered(self._measured, self._options.margin)


def _left_running(base: EngineSide, candidate: EngineSide) -> Iterator[str]:
    for which, side in (("base", base), ("candidate", candidate)):
        if side.left_running:
            yield f"the {which} left processes running; they were ended: {', '.join(side.left_running)}"
