"""Finds a capacity: the search, fed with probes, within its time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from random import Random
from statistics import median
from typing import Final

from perfcli.capacity.probe import Probes, check_probed, threshold_count, thresholds_left_out
from perfcli.capacity.result import CapacityResult, Edge, LoadEnd, Of, ProbeResult, ProbeVerdict
from perfcli.capacity.search import Answer, End, Outcome, Probe, Search
from perfcli.capacity.verdict import GENERATOR, edge_between, judged
from perfcli.executors.base import MOST_VUS
from perfcli.plan import ExecutionPlan
from perfcli.results import MachineResult, RunResult
from perfcli.run import StopRequest
from perfcli.units import NS_PER_S

HIGHEST: Final[dict[Of, float]] = {"rate": 1e6, "vus": MOST_VUS}
_TRIES: Final = 3
"""Of a probe that other processes starve."""
_MOST_LOOKS: Final = 4
"""Per probe that is wanted ahead."""
_KNEE: Final = 1.5
_DRIFT_P: Final = 0.01
_SEED_BITS: Final = 32

_ENDS: Final = {
    ProbeVerdict.WRONG: "wrong",
    ProbeVerdict.ERROR: "error",
    ProbeVerdict.INVALID: "invalid",
    ProbeVerdict.STARVED: "invalid",
}


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Where to look, in iterations per second or in vus, and for how long."""

    of: Of
    start: float
    highest: float
    precision: float = 0.05
    max_time_s: float = 120.0
    at_least: float | None = None


