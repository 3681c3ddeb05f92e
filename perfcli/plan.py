"""A scenario made ready to run: with its seed, its vus numbered, and a line for what each phase will do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from perfcli.executors import LoadSettings, Share
from perfcli.executors.iterations import CountedLoad
from perfcli.executors.repeated import Repeated
from perfcli.faults.inside import JITTER_AT_MOST
from perfcli.faults.schedule import Occurrence, occurrences
from perfcli.operations import Step
from perfcli.operations.base import StepSettings
from perfcli.scenario.models import Phase, Scenario
from perfcli.units import parse_duration_ns

LONGEST_PASS_NS: Final = 5_000_000_000
"""Costs are counted in passes after the load: no iteration of a pass begins later."""

MOST_PASSES: Final = 4
"""Of each phase, if memory is weighed: always as many, as engines that are compared must do the same."""

INCARNATION: Final = 2**20
"""A vu of an engine process that replaces another one is numbered higher by this: the names of the pets it creates, its
saves and its draws hang on that number, and none of them may come twice.
"""

_OLDEST_BEFORE_KILL_NS: Final = 20_000_000
"""What a killed process had not reported is unknown: the less, the better."""

_SEED_BITS = 32  # short enough to copy from a terminal by hand


@dataclass(frozen=True)
class PlannedPhase:
    """A phase with its place in the run: the vus of a run are numbered through all its phases."""

    index: int
    wave: int
    first_vu: int
    phase: Phase
    pets: int
    load: LoadSettings
    """That of the phase, repeated if it might end before its faults do."""

    @property
    def name(self) -> str:
        """The phase's name."""
        return self.phase.name

    @property
    def flow(self) -> Sequence[Step]:
        """The phase's steps."""
        return self.phase.flow

    @property
    def vus(self) -> range:
        """The numbers of its vus."""
        return range(self.first_vu, self.first_vu + self.load.vu_count)

    @property
    def ends_after_ns(self) -> int:
        """When its last iteration may start, in ns since its wave began, warm-up left out."""
        return (self.load.start_after_ns or 0) + self.load.longest_ns


class Slices(BaseModel):
    """That the tool says when vus work and for how many iterations, as two engines take turns on the same CPUs."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    slowdown: float = Field(default=0.0, ge=0, description="planted: each call takes longer by this share of its time")


class Profiling(BaseModel):
    """That the run is a profile's: its figures are no measurement."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    by: Literal["nothing", "cpu", "memory", "sql", "locks"] = Field(description="nothing: a run to hold others against")
    longest_ns: int = Field(gt=0, description="iterations begin for so long at most, all waves together")


