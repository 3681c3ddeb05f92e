"""Crash tests: the engine process is killed again and again, and what it had acknowledged must be in the database.

At random moments, many on one database; or inside the first write by SQLite, the second, the third, until a run ends
before its kill. It does not show what a loss of power does: the system's page cache survives a kill, and with it what
was written and not synced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from perfcli.errors import ExitCode, UsageError, Verdict
from perfcli.executors import ConstantVus, Load, PerVuIterations
from perfcli.plan import Crash, ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.pool.protocol import WorkerPool
from perfcli.results import RunResult
from perfcli.run import StopRequest, run_scenario
from perfcli.scenario.models import Phase, Scenario
from perfcli.scenario.pool_settings import ONE_PROCESS

KILLS_OF_A_RUN: Final = 20
"""On one database: the more there are, the longer it takes to look at all that is stored."""

EVERY_WRITE_ITERATIONS: Final = 20
_MOST_VUS: Final = 20
_MOST_PETS: Final = 20
_WITHIN_NS: Final = (1_000_000, 200_000_000)
"""When a kill comes at the earliest and at the latest, since its process began to work."""


@dataclass
class CrashResult:
    """What came of one crash test."""

    scenario: str = Field(description="the scenario's name")
    by: str = Field(description="`kills` at random moments, or `every-write`")
    seed: int = Field(description="repeat the kills with --seed")
    engine: str = Field(default="", description="as in the result of a run")
    engine_version: str = Field(default="", description="digest of its sources")
    commit: str = Field(default="", description="as in the result of a run")
    engine_modified: bool = Field(default=False, description="as in the result of a run")
    kills: int = Field(default=0, description="how often the engine was killed")
    acknowledged: int = Field(default=0, description="writes of the load that it acknowledged")
    unknown: int = Field(default=0, description="operations that were in flight at a kill")
    down_ns: list[int] = Field(
        default_factory=list, description="from each kill until the next process worked, checking the database included"
    )
    failure: str = Field(default="", description="what was wrong after the last kill; empty for nothing")
    examples: list[str] = Field(default_factory=list, description="what was lost or stored twice")
    failed_seed: int | None = Field(default=None, description="the seed of the run that failed")
    failed_write: int | None = Field(default=None, description="the number of the write that it was killed in")
    interrupted: str = Field(default="", description="the signal that ended the test; empty for none")
    problem: str = Field(default="", description="why the engine was never killed, if that is known")

    @property
    def exit_code(self) -> ExitCode:
        """That of a run with the same outcome."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.failure:
            return ExitCode.THRESHOLD_FAILED
        return ExitCode.PASS if self.acknowledged and self.kills else ExitCode.INVALID

    def add(self, run: RunResult) -> None:
        """Take in a run, which may be the one that fails."""
        integrity = run.integrity
        self.engine_version = run.environment.engine_version
        self.engine, self.commit, self.engine_modified = run.engine, run.commit, run.engine_modified
        self.kills += len(run.restarts)
        self.unknown += sum(restart.unknown for restart in run.restarts)
        self.down_ns += [restart.down_ns for restart in run.restarts if restart.down_ns is not None]
        self.acknowledged += max(0, integrity.acknowledged - integrity.set_up) if integrity else 0
        self.failure = _failure(run)
        self.examples = list(integrity.examples) if integrity and self.failure else []
        self.problem = "" if self.kills else "; ".join(run.reasons)
        if run.verdict is Verdict.INTERRUPTED:
            self.interrupted = "; ".join(run.reasons)


def _failure(run: RunResult) -> str:
    if run.integrity and run.integrity.violation:
        return run.integrity.violation
    return "; ".join(run.reasons) if run.verdict in (Verdict.ERROR, Verdict.FAIL) else ""


def crash_scenario(
    plan: ExecutionPlan,
    *,
    kills: int = 0,
    writes: Iterable[int] = (),
    pool: Callable[[], WorkerPool[Any]],
    engine: EngineSource,
    stop: StopRequest,
    tell: Callable[[CrashResult], None] = lambda result: None,
) -> CrashResult:
    """Kill an engine until something is wrong, or it was killed as often as asked.

    Args:
        kills: how often, at random moments; 0 for once in each of the `writes`.
        writes: numbers of writes by SQLite, until one is not reached.
        tell: called after each run with what is known so far.

    Raises:
        UsageError: the scenario writes nothing, or its database is out of sight.
    """
    check_crashed(plan.scenario, within_writes=not kills)
    result = CrashResult(plan.scenario.name, "kills" if kills else "every-write", plan.seed)
    for ready in _at_random(plan, kills) if kills else _in_writes(plan, writes):
        run = run_scenario(ready, pool=pool(), stop=stop, engine=engine)
        result.add(run)
        if result.failure:
            result.failed_seed = ready.seed
            result.failed_write = ready.crash.at_write if ready.crash and not kills else None
        tell(result)
        if result.failure or result.interrupted or not run.restarts:
            break
    return result