class Finding:
    """One search on one engine; each call of `step` is one run.

    Args:
        run: makes the runs of some plans, at the same time if it can.
        at_once: how many it can make at the same time.
        engine: its name, as long as no run has named what it loaded.
        tell: called before each run with what is known, and the load that is tried.

    Raises:
        UsageError: the scenario's load cannot be varied, or is not judged.
    """

    def __init__(
        self,
        plan: ExecutionPlan,
        options: SearchLimits,
        run: Callable[[Sequence[ExecutionPlan]], Sequence[RunResult]],
        stop: StopRequest,
        tell: Callable[[CapacityResult, float], None] = lambda result, load: None,
        clock_s: Callable[[], float] = time.monotonic,
        at_once: int = 1,
        engine: str = "",
    ) -> None:
        check_probed(plan.scenario)
        self._plan = plan
        self._options = options
        self._run = run
        self._stop = stop
        self._tell = tell
        self._clock_s = clock_s
        self._at_once = at_once
        self._engine = engine
        self._make_search = partial(
            Search, options.start, options.highest, precision=options.precision, whole=options.of == "vus"
        )
        self._search = self._make_search()
        self._verdicts: list[tuple[float, bool]] = []
        self._ready: dict[Probe, deque[tuple[ExecutionPlan, RunResult]]] = {}
        """Runs that were made ahead."""
        self._probes = Probes(plan, options.of, round(options.max_time_s * NS_PER_S))
        self._machines: dict[str, MachineResult] = {}
        self._random = Random(f"{plan.seed}/probes")
        self._step: Probe | Answer = self._search.next
        self._made: list[ProbeResult] = []
        self._ended: tuple[str, str] | None = None
        self._last: RunResult | None = None
        self._spent_s = 0.0
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")

    @property
    def is_over(self) -> bool:
        """Whether there is an answer, or no time for more of it."""
        is_ended = isinstance(self._step, Answer) or self._ended is not None
        return is_ended or bool(self._stop.reason) or self._spent_s >= self._options.max_time_s

    def step(self) -> None:
        """Make one run, which may be repeated, and take in what it says."""
        if not isinstance(self._step, Probe):
            return
        began_s = self._clock_s()
        self._tell(self.result(), self._step.load)
        probe = self._probed(self._step, began_s)
        self._spent_s += self._clock_s() - began_s
        if probe.verdict is ProbeVerdict.INTERRUPTED or (probe.verdict is ProbeVerdict.STARVED and self.is_over):
            return
        if probe.verdict in _ENDS:
            self._ended = _ENDS[probe.verdict], probe.reason
            return
        if self._options.of == "vus":
            self._probes.iterations_per_s_of_vu = probe.iterations_per_s / probe.load
        self._verdicts.append((probe.load, probe.verdict is ProbeVerdict.HOLDS))
        self._step = self._search.observe(probe.load, held=probe.verdict is ProbeVerdict.HOLDS)
        if isinstance(self._step, Answer) and (limit := self._generators_limit(self._step)):
            self._ended = "generator", limit

    def _probed(self, wanted: Probe, began_s: float) -> ProbeResult:
        for _ in range(_TRIES):
            plan, self._last = self._run_of(wanted)
            self._machines.update((machine.name, machine) for machine in self._last.machines)
            self._made.append(judged(self._last, wanted.load, plan))
            if self._made[-1].verdict is not ProbeVerdict.STARVED:
                break
            if self._spent_s + self._clock_s() - began_s >= self._options.max_time_s or self._stop.reason:
                break
        return self._made[-1]

    def _run_of(self, wanted: Probe) -> tuple[ExecutionPlan, RunResult]:
        """A run of a probe: one that was made ahead, else a new one, with some of those that may follow."""
        if not self._ready.get(wanted):
            ahead = [wanted]
            if self._at_once > 1:
                ahead = probes_ahead(self._make_search, self._verdicts, self._at_once)
            new = [probe for number, probe in enumerate(ahead) if self._is_missing(probe, ahead[:number])]
            plans = [self._probes.plan_of(each.load, each.length, self._random.getrandbits(_SEED_BITS)) for each in new]
            for probe, plan, run in zip(new, plans, self._run(plans), strict=True):
                self._ready.setdefault(probe, deque()).append((plan, run))
        return self._ready[wanted].popleft()

    def _is_missing(self, probe: Probe, before: Sequence[Probe]) -> bool:
        """Whether those that were made ahead do not suffice for it and the same ones before it."""
        return before.count(probe) >= len(self._ready.get(probe, ()))

    def _generators_limit(self, answer: Answer) -> str:
        """Why the load generator is the limit; "" if it is not."""
        bounds = [probe.bound_by for probe in self._at(answer.fails.load)] if answer.fails else []
        generators = [bound for bound in bounds if bound.startswith(GENERATOR)]
        if 2 * len(generators) <= len(bounds):
            return ""
        uses = generators[-1].removeprefix(GENERATOR).strip(" ()")
        return f"{GENERATOR} {f'uses {uses}' if uses else 'starts iterations late'} at the load that fails"

    def result(self) -> CapacityResult:
        """What is known so far."""
        answer, options = self._search.answer(), self._options
        outcome, reason = self._ended or (answer.outcome.value, "")
        knows_edge = answer.outcome in (Outcome.FOUND, Outcome.UNFINISHED) and outcome != "generator"
        drifts = answer.drift is not None and answer.drift.p < _DRIFT_P
        last = self._last
        return CapacityResult.model_validate(
            {
                "scenario": self._plan.scenario.name,
                "variation": self._plan.variation,
                "of": options.of,
                "outcome": outcome,
                "reason": reason,
                "interrupted": self._stop.reason,
                "out_of_time": answer.outcome is Outcome.UNFINISHED and self._spent_s >= options.max_time_s,
                "thresholds": threshold_count(self._plan.scenario),
                "left_out": thresholds_left_out(self._plan.scenario),
                "precision": options.precision,
                "holds": self._end(answer.holds, ProbeVerdict.HOLDS),
                "fails": self._end(answer.fails, ProbeVerdict.FAILS),
                "half": answer.fit.half if answer.fit and knows_edge else None,
                "scale": answer.fit.scale if answer.fit and knows_edge else None,
                "lower": answer.lower or None if answer.fit and knows_edge else None,
                "upper": answer.upper if answer.fit and knows_edge and answer.upper < float("inf") else None,
                "safe": answer.safe if knows_edge else None,
                "knee": self._knee(),
                "edge": self._edge(answer) if knows_edge else None,
                "bound_by": self._bound_by(answer),
                "drift_per_run": answer.drift.per_run if answer.drift and drifts else None,
                "holds_again": self._end(answer.holds_again, ProbeVerdict.HOLDS),
                "at_least": options.at_least,
                "seed": self._plan.seed,
                "started_at": self._started_at,
                "seconds": self._spent_s,
                "engine": (last.engine if last else "") or self._engine,
                "engine_version": last.environment.engine_version if last else "",
                "commit": last.commit if last else "",
                "engine_modified": last.engine_modified if last else False,
                "usable_cpus": last.environment.usable_cpus if last else None,
                "machines": list(self._machines.values()),
                "probes": self._made,
            }
        )

    def _end(self, end: End | None, verdict: ProbeVerdict) -> LoadEnd | None:
        if end is None:
            return None
        told = [probe.reason for probe in self._at(end.load) if probe.verdict is verdict]
        words = max(told, key=told.count, default="")
        return LoadEnd(load=end.load, held=end.held, runs=end.runs, words=words)

    def _at(self, load: float) -> list[ProbeResult]:
        return [probe for probe in self._made if probe.load == load]

    def _edge(self, answer: Answer) -> Edge | None:
        if answer.holds is None or answer.fails is None:
            return None
        return edge_between(self._at(answer.holds.load), self._at(answer.fails.load))

    def _bound_by(self, answer: Answer) -> str:
        """What most runs at the ends name."""
        ends = [end.load for end in (answer.holds, answer.fails) if end]
        named = [probe.bound_by for load in ends for probe in self._at(load) if probe.bound_by]
        kinds = [each.partition(" (")[0] for each in named]
        return max(named, key=lambda each: kinds.count(each.partition(" (")[0]), default="")

    def _knee(self) -> float | None:
        """The lowest load whose median service time is 1.5 times that of the lowest, read off a straight line."""
        times: dict[float, list[float]] = {}
        for probe in self._made:
            if probe.service_p50_ns is not None:
                times.setdefault(probe.load, []).append(probe.service_p50_ns)
        medians = [(load, median(times[load])) for load in sorted(times)]
        if len(medians) < 2:
            return None
        limit_ns = _KNEE * medians[0][1]
        for (below, of_below), (load, service_ns) in pairwise(medians):
            if service_ns >= limit_ns > of_below:
                return below + (load - below) * (limit_ns - of_below) / (service_ns - of_below)
        return None


