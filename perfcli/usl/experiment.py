"""The experiment: blocks one after another, each a short run at every load in random order, until there are enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Final, NamedTuple

from perfcli.errors import ExitCode, UsageError, Verdict, of_interrupt
from perfcli.executors import ConstantVus
from perfcli.executors.base import MOST_VUS
from perfcli.executors.fields import duration_text
from perfcli.figures.registry import Group
from perfcli.operations.digipal_data import WRONG
from perfcli.plan import ExecutionPlan
from perfcli.results import MachineResult, RunResult
from perfcli.run import StopRequest
from perfcli.scenario.models import Rules, Scenario
from perfcli.scenario.pool_settings import MOST_PROCESSES
from perfcli.usl.scaling_result import LEAST_BLOCKS, LEAST_LOADS, LoadPoint, Measured, Of, ScalingResult, fitted

_MOST: Final[dict[Of, int]] = {"vus": MOST_VUS, "processes": MOST_PROCESSES}
_START_NS: Final = 900_000_000
"""About what a run takes beside its warm-up and its measured time: start, set-up, account, shutdown."""

_LEAST_WARM_UP_NS: Final = 200_000_000
_KEPT_OF_LOAD: Final = ("load.think_time", "load.warmup", "load.graceful_stop")
_OF_CORRECTNESS: Final = (Group.ANSWERS, Group.INTEGRITY)
DEFAULT_VUS: Final = "1,2,3,4,6,8,12,16"
_EXAMPLE: Final[dict[Of, str]] = {"vus": DEFAULT_VUS, "processes": "1,2,3,4"}


def parse_loads(text: str, of: Of) -> list[int]:
    """The numbers of `1,2,3`, each once, ascending.

    Raises:
        UsageError: one is out of range, or there is only one.
    """
    option, example = f"--{of} {text}", f"for example --{of} {_EXAMPLE[of]}"
    loads = set()
    for number in text.split(","):
        if not number.strip().isdecimal() or not 1 <= int(number) <= _MOST[of]:
            raise UsageError(f"{option}: {number.strip()!r:.60} is not a number from 1 to {_MOST[of]:,}", hint=example)
        loads.add(int(number))
    if len(loads) < 2:
        raise UsageError(f"{option}: scaling compares several numbers, and this is one", hint=example)
    return sorted(loads)


def check_settings(settings: Sequence[str], of: Of) -> None:
    """See that no `--set` changes what each point has of its own.

    Raises:
        UsageError: one does.
    """
    for setting in settings:
        key = setting.partition("=")[0].strip()
        is_load = key.partition(".")[0] == "load" and key not in _KEPT_OF_LOAD
        if is_load or (of == "processes" and key.partition(".")[0] == "pool"):
            raise UsageError(
                f"--set {setting:.60}: scaling sets {key} itself", hint="use --vus, --processes or --duration"
            )


def check_scalable(scenario: Scenario, of: Of) -> None:
    """See that a scenario can be run at several loads.

    Raises:
        UsageError: it has several phases, faults, or a target without engine processes.
    """
    if len(phases := scenario.phases_to_run) > 1:
        names = ", ".join(phase.name for phase in phases)
        raise UsageError(
            f"{scenario.name} has {len(phases)} phases ({names}): scaling needs one phase with a fixed number of vus",
            hint="use a scenario with one phase and one number of vus, e.g. database_load",
        )
    if scenario.faults:
        raise UsageError(f"{scenario.name} has faults: scaling needs a steady load", hint="add --set faults=[]")
    if of == "processes" and not scenario.target.in_process:
        raise UsageError(f"{scenario.name}: --processes counts engines, and its server is one", hint="use --vus")


def plan_at(plan: ExecutionPlan, of: Of, load: int, duration_ns: int, seed: int) -> ExecutionPlan:
    """The plan at one load: constant vus, or engine processes with one vu each.

    Of the thresholds those on answers and integrity remain: what is slower under more load is no failure here.
    """
    scenario = plan.scenario
    (phase,) = scenario.phases_to_run
    timing = ConstantVus(executor="constant-vus", vus=load, duration=duration_text(duration_ns)).model_copy(
        update={
            "think_time": phase.load.think_time,
            "graceful_stop": phase.load.graceful_stop,
            "warmup": duration_text(warm_up_ns(plan)),
        }
    )
    processes = load if of == "processes" else scenario.pool.processes
    changes = {
        "load": None,
        "phases": [
            phase.model_copy(update={"load": timing, "growth": None, "thresholds": _of_correctness(phase.thresholds)})
        ],
        "growth": None,
        "thresholds": _of_correctness(scenario.thresholds),
        "pool": scenario.pool.model_copy(update={"processes": processes}),
    }
    return ExecutionPlan.model_construct(scenario=scenario.model_copy(update=changes), seed=seed)


def warm_up_ns(plan: ExecutionPlan) -> int:
    """The warm-up of each point: the scenario's own, or 200 ms if that is shorter."""
    return max(_LEAST_WARM_UP_NS, *(phase.load.warmup_ns for phase in plan.scenario.phases_to_run))