def _at_random(plan: ExecutionPlan, kills: int) -> Iterator[ExecutionPlan]:
    """Plans of at most KILLS_OF_A_RUN kills each, every one with a seed of its own."""
    scenario = _all_phases_at_once(plan.scenario)
    for first in range(0, kills, KILLS_OF_A_RUN):
        seed = plan.seed + first // KILLS_OF_A_RUN
        random = Random(f"{seed}/kills")
        moments = tuple(random.randint(*_WITHIN_NS) for _ in range(min(KILLS_OF_A_RUN, kills - first)))
        yield ExecutionPlan.model_construct(scenario=scenario, seed=seed, crash=Crash(kills=moments))


def _in_writes(plan: ExecutionPlan, writes: Iterable[int]) -> Iterator[ExecutionPlan]:
    """The same short load again and again, killed in another write each time."""
    scenario = _first_iterations(plan.scenario)
    for number in writes:
        yield ExecutionPlan.model_construct(scenario=scenario, seed=plan.seed, crash=Crash(at_write=number))


def check_crashed(scenario: Scenario, *, within_writes: bool) -> None:
    """See that a crash of a scenario's engine can show something.

    Raises:
        UsageError: the scenario writes nothing, or its engine or database is out of reach.
    """
    if within_writes and not scenario.target.in_process:
        raise UsageError(f"{scenario.name}: --every-write and --at-write need `target: embedded`")
    if not scenario.target.watchable:
        raise UsageError(f"{scenario.name}: its server runs elsewhere, where it cannot be killed or inspected")
    if not any(_writes(phase) for phase in scenario.phases_to_run):
        raise UsageError(
            f"{scenario.name} has no step that writes, so a crash can lose nothing",
            hint="use a scenario with create_pet, interact, care or save_pet in its flow; an operation of your own "
            "reports what it stored by ctx.wrote()",
        )


def _writes(phase: Phase) -> bool:
    return any(step.effects.is_write for step in phase.flow)


def _all_phases_at_once(scenario: Scenario) -> Scenario:
    """Every phase beside the others, as fast as the engine lets it, for as long as the kills take."""
    loads = {
        phase.name: ConstantVus(
            executor="constant-vus",
            vus=min(phase.load.vu_count, _MOST_VUS),
            duration="1h",
            start_after="0s" if number else None,
        )
        for number, phase in enumerate(scenario.phases_to_run)
    }
    return _with_loads(scenario, loads)


def _first_iterations(scenario: Scenario) -> Scenario:
    """The first iterations of one vu, in the first phase that writes."""
    phase = next(phase for phase in scenario.phases_to_run if _writes(phase))
    load = PerVuIterations(executor="per-vu-iterations", vus=1, iterations=EVERY_WRITE_ITERATIONS)
    pets = min(scenario.setup.pets, _MOST_PETS)
    setup = scenario.setup.model_copy(update={"pets": pets})
    return _with_loads(scenario.model_copy(update={"setup": setup}), {phase.name: load})


def _with_loads(scenario: Scenario, loads: Mapping[str, Load]) -> Scenario:
    """The phases of these names with other loads, in one process, without an AI to wait for or other faults."""
    phases = [
        phase.model_copy(update={"load": loads[phase.name], "thresholds": [], "growth": None})
        for phase in scenario.phases_to_run
        if phase.name in loads
    ]
    no_waiting = scenario.engine.ai.model_copy(update={"latency": "0ms", "jitter": "0ms"})
    return scenario.model_copy(
        update={
            "load": None,
            "phases": phases,
            "faults": [],
            "steady_state": [],
            "thresholds": [],
            "growth": None,
            "pool": ONE_PROCESS,
            "engine": scenario.engine.model_copy(update={"ai": no_waiting}),
        }
    )