class Crash(BaseModel):
    """That the account is checked after each death, before the next incarnation opens the database.

    Each sample is reported at once, and the load ends soon after the last kill.

    Args:
        kills: when the first process is killed, in ns since it, or the one that it replaces, began to work.
        at_write: the write by SQLite in which the first process kills itself; 0: none.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    kills: tuple[int, ...] = ()
    at_write: int = Field(default=0, ge=0)


class ExecutionPlan(BaseModel):
    """What a run needs to know; travels to the engine process as JSON."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    scenario: Scenario
    seed: int = Field(ge=0, lt=2**63)
    variation: dict[str, str | int | float | bool] = Field(default={}, description="as the result holds it")
    slices: Slices | None = Field(default=None, description="None: the executors decide when vus work")
    profile: Profiling | None = None
    counting_seed: int = Field(default=0, ge=0, lt=2**63, description="of operations that are counted, not timed")

    crash: Crash | None = None
    users_prefix: str = Field(default="", description="of the names of users at a server that serves other runs too")
    serve_at: str = Field(default="", description="where other machines reach the host's; empty: this machine alone")

    @property
    def host(self) -> int | None:
        """The process that serves the engine to the others, and has no vus; None if none does."""
        return self.scenario.pool.processes if self.scenario.serves_others else None

    def on_cluster(self, address: str) -> ExecutionPlan:
        """The same plan, on this cluster if it is one for a cluster: one that says `pool.cluster`."""
        pool = self.scenario.pool
        if "cluster" not in pool.model_fields_set:
            return self
        scenario = self.scenario.model_copy(update={"pool": pool.model_copy(update={"cluster": address})})
        return self.model_copy(update={"scenario": scenario})

    @property
    def first_process(self) -> int:
        """The process that opens the engine before all others, and makes the set-up."""
        return self.host or 0

    @property
    def started_processes(self) -> int:
        """How many processes a run starts: those with vus, and the host."""
        return self.scenario.pool.processes + (self.host is not None)

    @property
    def oldest_sample_ns(self) -> int | None:
        """How old a sample may be when it is reported; None for as usual."""
        if self.crash is not None:
            return 0
        is_killed = any(fault.replaces_processes for fault in self.scenario.faults)
        return _OLDEST_BEFORE_KILL_NS if is_killed else None

    @property
    def title(self) -> str:
        """The scenario's name, in a sweep with its variation, as results have it."""
        from perfcli.results import titled  # `list` plans without it

        return titled(self.scenario.name, self.variation)

    @cached_property
    def phases(self) -> Sequence[PlannedPhase]:
        """What runs, in the order of the file."""
        return tuple(_planned(self.scenario))

    @cached_property
    def waves(self) -> Sequence[Sequence[PlannedPhase]]:
        """Phases that run at the same time; a wave begins when the one before it has ended."""
        waves = range(self.phases[-1].wave + 1)
        return tuple(tuple(phase for phase in self.phases if phase.wave == wave) for wave in waves)

    @cached_property
    def faults(self) -> Sequence[Occurrence]:
        """Each time that a fault is due, in the order of the phases."""
        return tuple(occurrences(self.scenario.faults, [phase.name for phase in self.phases], self.seed))

    @property
    def vus(self) -> int:
        """The vus of all phases."""
        return self.phases[-1].vus.stop

    @cached_property
    def _phase_of_vu(self) -> Sequence[PlannedPhase]:
        return tuple(phase for phase in self.phases for _ in phase.vus)

    def phase_of(self, vu: int) -> PlannedPhase:
        """The phase a vu of any incarnation belongs to."""
        return self._phase_of_vu[vu % INCARNATION]

    def flow_of(self, vu: int) -> Sequence[Step]:
        """The steps a vu's packed draws speak of."""
        return self.phase_of(vu).flow

    def process_of(self, vu: int) -> int:
        """The engine process a vu runs in, counted from 0."""
        return (vu % INCARNATION - self.phase_of(vu).first_vu) % self.scenario.pool.processes

    def describe(self) -> str:
        """What will run, in one line."""
        if len(self.phases) == 1:
            parts = [self.describe_phase(self.phases[0])]
        else:
            parts = [f"{len(self.phases)} phases: {_joined([phase.name for phase in self.phases])}"]
        return "; ".join([*parts, *self.describe_engine()])

    def describe_phase(self, planned: PlannedPhase) -> str:
        """What one phase does, in one line."""
        what = "a mix of " if planned.phase.is_mix else ""
        start = f"after {planned.load.start_after}: " if planned.load.start_after else ""
        return f"{start}{planned.load.describe()}; {what}{_joined(planned.phase.labels)}"

    def describe_engine(self) -> Iterator[str]:
        """What it runs on: the target, its processes, pets and AI."""
        scenario = self.scenario
        if driven := scenario.target.describe():
            yield driven
        yield from self._describe_pool()
        if scenario.setup.pets:
            yield f"{scenario.setup.pets:,} {'pet' if scenario.setup.pets == 1 else 'pets'} set up"
        for fault in scenario.faults:
            yield fault.describe()
        if self._uses_ai:
            yield f"AI {scenario.engine.ai.latency}"

    def _describe_pool(self) -> Iterator[str]:
        pool = self.scenario.pool
        if self.scenario.target.in_process and pool.processes > 1:
            yield f"over {pool.processes} engine processes on one database"
        elif pool.processes > 1 or pool.cluster:
            clients = "1 process" if pool.processes == 1 else f"{pool.processes} processes"
            machines = "1 machine" if pool.machines == 1 else f"{pool.machines} machines"
            on = f" of {pool.server}" if pool.server else ""
            yield f"loaded by {clients}{f', with the server{on} on {machines}' if pool.cluster else ''}"

    @property
    def _uses_ai(self) -> bool:
        scenario = self.scenario
        answers = any(step.waits_for_ai for phase in self.phases for step in phase.flow)
        return answers and scenario.target.watchable and parse_duration_ns(scenario.engine.ai.latency) > 0


def plan_run(
    scenario: Scenario, seed: int | None = None, variation: Mapping[str, str | int | float | bool] | None = None
) -> ExecutionPlan:
    """The plan of one run; without a seed, one is drawn, but not for counts, which are to be the same again."""
    return ExecutionPlan.model_construct(
        scenario=scenario,
        seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
        variation=dict(variation or {}),
        counting_seed=seed or 0,
    )


def _planned(scenario: Scenario) -> Iterator[PlannedPhase]:
    """The phases with their vus; one that says `start_after` joins the wave of those before it."""
    wave = first_vu = 0
    for index, phase in enumerate(scenario.phases_to_run):
        if index and phase.load.start_after is None:
            wave += 1
        load: LoadSettings = phase.load
        faults = [fault for fault in scenario.faults if fault.phase == phase.name or not (fault.phase or index)]
        if faults and isinstance(load, CountedLoad):
            load = Repeated.of(load, max(fault.ends_ns for fault in faults))
        yield PlannedPhase(index, wave, first_vu, phase, scenario.setup.pets, load)
        first_vu += phase.load.vu_count