def _of_correctness(rules: Rules) -> Rules:
    return [
        rule
        for rule in rules
        if rule.threshold.metric.group in _OF_CORRECTNESS and rule.threshold.metric.depends_on_time != "yes"
    ]


@dataclass(frozen=True, slots=True)
class Loads:
    """What is measured.

    Args:
        numbers: of vus or processes, ascending.
        duration_ns: measured time of each point.
        max_time_ns: no run begins after this long; None for no limit.
    """

    of: Of
    numbers: Sequence[int]
    blocks: int
    duration_ns: int
    max_time_ns: int | None = None

    def expected_ns(self, plan: ExecutionPlan) -> int:
        """About how long it takes if no block is repeated."""
        return self.blocks * len(self.numbers) * (self.duration_ns + warm_up_ns(plan) + _START_NS)


@dataclass(frozen=True, slots=True)
class SoFar:
    """How far it has come."""

    load: int
    """Of the next point."""
    block: int
    """Number of the block, from 1."""
    share_done: float
    """Of all points, dropped ones left out."""
    elapsed_ns: int
    starved: int
    """Blocks that were dropped."""


class _Outcome(NamedTuple):
    """What ended the experiment."""

    verdict: Verdict
    reasons: list[str]
    exit_code: int


@dataclass
class Block:
    """A run at each load, or as many as there were until one said that there is no point in more."""

    measured: dict[int, Measured] = field(default_factory=dict)
    starved: str = ""
    """Why it is dropped; "" if it is not."""

    outcome: _Outcome | None = None
    """What ends the experiment."""

    last: RunResult | None = None


RunPlan = Callable[[ExecutionPlan], RunResult]
MakeBlocks = Callable[[Callable[[int, RunPlan], Block]], Generator[Block]]
"""Makes block after block by calling its argument with numbers from 0 and what runs a plan."""


@dataclass
class _Experiment:
    plan: ExecutionPlan
    loads: Loads
    stop: StopRequest
    tell: Callable[[SoFar], None]
    complete: list[dict[int, Measured]] = field(default_factory=list)
    incomplete: dict[int, Measured] = field(default_factory=dict)
    """The last block, if something ended it."""
    starved: list[str] = field(default_factory=list)
    last: RunResult | None = None
    machines: dict[str, MachineResult] = field(default_factory=dict)
    now_ns: Callable[[], int] = time.monotonic_ns
    began_ns: int = 0
    made: int = 0
    """Points of blocks that are not over."""

    def __post_init__(self) -> None:
        self.began_ns = self.now_ns()

    @property
    def elapsed_ns(self) -> int:
        return self.now_ns() - self.began_ns

    def measure(self, blocks: Generator[Block]) -> _Outcome:
        """Take blocks until there are enough, or one of the runs says that there is no point in more."""
        for block in blocks:
            self.made -= len(block.measured)
            self.last = block.last or self.last
            for machine in block.last.machines if block.last else ():
                self.machines.setdefault(machine.name, machine)
            if block.outcome:
                self.incomplete = block.measured
                return block.outcome
            if block.starved:
                self.starved.append(block.starved)
            else:
                self.complete.append(block.measured)
            if len(self.complete) >= self.loads.blocks:
                break
            if len(self.starved) > self.loads.blocks:
                if len(self.complete) >= LEAST_BLOCKS:
                    break
                dropped = f"{len(self.starved)} blocks were dropped, the last one because {self.starved[-1]}"
                return _Outcome(Verdict.INVALID, [dropped], ExitCode.INVALID)
        if self.stop.reason and len(self.complete) < self.loads.blocks:
            return self._interrupted()
        return _Outcome(Verdict.PASS, [], ExitCode.PASS)

    def block(self, number: int, run: RunPlan) -> Block:
        """Make a run at each load, in random order; a starved run drops the block."""
        order, block = list(self.loads.numbers), Block()
        Random(f"{self.plan.seed}/blocks/{number}").shuffle(order)
        for load in order:
            self._tell(load)
            if self.stop.reason:
                block.outcome = self._interrupted()
                break
            if self.loads.max_time_ns is not None and self.elapsed_ns >= self.loads.max_time_ns:
                ended = f"--max-time ended it after {len(self.complete)} of {self.loads.blocks} blocks"
                block.outcome = _Outcome(Verdict.PASS, [ended], ExitCode.PASS)
                break
            plan = plan_at(self.plan, self.loads.of, load, self.loads.duration_ns, self.plan.seed + number)
            block.last = result = run(plan)
            where = f"at {load} {self.loads.of}"
            if broken := _broken(result):
                block.outcome = _Outcome(Verdict.FAIL, [f"{where}: {broken}"], ExitCode.THRESHOLD_FAILED)
                break
            if result.verdict is Verdict.INVALID and result.starved:
                block.starved = result.starved
                break
            if result.verdict is not Verdict.PASS:
                reasons = [f"{where}: {reason}" for reason in result.reasons]
                block.outcome = _Outcome(result.verdict, reasons, result.exit_code)
                break
            block.measured[load] = Measured.of(result)
            self.made += 1
        return block

    def _interrupted(self) -> _Outcome:
        return _Outcome(Verdict.INTERRUPTED, [self.stop.reason], of_interrupt(self.stop.reason))

    def _tell(self, load: int) -> None:
        points = len(self.loads.numbers)
        share = min(1.0, (len(self.complete) * points + self.made) / (self.loads.blocks * points))
        self.tell(SoFar(load, len(self.complete) + 1, share, self.elapsed_ns, len(self.starved)))

    def points(self) -> list[LoadPoint]:
        """What complete blocks show of each load; without enough of them for the law, all that was measured."""
        used = self.complete if len(self.complete) >= LEAST_BLOCKS else [*self.complete, self.incomplete]
        by_load = {load: [block[load] for block in used if load in block] for load in self.loads.numbers}
        return [LoadPoint.of(load, measured) for load, measured in by_load.items() if measured]