def probes_ahead(make_search: Callable[[], Search], verdicts: Sequence[tuple[float, bool]], most: int) -> list[Probe]:
    """The next probe, then those that may follow it, the soonest first, for several machines to make at the same time.

    The search itself does not change: it asks for one probe after another, and a probe that was made ahead is a run at
    its load like any other. What it turns out not to need is left out, which it decides by other runs than that one.

    Args:
        make_search: the search, before its first probe.
        verdicts: of the probes until now: the load, and whether it held.
    """
    ahead: list[Probe] = []
    waiting: deque[tuple[tuple[bool, ...], tuple[Probe, ...]]] = deque([((), ())])
    for _ in range(most * _MOST_LOOKS):
        if not waiting or len(ahead) >= most:
            break
        supposed, before = waiting.popleft()
        probe = _next(make_search(), verdicts, supposed)
        if probe is None:
            continue
        path = (*before, probe)
        if ahead.count(probe) < path.count(probe):
            ahead.append(probe)
        waiting.extend(((*supposed, held), path) for held in (True, False))
    return ahead


def _next(search: Search, verdicts: Sequence[tuple[float, bool]], supposed: Sequence[bool]) -> Probe | None:
    """What a search asks for after these verdicts, and those that are supposed; None if it is over."""
    step: Probe | Answer = search.next
    for load, held in verdicts:
        step = search.observe(load, held=held)
    for held in supposed:
        if not isinstance(step, Probe):
            return None
        step = search.observe(step.load, held=held)
    return step if isinstance(step, Probe) else None