def _joined(labels: list[str], most: int = 6) -> str:
    shown = labels[:most] + ([f"{len(labels) - most} more"] if len(labels) > most else [])
    return ", ".join(shown)


def silence_of_load_ns(plan: ExecutionPlan, wave: int, process: int) -> int:
    """The longest planned time between two reports of a process while it is measured, if calls take what they may."""
    phases = plan.waves[wave]
    gap_ns = _schedule_gap_ns(phases, Share(process, plan.scenario.pool.processes))
    step_ns = max(step_silence_ns(plan, phase) for phase in phases)
    # before the gap a vu may have been thinking, and after it a call begins
    return gap_ns + 2 * step_ns if gap_ns else step_ns


def silence_of_warm_up_ns(plan: ExecutionPlan, process: int) -> int:
    """The same while it warms up, in any wave."""
    share = Share(process, plan.scenario.pool.processes)
    longest_ns = 0
    for wave in plan.waves:
        warmed = [phase for phase in wave if phase.load.warmup_ns]
        if not any(share.has_part_of(phase.load.vu_count) for phase in warmed):
            longest_ns = max(longest_ns, *(phase.load.warmup_ns for phase in warmed), 0)
        # a short warm-up is waited for by the vus of a longer one
        longest_ns = max(longest_ns, *(phase.load.warmup_ns + step_silence_ns(plan, phase) for phase in warmed), 0)
    return longest_ns


def step_silence_ns(plan: ExecutionPlan, phase: PlannedPhase) -> int:
    """The longest planned time from the end of one operation of a vu to the end of its next."""
    pause_ns = phase.load.think_time.longest_ns
    if phase.phase.is_mix:
        sleeps_ns = [step.pause_ns for step in phase.flow]
        calls_ns = [_call_ns(plan, step) for step in phase.flow if not step.is_pause]
        return pause_ns + max(sleeps_ns, default=0) + max(calls_ns)
    longest_ns = 0
    # twice: the vu thinks between two iterations
    for step in chain(phase.flow, (None,), phase.flow):
        if step is None:
            pause_ns = pause_ns + phase.load.think_time.longest_ns
        elif step.is_pause:
            pause_ns += step.pause_ns
        else:
            longest_ns = max(longest_ns, pause_ns + _call_ns(plan, step))
            pause_ns = 0
    return longest_ns


def iteration_ns(plan: ExecutionPlan, phase: PlannedPhase) -> int:
    """What one iteration may take by plan: its sleeps, its think time, the AI's answers and the steps' timeouts."""
    steps_ns = (step.pause_ns or _call_ns(plan, step) for step in phase.flow)
    return phase.load.think_time.longest_ns + sum(steps_ns)


def longest_call_ns(plan: ExecutionPlan) -> int:
    """What the scenario lets any call take: a step's timeout, or the AI's answer."""
    steps = (step for phase in plan.phases for step in phase.flow if not step.is_pause)
    return max(_call_ns(plan, step) for step in steps)


def _call_ns(plan: ExecutionPlan, step: StepSettings) -> int:
    ai = plan.scenario.engine.ai
    answer_ns = parse_duration_ns(ai.latency) + JITTER_AT_MOST * parse_duration_ns(ai.jitter)
    held_up_ns = max((each.fault.holds_up_ns for each in plan.faults), default=0)
    return max(step.timeout_ns or 0, (answer_ns if step.waits_for_ai else 0) + held_up_ns)


def _schedule_gap_ns(phases: Sequence[PlannedPhase], share: Share) -> int:
    """The longest time in which the schedules of a wave leave a process without work."""
    ends_ns = max((phase.load.start_after_ns or 0) + (phase.load.planned_ns or 0) for phase in phases)
    # what one phase does breaks the silence of the others
    return min((_gap_of_phase_ns(phase, ends_ns, share) for phase in phases), default=ends_ns)


def _gap_of_phase_ns(phase: PlannedPhase, wave_ends_ns: int, share: Share) -> int:
    load = phase.load
    begins_ns, planned_ns, gap_ns = load.start_after_ns or 0, load.planned_ns or 0, load.largest_gap_ns(share)
    if gap_ns >= planned_ns or not share.has_part_of(load.vu_count):
        # it has no work for this process, or nobody knows when its iterations will be done
        return wave_ends_ns
    return max(begins_ns, wave_ends_ns - begins_ns - planned_ns) + gap_ns