def _broken(run: RunResult) -> str:
    """What the engine broke its word by, whatever the scenario's thresholds ask; "" for nothing."""
    violation = run.integrity.violation if run.integrity else ""
    wrong = sum(count for kind, count in run.total.errors.items() if kind.startswith(WRONG))
    return violation or (f"{wrong:,} wrong answers" if wrong else "")


def blocks_here(run: RunPlan) -> MakeBlocks:
    """Makes one block after another on this machine."""
    return lambda block: (block(number, run) for number in count())


def measure_scaling(
    plan: ExecutionPlan,
    loads: Loads,
    *,
    make_blocks: MakeBlocks,
    stop: StopRequest,
    tell: Callable[[SoFar], None] = lambda so_far: None,
    now_ns: Callable[[], int] = time.monotonic_ns,
) -> ScalingResult:
    """Run a scenario at several loads, and fit the Universal Scalability Law if there are enough loads and blocks.

    A starved block is dropped and repeated, as often as there are blocks. A run that does not pass ends it.

    Args:
        make_blocks: on this machine `blocks_here`.
        tell: called before each run, by whoever makes its block.

    Raises:
        UsageError: the scenario cannot be run at several loads.
    """
    check_scalable(plan.scenario, loads.of)
    started_at = datetime.now(UTC)
    experiment = _Experiment(plan, loads, stop, tell, now_ns=now_ns)
    with closing(make_blocks(experiment.block)) as blocks:
        outcome = experiment.measure(blocks)
    points, law = experiment.points(), None
    if len(experiment.complete) >= LEAST_BLOCKS and len(loads.numbers) >= LEAST_LOADS:
        points, law = fitted(points)
    last = experiment.last
    largest = plan_at(plan, loads.of, loads.numbers[-1], loads.duration_ns, plan.seed)
    return ScalingResult(
        scenario=plan.scenario.name,
        of=loads.of,
        loads=list(loads.numbers),
        in_process=plan.scenario.target.in_process,
        plan=largest.describe(),
        seed=plan.seed,
        started_at=started_at.isoformat(timespec="seconds"),
        duration_ns=experiment.elapsed_ns,
        planned_blocks=loads.blocks,
        blocks=len(experiment.complete),
        starved=experiment.starved,
        points=points,
        law=law,
        verdict=outcome.verdict,
        reasons=outcome.reasons,
        exit_code=outcome.exit_code,
        engine=last.engine if last else "",
        commit=last.commit if last else "",
        engine_modified=last.engine_modified if last else False,
        environment=last.environment if last else None,
        machines=list(experiment.machines.values()),
    )
